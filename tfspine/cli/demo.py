"""``tfspine demo``: the whole way on simulated patients, by the commands that a user would type.

Each step is one command in a process of its own, so that nothing works here that would not work outside. What a step
depends on is written under `steps/`: run again, the demo skips what is done and unchanged, and goes on where it was
interrupted; a setting that changed redoes the steps that it reaches, and no others.
"""

import argparse
import hashlib
import json
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
from typing import Any, Self

import tfspine
from tfspine.cli.options import project_file
from tfspine.config import Experiment, as_dict
from tfspine.errors import TfspineError
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region

NOTICE = "Simulated patients. Research software, not a medical device."


@dataclass(frozen=True)
class Step:
    """One command: what it writes, the settings it depends on, and the steps it needs."""

    name: str
    arguments: tuple[str | Path, ...]
    outputs: tuple[Path, ...]
    sections: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    is_served: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine demo``."""
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="folder for everything it makes")
    parser.add_argument("--experiment", type=Path, metavar="TOML", help="default: experiments/demo.toml")
    parser.add_argument(
        "--plane", choices=list(Plane), type=Plane, help="only this plane's detector and graders, up to their export"
    )
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="A.B=C")


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the table of results and where the report lies.

    With `--plane` it ends with that plane's SavedModel, and prints where it lies.
    """
    started = time.monotonic()
    path = args.experiment or project_file("experiments/demo.toml")
    experiment = load_experiment(path, args.settings)
    with _MemoryWatch() as memory:
        steps = plan(args.out) if args.plane is None else training_plan(args.out, [args.plane])
        _run_steps(steps, args.out, experiment, _experiment_words(path, args.settings))
    if args.plane is None:
        print((args.out / "evaluation" / "summary.txt").read_text())
    print(f"{time.monotonic() - started:.0f} s, at most {memory.peak_gib:.1f} GiB of memory")
    print(NOTICE)
    print(f"{steps[-1].name}: {steps[-1].outputs[0]}")


def plan(out: Path) -> tuple[Step, ...]:
    """Return all steps, in order."""
    return (*training_plan(out, tuple(Plane)), *_reading_steps(out))


def training_plan(out: Path, planes: Sequence[Plane]) -> tuple[Step, ...]:
    """Return the steps from simulated patients to the SavedModels of some planes, in order."""
    slices, records, labels, splits = out / "slices", out / "records", out / "phantom" / "labels", out / "splits.csv"
    runs = out / "runs"
    return (
        Step("phantom", ("phantom", "--out", out / "phantom"), (out / "phantom",), sections=("phantom",)),
        Step("ingest", ("ingest", out / "phantom" / "dicom", "--out", slices), (slices,), needs=("phantom",)),
        Step(
            "check",
            ("check", "--labels", labels, "--slices", slices, "--out", out / "problems.csv"),
            (out / "problems.csv",),
            needs=("ingest",),
        ),
        Step(
            "split", ("split", "--slices", slices, "--out", splits), (splits,), sections=("split",), needs=("ingest",)
        ),
        Step(
            "records",
            ("records", "--slices", slices, "--labels", labels, "--splits", splits, "--out", records),
            (records,),
            sections=("records",),
            needs=("check", "split"),
        ),
        *_detector_steps(records, runs, planes),
        *(_grader_step(region, records, runs) for region in Region if region.plane in planes),
        *(_export_step(plane, slices, runs, out / "exported") for plane in planes),
    )


def _detector_steps(records: Path, runs: Path, planes: Sequence[Plane]) -> Iterator[Step]:
    """Yield the training of detectors; each starts from what the one before it has learned to see."""
    start: tuple[str, ...] = ("--set", "training.precision=auto")
    needs: tuple[str, ...] = ("records",)
    for plane in planes:
        yield Step(
            f"detector-{plane}",
            ("train", "detector", "--plane", plane, "--records", records, "--out", runs / plane, *start),
            (runs / plane,),
            sections=("detector", "training", "overrides"),
            needs=needs,
        )
        start = (*start, "--set", f"detector.checkpoint={runs / plane}")
        needs = ("records", f"detector-{plane}")


def _grader_step(region: Region, records: Path, runs: Path) -> Step:
    return Step(
        f"grader-{region}",
        ("train", "grader", "--region", region, "--records", records, "--out", runs / region),
        (runs / region,),
        sections=("grader", "training"),
        needs=("records",),
    )


def _export_step(plane: Plane, slices: Path, runs: Path, exported: Path) -> Step:
    from tfspine.signatures import MODEL_NAMES

    graders = [region for region in Region if region.plane is plane]
    return Step(
        f"export-{plane}",
        (
            *(
                "export",
                "--detector",
                runs / plane,
                *(word for region in graders for word in ("--grader", runs / region)),
            ),
            *("--slices", slices, "--out", exported),
        ),
        (exported / MODEL_NAMES[plane],),
        needs=(f"detector-{plane}", *(f"grader-{region}" for region in graders)),
    )


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield what comes after the SavedModels: the test studies read, measured, explained and shown."""
    slices, labels, splits = out / "slices", out / "phantom" / "labels", out / "splits.csv"
    predictions = out / "predictions"
    made = (out / "phantom", slices, out / "records", *(out / "runs" / region for region in Region), predictions)
    yield Step(
        "predict",
        ("predict", "--slices", slices, "--splits", splits, "--split", "test", "--out", predictions),
        (predictions,),
        needs=tuple(f"export-{plane}" for plane in Plane),
        is_served=True,
    )
    yield Step(
        "evaluate",
        (
            *("evaluate", "--reference", labels, "--slices", slices, "--splits", splits, "--split", "test"),
            *("--reader", f"tfspine={predictions / 'predictions.csv'}", "--out", out / "evaluation"),
            *("--dicom", out / "phantom" / "dicom"),
            *(word for folder in made for word in ("--run", folder)),
        ),
        (out / "evaluation",),
        sections=("evaluation",),
        needs=("predict",),
    )
    yield Step(
        "explain",
        (
            *("explain", *(word for region in Region for word in ("--grader", out / "runs" / region))),
            *("--slices", slices, "--boxes", predictions / "predictions.csv", "--out", out / "explained"),
        ),
        (out / "explained",),
        sections=("explain",),
        needs=("predict",),
    )
    yield Step(
        "report",
        (
            *("report", "--predictions", predictions, "--slices", slices, "--evaluation", out / "evaluation"),
            *("--explained", out / "explained", "--out", out / "report.html", "--notice", NOTICE),
        ),
        (out / "report.html",),
        needs=("evaluate", "explain"),
    )


def _experiment_words(path: Path, settings: Sequence[str]) -> list[str]:
    return ["--experiment", str(path), *(word for setting in settings for word in ("--set", setting))]


def _run_steps(steps: Sequence[Step], out: Path, experiment: Experiment, experiment_words: Sequence[str]) -> None:
    fingerprints: dict[str, str] = {}
    for number, step in enumerate(steps, start=1):
        fingerprints[step.name] = _fingerprint(step, experiment, fingerprints)
        mark = out / "steps" / f"{step.name}.json"
        state = json.loads(mark.read_text()) if mark.is_file() else {}
        is_same = state.get("fingerprint") == fingerprints[step.name]
        heading = f"[{number}/{len(steps)}] {step.name}"
        if is_same and state["is_done"] and all(path.exists() for path in step.outputs):
            print(f"{heading}: done before", file=sys.stderr)
            continue
        if not is_same:
            _remove(step.outputs)
        _write_mark(mark, fingerprints[step.name], seconds=None)
        started = time.monotonic()
        _run_step(step, heading, out, experiment_words if step.sections else ())
        _write_mark(mark, fingerprints[step.name], seconds=time.monotonic() - started)


def _run_step(step: Step, heading: str, out: Path, experiment_words: Sequence[str]) -> None:
    words = [*map(str, step.arguments), *experiment_words]
    if not step.is_served:
        _call(heading, words)
        return
    with _server(out / "exported") as url:
        _call(heading, [*words, "--server", url])


def _call(heading: str, words: Sequence[str]) -> None:
    print(f"{heading}: tfspine {shlex.join(words)}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "tfspine", *words], check=False, stdout=sys.stderr)
    if done.returncode:
        raise TfspineError(f"step {heading} ended with exit code {done.returncode}; its own message stands above")


@contextmanager
def _server(exported: Path) -> Iterator[str]:
    """Run ``tfspine serve`` on free ports and yield its gRPC address."""
    words = ["serve", "--model-config-file", str(project_file("serving/models.config")), "--model-root", str(exported)]
    command = [sys.executable, "-m", "tfspine", *words, "--port", "0", "--rest-api-port", "0"]
    print(f"tfspine {shlex.join(command[3:])}", file=sys.stderr, flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            if not line:
                raise TfspineError("tfspine serve ended before it was ready; its own message stands above")
            yield f"grpc://127.0.0.1:{json.loads(line)['grpc']}"
        finally:
            server.terminate()


def _fingerprint(step: Step, experiment: Experiment, done: dict[str, str]) -> str:
    """Return a digest of all that decides a step's outputs: its command, settings, seed, version and needs."""
    config = as_dict(experiment)
    content: list[Any] = [
        tfspine.__version__,
        config["seed"],
        [str(word) for word in step.arguments],
        {section: config[section] for section in step.sections},
        [done[name] for name in step.needs],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write_mark(mark: Path, fingerprint: str, *, seconds: float | None) -> None:
    from tfspine.outputs import write_text

    state = {"fingerprint": fingerprint, "is_done": seconds is not None, "seconds": seconds and round(seconds, 1)}
    write_text(mark, json.dumps(state, indent=2) + "\n")


class _MemoryWatch(threading.Thread):
    """Samples the resident memory of this process and all it started, once a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_gib = 0.0
        self._is_over = threading.Event()

    def run(self) -> None:
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


def _remove(outputs: Sequence[Path]) -> None:
    for path in outputs:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
