"""Commands run one after the other, each in a process of its own, so that nothing works here but not outside.

What a step depends on is written under `steps/`: its command and settings, the code that it runs, and the content of
what it reads. Run again, what is done and unchanged is skipped, and an interrupted step goes on where its command does;
what changed redoes the steps that it reaches, and no others.
"""

import hashlib
import itertools
import json
import keyword
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.cli.options import project_file
from tfspine.compat import Self
from tfspine.config import Experiment, as_dict
from tfspine.errors import TfspineError
from tfspine.hashes import CHECKSUMS, code_hash, hash_input
from tfspine.ownership import added_files, changed_files, write_checksums
from tfspine.workflows.processes import command_line, ended_with_us, how_it_ended

ADDING = ("train", "export")
"""Verbs that go on in their folder, or add to it, and never replace what lies there."""

PACE = "workers"
"""The key that sections of the experiment have for how many work at once: more of them write the same."""


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: of the step, and of its mark.
        arguments: the command line that decides what is written.
        outputs: files and folders that it writes.
        sections: parts of the experiment that it depends on; with none it is not told the experiment.
        needs: names of steps that come before.
        settings: what makes the step this one, as for ``--set``: neither the experiment nor the user overrules them.
        pace: words of the command line that say how fast it goes; a change of them redoes nothing.
        is_served: whether it asks a server of the exported models.
    """

    name: str
    arguments: tuple[str | Path, ...]
    outputs: tuple[Path, ...]
    sections: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    pace: tuple[str, ...] = ()
    is_served: bool = False

    def words(self, experiment: Sequence[str]) -> list[str]:
        """Return the command line, with the words of the experiment where the step depends on it.

        Of two settings of one key the later counts, so the step's own come last.
        """
        own = [word for setting in self.settings for word in ("--set", setting)]
        return [*map(str, self.arguments), *self.pace, *(experiment if self.sections else ()), *own]


def experiment_words(path: Path, settings: Sequence[str]) -> list[str]:
    """Return an experiment as words of a command line."""
    return ["--experiment", str(path), *(word for setting in settings for word in ("--set", setting))]


def run_steps(steps: Sequence[Step], out: Path, experiment: Experiment, words: Sequence[str]) -> None:
    """Run every step that is not done, in order; what each depends on is written under `out/steps/`.

    Args:
        steps: in an order in which each comes after what it needs.
        out: folder of `steps/`, and of `exported/`, which is served to the steps that ask for it.
        experiment: decides, with the arguments, whether a step was done as it is wanted now.
        words: the experiment as words of a command line, for the steps with sections of it.

    Raises:
        TfspineError: a step failed, and its own message stands above; another process, or a step that one left
            behind, works in `out`.
    """
    from tfspine.outputs import held

    with held(out):
        _run_steps(steps, out, experiment, words)


def _run_steps(steps: Sequence[Step], out: Path, experiment: Experiment, words: Sequence[str]) -> None:
    fingerprints: dict[str, str] = {}
    for number, step in enumerate(steps, start=1):
        fingerprints[step.name] = _fingerprint(step, out, experiment, fingerprints)
        mark = out / "steps" / f"{step.name}.json"
        state = json.loads(mark.read_text()) if mark.is_file() else {}
        is_same = state.get("fingerprint") == fingerprints[step.name]
        heading = f"[{number}/{len(steps)}] {step.name}"
        if is_same and state["is_done"] and all(path.exists() for path in step.outputs):
            print(f"{heading}: done before", file=sys.stderr)
            continue
        former = list(map(Path, state.get("former", ())))
        if not is_same and state and any(path.exists() for path in step.outputs):
            print(f"{heading}: settings, code or inputs changed since it was made; it is made anew", file=sys.stderr)
            former += _set_aside(step)
        _write_mark(mark, fingerprints[step.name], seconds=None, former=former)
        started = time.monotonic()
        _run_step(step, heading, out, step.words(words))
        if step.arguments[0] in ADDING:
            for path in step.outputs:
                write_checksums(path)
        _clear(former)
        _write_mark(mark, fingerprints[step.name], seconds=time.monotonic() - started)


def _run_step(step: Step, heading: str, out: Path, words: Sequence[str]) -> None:
    if not step.is_served:
        _call(heading, words)
        return
    with _server(out / "exported") as url:
        _call(heading, [*words, "--server", url])


def _call(heading: str, words: Sequence[str]) -> None:
    print(f"{heading}: tfspine {shlex.join(words)}", file=sys.stderr, flush=True)
    # A step that outlives us keeps the folder held (`outputs.held`), so that the next call does not work against it.
    opened = subprocess.Popen(command_line(words), stdout=sys.stderr, text=True, close_fds=False)
    with opened as process, ended_with_us(process):
        process.wait()
    if process.returncode:
        more = "its own message stands above" if process.returncode > 0 else "run the same again to go on"
        raise TfspineError(f"step {heading} {how_it_ended(process.returncode)}; {more}")


@contextmanager
def _server(exported: Path) -> Iterator[str]:
    """Run ``tfspine serve`` on free ports and yield its gRPC address."""
    words = ["serve", "--model-config-file", str(project_file("serving/models.config")), "--model-root", str(exported)]
    words += ["--port", "0", "--rest-api-port", "0"]
    print(f"tfspine {shlex.join(words)}", file=sys.stderr, flush=True)
    with subprocess.Popen(command_line(words), stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            if not line:
                raise TfspineError("tfspine serve ended before it was ready; its own message stands above")
            yield f"grpc://127.0.0.1:{json.loads(line)['grpc']}"
        finally:
            server.terminate()


def _fingerprint(step: Step, out: Path, experiment: Experiment, done: dict[str, str]) -> str:
    """Return a digest of all that decides a step's outputs: its command, settings, seed, code, needs and inputs.

    How many work at once does not count: between two stretches of hours it may change.
    """
    config = as_dict(experiment)
    verb = str(step.arguments[0])
    content: list[Any] = [
        code_hash(f"tfspine.cli.{verb}{'_' if keyword.iskeyword(verb) else ''}"),
        config["seed"],
        [str(word) for word in step.arguments],
        list(step.settings),
        {section: {k: v for k, v in config[section].items() if k != PACE} for section in step.sections},
        [done[name] for name in step.needs],
        [hash_input(path) for path in _inputs(step, out)],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _inputs(step: Step, out: Path) -> Iterator[Path]:
    """Yield the files and folders that a step reads: those its command line names, and the models it is served."""
    words = [Path(str(word).rpartition("=")[2]) for word in (*step.arguments, *step.settings)]
    written = [path.resolve() for path in step.outputs]
    for path in [*words, out / "exported"] if step.is_served else words:
        place = path.resolve()
        # A bare word, such as a verb, may be the name of a file in the folder that the user is in.
        is_path = len(path.parts) > 1 and path.exists()
        if is_path and not any(place.is_relative_to(own) or own.is_relative_to(place) for own in written):
            yield path


def _write_mark(mark: Path, fingerprint: str, *, seconds: float | None, former: Sequence[Path] = ()) -> None:
    from tfspine.outputs import write_text

    state = {"fingerprint": fingerprint, "is_done": seconds is not None, "seconds": seconds and round(seconds, 1)}
    state["former"] = list(map(str, former))
    write_text(mark, json.dumps(state, indent=2) + "\n")


def _set_aside(step: Step) -> list[Path]:
    """Rename what a step wrote before, where its command would not replace it, and return the new names."""
    renamed = []
    for path in step.outputs if step.arguments[0] in ADDING else ():
        if path.exists():
            number = next(number for number in itertools.count(1) if not _former(path, number).exists())
            renamed.append(path.rename(_former(path, number)))
    return renamed


def _former(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.former-{number}")


def _clear(former: Sequence[Path]) -> None:
    """Remove what was set aside, if every file in it is as the step wrote it; otherwise say where it is kept."""
    for path in former:
        is_ours = (path / CHECKSUMS).is_file() and not changed_files(path) and not added_files(path)
        if is_ours:
            shutil.rmtree(path)
        elif path.exists():
            print(f"{path}: the former output, kept because no finished step wrote all of it", file=sys.stderr)


class MemoryWatch(threading.Thread):
    """Samples the resident memory of this process and all it started, once a second, within a `with` block."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_gib = 0.0
        self._is_over = threading.Event()

    def run(self) -> None:
        """Sample until the block ends."""
        import psutil

        me = psutil.Process()
        while not self._is_over.wait(1.0):
            total = 0
            for process in (me, *me.children(recursive=True)):
                with suppress(psutil.Error):
                    total += process.memory_info().rss
            self.peak_gib = max(self.peak_gib, total / 2**30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
