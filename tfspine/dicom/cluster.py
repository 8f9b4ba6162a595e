"""One function over many studies on a cluster, by Ray Data: the same code that runs in one process, a study a task.

Ray is the engine that installs beside the rest (Apache Beam 2.77 wants protobuf below 7, pyarrow below 26 and pillow
below 13). Without an address it starts on this machine and stops at the end; with one it joins a cluster that runs. The
nodes of a cluster need tfspine installed and the studies' folders under the same names, as a shared file system gives.
Started here, it listens on the loopback interface alone, without its dashboard, and turns away who has not the token
that it keeps in the user's home, unless the environment says `RAY_AUTH_MODE=disabled`. Ray's usage statistics are off.
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
"""With 0, Ray is for one machine and listens on loopback alone; on Linux, too, whatever its name says."""

LOCAL_STORE_BYTES = 256 << 20
"""Ray's store for what is between tasks; here that is a study's description and its result, never pixels."""


@dataclass(frozen=True)
class Cluster:
    """Where to run.

    Attributes:
        address: `local`, or a running cluster as Ray names it: `auto`, `HOST:6379`, `ray://HOST:10001`.
        workers: studies at a time; None: as many as the processors allow.
        processors_per_study: what one study reserves.
        memory_per_study_bytes: what one study reserves; None: nothing.
        attempts: how often a study is tried whose process dies, for want of memory say.
        longest_s: after so many seconds the process of a study that is not done dies.
        engine: further keywords of `ray.init`, such as `runtime_env`.
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
    """What stands in place of a result: why there is none, without any value of the patient's."""

    reason: str


def run_per_study(
    function: Callable[[Item], Result], studies: Sequence[Item], *, cluster: Cluster | None = None
) -> Iterator[Result | StudyFailure]:
    """Yield `function(study)` for each study, in the order of the studies, as soon as those before it are there.

    A study that fails, or whose process dies, gives a `StudyFailure` and stops no other.

    Args:
        function: picklable by cloudpickle, so it may also be a lambda or defined in a function; its result likewise.
        studies: picklable; each is sent to its task alone, so a description with paths, not pixels.
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
    """Yield each item with its result or the reason why it has none, as `many.in_processes` does."""
    for item, result in zip(items, run_per_study(function, items, cluster=cluster), strict=True):
        yield item, result.reason if isinstance(result, StudyFailure) else result


def _start(cluster: Cluster) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by Ray when it starts; not for patient data
    # Ray reads the variable when it is imported: here that has been, in the processes that it starts it has not.
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
    """Yield the results in order; a study of which nothing comes back has taken its process with it."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a block is one study: let Ray lose it and go on
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    died = StudyFailure(
        f"the process that read it died, or was not done after {cluster.longest_s:g} s, {cluster.attempts} times; is a "
        "file damaged, or memory short?"
    )
    with ray.data.DataContext.current(context):
        rows = [{"number": number, "study": cloudpickle.dumps(study)} for number, study in enumerate(studies)]
        with warnings.catch_warnings():
            # Ray deprecates max_retries without another way to say it, and would try a dying study for ever.
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
    """A function of one row that returns errors as values; both travel pickled, since Arrow has no column for them."""

    function: bytes
    longest_s: float

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            function, study = cloudpickle.loads(self.function), cloudpickle.loads(row["study"])
            result = limited(function, study, longest_s=self.longest_s)
        except TfspineError as error:
            result = StudyFailure(str(error))
        except Exception as error:  # one study never stops the rest
            result = StudyFailure(f"failed with {type(error).__name__}; please report it")
        return {"number": row["number"], "result": cloudpickle.dumps(result)}
