"""Calls workflow functions in order, in this process or in separate ones, of which several may run at once.

The dependencies of a step are written under `steps/`: its function and arguments, its code, and the content of its
inputs. Another run skips steps that are done and unchanged, continues an interrupted step if its function can, and
repeats only the steps that a change affects.
"""

import dataclasses
import hashlib
import itertools
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, as_dict
from tfspine.errors import ConfigError, TfspineError
from tfspine.hashes import CHECKSUMS, code_hash, hash_input
from tfspine.outputs import held, write_text
from tfspine.overall_progress import OverallBar
from tfspine.ownership import added_files, changed_files, write_checksums
from tfspine.workflows.own_process import THREADS_VARIABLE, call_with_progress, process_threads, run_in_own_process

logger = logging.getLogger(__name__)

PACE = "workers"
"""The field with the number of parallel processes, which does not affect the outputs."""

UNKNOWN_S = 10.0
"""Assumed duration of a step in the overall bar if it has not been measured."""


@dataclass(frozen=True)
class Step:
    """One call of a workflow function.

    Attributes:
        name: name of the step, and of its mark.
        call: the function with its arguments: paths, frozen dataclasses and plain values.
        outputs: files and folders that it writes.
        needs: names of the steps that it depends on.
        reads: files and folders that it reads, in addition to the paths among its arguments.
        sections: sections of the experiment in the arguments that the function uses, in addition to its seed.
        goes_on: the function continues in its folder, or adds to it, and never replaces the existing content.
        is_apart: it needs a separate process, as everything that imports TensorFlow does.
        known_s: seconds that it took in the reference run.
    """

    name: str
    call: "partial[Any]"
    outputs: tuple[Path, ...]
    needs: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()
    sections: tuple[str, ...] = ()
    goes_on: bool = False
    is_apart: bool = False
    known_s: float = UNKNOWN_S

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The existing files and folders that it reads, except its own outputs."""
        written = [path.resolve() for path in self.outputs]
        places = [(path, path.resolve()) for path in paths_of(self)]
        return tuple(
            path
            for path, place in places
            if path.exists() and not any(place.is_relative_to(own) or own.is_relative_to(place) for own in written)
        )


def run_steps(steps: Sequence[Step], out: Path, *, jobs: int = 1) -> None:
    """Run every step that is not done; the dependencies of each are written under `out/steps/`.

    Args:
        steps: steps in an order in which each follows those that it needs.
        out: folder of `steps/`.
        jobs: number of steps that run at once if they have separate processes and do not need one another. They
            share the processor's cores; with 1, the steps run in the given order.

    Raises:
        ConfigError: `jobs` is below 1.
        TfspineError: a step failed, and the message names it; or another process, or a step left running by one, is
            working in `out`.
    """
    if jobs < 1:
        raise ConfigError(f"--jobs {jobs}; expected 1 or more")
    with held(out), OverallBar({step.name: step.known_s for step in steps}) as bar:
        fingerprints: dict[str, str] = {}
        numbers = {step.name: number for number, step in enumerate(steps, start=1)}
        environment = _share_of_cores(jobs)

        def run(step: Step) -> None:
            bar.begin(step.name)
            fingerprints[step.name] = _fingerprint(step, fingerprints)
            heading = f"[{numbers[step.name]}/{len(steps)}] {step.name}"
            mark = out / "steps" / f"{step.name}.json"
            is_new = _run_unless_done(step, heading, mark, fingerprints[step.name], environment)
            bar.finish(step.name, is_new=is_new)

        if jobs == 1:
            for step in steps:
                run(step)
        else:
            _run_at_once(steps, run, jobs=jobs)


def _run_at_once(steps: Sequence[Step], run: Callable[[Step], None], *, jobs: int) -> None:
    """Run up to `jobs` steps at once, the earliest first of those whose needs are done."""
    waiting = {step.name: step for step in steps}
    running: dict[Future[None], str] = {}
    with process_threads(jobs) as pool:
        while waiting or running:
            unfinished = {*waiting, *running.values()}
            ready = [step for step in waiting.values() if unfinished.isdisjoint(step.needs)]
            for step in ready[: jobs - len(running)]:
                del waiting[step.name]
                if step.is_apart:
                    running[pool.submit(run, step)] = step.name
                else:
                    run(step)
                    break  # while this thread was busy, others may have become ready
            else:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    future.result()


def _share_of_cores(jobs: int) -> dict[str, str]:
    """Return the environment that gives each TensorFlow process an equal share of the cores, unless it is set."""
    if jobs == 1 or THREADS_VARIABLE in os.environ:
        return {}
    return {THREADS_VARIABLE: str(max(1, len(os.sched_getaffinity(0)) // jobs))}


def _run_unless_done(step: Step, heading: str, mark: Path, fingerprint: str, environment: Mapping[str, str]) -> bool:
    """Run a step unless its mark shows that it is done and unchanged; return whether it was run."""
    state = json.loads(mark.read_text()) if mark.is_file() else {}
    is_same = state.get("fingerprint") == fingerprint
    if is_same and state["is_done"] and all(path.exists() for path in step.outputs):
        logger.info("%s: already done", heading)
        return False
    former = list(map(Path, state.get("former", ())))
    if not is_same and state and any(path.exists() for path in step.outputs):
        logger.info("%s: settings, code or inputs changed since it was made; it is made again", heading)
        former += _set_aside(step)
    _write_mark(mark, fingerprint, seconds=None, former=former)
    started = time.monotonic()
    logger.info("%s: tfspine writes %s", heading, ", ".join(map(str, step.outputs)))
    try:
        _call(step, environment)
    except TfspineError as error:
        raise TfspineError(f"step {heading}: {error}") from error
    if step.goes_on:
        for path in step.outputs:
            write_checksums(path)
    _clear(former)
    _write_mark(mark, fingerprint, seconds=time.monotonic() - started)
    return True


def _call(step: Step, environment: Mapping[str, str]) -> None:
    if step.is_apart:
        run_in_own_process(step.call, environment=environment)
    else:
        call_with_progress(step.call)


def paths_of(step: Step) -> tuple[Path, ...]:
    """Return every path that a step reads or writes."""
    return tuple(_paths([step.call, step.reads]))


def in_turn(*calls: "partial[Any]") -> None:
    """Call one function after the other: for a `Step.call` whose functions share a separate process."""
    for call in calls:
        call_with_progress(call)


def _fingerprint(step: Step, done: Mapping[str, str]) -> str:
    """Return a digest of everything that determines a step's outputs: its function, arguments, code, needs and inputs.

    The number of parallel processes is left out, because it may change when an interrupted run is continued.
    """
    content: list[Any] = [
        _plain(step.call, step.sections),
        [done[name] for name in step.needs],
        [hash_input(path) for path in step.inputs],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any, sections: Sequence[str]) -> Any:
    """Return arguments as JSON values, without the number of parallel processes; a call with the hash of its code."""
    if isinstance(value, partial):
        function = [code_hash(value.func.__module__), value.func.__qualname__]
        return [*function, _plain(value.args, sections), _plain(value.keywords, sections)]
    if isinstance(value, Experiment):
        content = as_dict(value)
        return {"seed": content["seed"]} | {name: _plain(content[name], ()) for name in sections}
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, sections) for key, item in value.items() if key != PACE}
    if isinstance(value, list | tuple):
        return [_plain(item, sections) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _paths(value: Any) -> Iterator[Path]:
    """Yield every path among some arguments."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, partial):
        yield from _paths([value.args, value.keywords])
    elif dataclasses.is_dataclass(value):
        yield from _paths([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif isinstance(value, Mapping):
        yield from _paths(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


def _write_mark(mark: Path, fingerprint: str, *, seconds: float | None, former: Sequence[Path] = ()) -> None:
    state = {"fingerprint": fingerprint, "is_done": seconds is not None, "seconds": seconds and round(seconds, 1)}
    state["former"] = list(map(str, former))
    write_text(mark, json.dumps(state, indent=2) + "\n")


def _set_aside(step: Step) -> list[Path]:
    """Rename the former outputs of a step that its function would not replace, and return the new names."""
    renamed = []
    for path in step.outputs if step.goes_on else ():
        if path.exists():
            number = next(number for number in itertools.count(1) if not _former(path, number).exists())
            renamed.append(path.rename(_former(path, number)))
    return renamed


def _former(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.former-{number}")


def _clear(former: Sequence[Path]) -> None:
    """Delete the renamed outputs if every file is as the step wrote it; otherwise report where they are kept."""
    for path in former:
        is_ours = (path / CHECKSUMS).is_file() and not changed_files(path) and not added_files(path)
        if is_ours:
            shutil.rmtree(path)
        elif path.exists():
            logger.warning("%s: the former output, kept because no finished step wrote all of it", path)
