"""TF_CONFIG: which machines train one detector together, checked before TensorFlow is imported.

Without it `tf.distribute.MultiWorkerMirroredStrategy` assumes that it is the only worker, so that each worker would
train a detector of its own, all in the same folder (TensorFlow, Multi-worker training with Keras).
"""

import json
import os
from typing import Any

from tfspine.errors import ConfigError

VARIABLE = "TF_CONFIG"

EXAMPLE = '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'

ROLES = ("chief", "worker")
"""Tasks that train; parameter servers and evaluators belong to other strategies."""


def require_cluster() -> None:
    """Reject multi-worker training if TF_CONFIG does not list the workers and identify this one.

    Raises:
        ConfigError: TF_CONFIG is incomplete; the message names what is missing and gives an example.
    """
    text = os.environ.get(VARIABLE, "")
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


def _table(content: Any, name: str) -> dict[str, Any]:
    table = content.get(name) if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise _refused(f"has no {name}")
    return table


def _refused(what: str) -> ConfigError:
    return ConfigError(
        f"--strategy multiworker: {VARIABLE} {what}; every worker needs it, for example {VARIABLE}='{EXAMPLE}'; "
        "on one machine use --strategy auto"
    )
