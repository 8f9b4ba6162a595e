"""Apply one function to many studies on a cluster, with Ray Data: the same code as in one process, one task per study.

Ray was chosen because its dependencies are compatible with the others (Apache Beam 2.77 requires protobuf below 7,
pyarrow below 26 and pillow below 13). Without an address, Ray is started on this machine and stopped at the end; with
an address, it joins a running cluster. The nodes of a cluster need tfspine installed and the study folders under the
same paths, for example on a shared file system. A local Ray listens on the loopback interface only, without its
dashboard, and requires the token that it keeps in the user's home directory, unless the environment sets
`RAY_AUTH_MODE=disabled`. Ray's usage statistics are off.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
import ray.data
from ray import cloudpickle
from ray._private import ray_constants

from tfspine.dicom.many import LONGEST_S
from tfspine.errors import ConfigError, TfspineError
from tfspine.process_pool import limited

Item = TypeVar("Item")
Result = TypeVar("Result")

LOCAL = "local"
MANY_MACHINES_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""With 0, Ray runs on one machine and listens on loopback only; despite its name, this also applies on Linux."""

LOCAL_STORE_BYTES = 256 << 20
"""Size of Ray's object store; it holds only descriptions and results of studies, never pixels."""


@dataclass(frozen=True)
class Cluster:
    """Where to run.

    Attributes:
        address: `local`, or a running cluster as Ray names it: `auto`, `HOST:6379`, `ray://HOST:10001`.
        workers: number of studies at a time; None: as many as the processors allow.
        processors_per_study: processors that one study reserves.
        memory_per_study_bytes: memory that one study reserves; None: no reservation.
        attempts: how often a study is tried if its process dies, for example for lack of memory.
        longest_s: time limit for one study in seconds; its process is ended after that.
        engine: further keyword arguments of `ray.init`, such as `runtime_env`.
    """

    address: str = LOCAL
    workers: int | None = None
    processors_per_study: float = 1.0
    memory_per_study_bytes: int | None = None
    attempts: int = 2
    longest_s: float = LONGEST_S
    engine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyFailure:
    """Returned in place of a result: the reason for the failure, without any patient data."""

    reason: str


def run_per_study(
    function: Callable[[Item], Result], studies: Sequence[Item], *, cluster: Cluster | None = None
) -> Iterator[Result | StudyFailure]:
    """Yield `function(study)` for each study, in the order of the studies, as soon as all earlier results are there.

    A study that fails, or whose process dies, yields a `StudyFailure` and does not affect the other studies.

    Args:
        function: must be picklable by cloudpickle, so lambdas and nested functions are allowed; so must its result.
        studies: picklable; each is sent to its own task, so pass a description with paths, not pixels.
        cluster: where to run; this machine, if None.

    Raises:
        ConfigError: the cluster cannot be reached or started.
    """
    cluster = cluster or Cluster()
    if cluster.attempts < 1 or (cluster.workers is not None and cluster.workers < 1):
        raise ConfigError(f"{cluster.workers} workers, {cluster.attempts} attempts; expected at least 1 of each")
    if not studies:
        return
    is_ours = not ray.is_initialized()
    if is_ours:
        _start(cluster)
    try:
        yield from _results(function, studies, cluster)
    finally:
        if is_ours:
            ray.shutdown()


def on_cluster(
    function: Callable[[Item], Result], items: Sequence[Item], *, cluster: Cluster
) -> Iterator[tuple[Item, Result | str]]:
    """Yield each item with its result, or with the reason why there is no result, as `many.in_processes` does."""
    for item, result in zip(items, run_per_study(function, items, cluster=cluster), strict=True):
        yield item, result.reason if isinstance(result, StudyFailure) else result


def _start(cluster: Cluster) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by Ray when it starts; not for patient data
    # Ray reads the variable on import, which is already done in this process but not in those that Ray starts.
    ray_constants.ENABLE_RAY_CLUSTER = cluster.address != LOCAL
    os.environ[MANY_MACHINES_VARIABLE] = str(int(ray_constants.ENABLE_RAY_CLUSTER))
    options: dict[str, Any] = {"address": cluster.address, "logging_level": logging.ERROR, "log_to_driver": False}
    if cluster.address == LOCAL:
        options |= {
            "num_cpus": cluster.workers,
            "include_dashboard": False,
            "object_store_memory": LOCAL_STORE_BYTES,
        }
    try:
        ray.init(**options | dict(cluster.engine))
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{cluster.address}: Ray does not start there: {reason}") from None


def _results(
    function: Callable[[Item], Result], studies: Sequence[Item], cluster: Cluster
) -> Iterator[Result | StudyFailure]:
    """Yield the results in order; if nothing comes back for a study, its process has died."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a block is one study: let Ray lose it and continue
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    died = StudyFailure(
        f"the process that read it died, or was not finished after {cluster.longest_s:g} s, {cluster.attempts} "
        "times; a file may be damaged, or memory too small"
    )
    with ray.data.DataContext.current(context):
        rows = [{"number": number, "study": cloudpickle.dumps(study)} for number, study in enumerate(studies)]
        with warnings.catch_warnings():
            # Ray deprecates max_retries without a replacement; without it, a study that dies would be retried for ever.
            warnings.simplefilter("ignore", DeprecationWarning)
            data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
                _Guarded(cloudpickle.dumps(function), cluster.longest_s),
                compute=ray.data.TaskPoolStrategy(size=cluster.workers),
                num_cpus=cluster.processors_per_study,
                memory=cluster.memory_per_study_bytes,
                max_retries=cluster.attempts - 1,
            )
        expected = 0
        for row in data.iter_rows():
            yield from [died] * (row["number"] - expected)
            yield cloudpickle.loads(row["result"])
            expected = row["number"] + 1
        yield from [died] * (len(studies) - expected)


@dataclass(frozen=True)
class _Guarded(Generic[Item, Result]):
    """Wrap the function for one row, returning errors as values; both are pickled, as Arrow has no type for them."""

    function: bytes
    longest_s: float

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            function, study = cloudpickle.loads(self.function), cloudpickle.loads(row["study"])
            result = limited(function, study, longest_s=self.longest_s)
        except TfspineError as error:
            result = StudyFailure(str(error))
        except Exception as error:  # one failing study must not stop the others
            result = StudyFailure(f"failed with {type(error).__name__}; please report it")
        return {"number": row["number"], "result": cloudpickle.dumps(result)}
