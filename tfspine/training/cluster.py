"""Which machines train one detector together: from TF_CONFIG or from Slurm, checked before TensorFlow starts.

Without them `tf.distribute.MultiWorkerMirroredStrategy` assumes that it is the only worker, so that each worker would
train a detector of its own, all in the same folder (TensorFlow, Multi-worker training with Keras).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfspine.errors import ConfigError

VARIABLE = "TF_CONFIG"

EXAMPLE = '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'

ROLES = ("chief", "worker")
"""Tasks that train; parameter servers and evaluators belong to other strategies."""

FIRST_PORT, PORTS = 20_000, 20_000
"""Under Slurm the port follows from the job's number, so that two jobs on one node do not share it."""


@dataclass(frozen=True)
class Cluster:
    """The processes of one training.

    Attributes:
        addresses: ``host:port`` of each, that of the chief first; the chief writes the run folder.
        rank: the place of this process among them, from 0.
    """

    addresses: tuple[str, ...]
    rank: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0


def read_cluster() -> Cluster:
    """Return the cluster that TF_CONFIG describes, or, if it is not set, the tasks of the Slurm job step.

    TF_CONFIG is set from Slurm's variables, because TensorFlow's strategy reads it.

    Raises:
        ConfigError: neither describes a cluster; the message names what is missing and gives an example.
    """
    if not os.environ.get(VARIABLE, "").strip() and int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        os.environ[VARIABLE] = json.dumps(_of_slurm())
    return _parse(os.environ.get(VARIABLE, ""))


def _of_slurm() -> dict[str, Any]:
    import tensorflow as tf  # noqa: PLC0415 (only here: without Slurm, all is checked before TensorFlow is imported)

    port = FIRST_PORT + int(os.environ.get("SLURM_JOB_ID", 0)) % PORTS
    # Slurm itself decides which GPUs each task sees; these numbers only have to be large enough for TensorFlow.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=port,
        gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    return {
        "cluster": resolver.cluster_spec().as_dict(),
        "task": {"type": "worker", "index": int(os.environ["SLURM_PROCID"])},
    }


def _parse(text: str) -> Cluster:
    if not text.strip():
        raise _refused("is not set")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _refused(f"is not JSON ({error})") from None
    cluster, task = (_table(content, name) for name in ("cluster", "task"))
    workers = {role: cluster[role] for role in ROLES if role in cluster}
    if not any(workers.values()) or not all(isinstance(addresses, list) for addresses in workers.values()):
        raise _refused("names no list of workers under cluster.worker")
    role, index = task.get("type"), str(task.get("index"))
    if role not in workers:
        raise _refused(f"has task.type = {role!r}; expected one of {', '.join(workers)}")
    if not index.isdecimal() or int(index) >= len(workers[role]):
        raise _refused(f"has task.index = {index}; expected 0 to {len(workers[role]) - 1}")
    addresses = [address for role in ROLES for address in workers.get(role, [])]
    for address in addresses:
        if not _is_address(address):
            raise _refused(f"has the address {address!r}; expected host:port")
    if len(set(addresses)) < len(addresses):
        raise _refused("names an address twice")
    before = len(workers.get("chief", [])) if role == "worker" else 0
    return Cluster(tuple(addresses), before + int(index))


def _table(content: Any, name: str) -> Mapping[str, Any]:
    table = content.get(name) if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise _refused(f"has no {name}")
    return table


def _is_address(address: Any) -> bool:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host) and port.isdecimal() and 0 < int(port) < 2**16


def _refused(what: str) -> ConfigError:
    return ConfigError(
        f"--strategy multiworker: {VARIABLE} {what}; every worker needs it, for example {VARIABLE}='{EXAMPLE}', or "
        "start the workers with srun; on one machine use --strategy auto"
    )
