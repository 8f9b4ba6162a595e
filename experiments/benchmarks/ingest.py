"""How quick `tfspine ingest` is, beside a bare pydicom loop over the same slices on the same machine.

    python experiments/benchmarks/ingest.py --folder benchmark --out experiments/results/ingest

The bare loop does, for each slice that ingest chooses and in one process: `pydicom.dcmread`, `pixel_array` times
RescaleSlope plus RescaleIntercept, the 0.5th and 99.5th percentile of that slice, a linear window to uint8, and
`PIL.Image.save` as PNG with Pillow's defaults. It checks nothing, chooses nothing (the list of files is given), keeps
no geometry and writes no table. Ingest also reads the headers of the files that it refuses, windows by series, and
writes its tables and manifest.

One run times the bare loop, two of them at once with half of the slices each, ingest with one worker and ingest with
two, one after the other, so that whatever else the machine does falls on all of them; the median over the runs is
compared. The share is slices per second and core: ingest's over the bare loop's. Wanted: at least 0.8. What two bare
loops gain over one is what this machine's second core is worth. Times on a busy machine mean nothing; the load is
printed.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
from PIL import Image

from tfspine.cli.main import main as tfspine
from tfspine.manifest import write_manifest
from tfspine.outputs import write_text

STUDIES = 24
MATRIX_PX = 320
WORKERS = (1, 2)
WANTED = 0.8


def main() -> None:
    """Simulate the studies where they are not there yet, time everything, and print the medians and shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the simulated studies are kept")
    parser.add_argument("--out", type=Path, help="folder for benchmark.json and its manifest")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts (%(default)s)")
    args = parser.parse_args()
    dicom = _studies(args.folder)
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        slices = _chosen(dicom, Path(scratch))
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: _bare(slices, Path(scratch) / "bare"),
            "two bare": lambda: _two_bare(slices, Path(scratch)),
        }
        for workers in WORKERS:
            ways[f"workers {workers}"] = lambda workers=workers: _ingest(dicom, Path(scratch) / "out", workers)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(args.runs):
            for way, work in ways.items():
                started = time.perf_counter()
                work()
                seconds[way].append(time.perf_counter() - started)
    summary = _summary(seconds, slices=len(slices), files=sum(path.is_file() for path in dicom.rglob("*")))
    print(json.dumps(summary))
    if args.out:
        write_text(args.out / "benchmark.json", json.dumps(summary, indent=2) + "\n")
        write_manifest(args.out, command="benchmark", inputs=[args.out / "benchmark.json"])


def _studies(folder: Path) -> Path:
    dicom = folder / "phantom" / "dicom"
    if not dicom.is_dir():
        words = [f"phantom.{key}={value}" for key, value in (("studies", STUDIES), ("matrix_px", MATRIX_PX))]
        _run(["phantom", "--out", str(folder / "phantom"), *(f"--set={word}" for word in words)])
    return dicom


def _chosen(dicom: Path, scratch: Path) -> list[Path]:
    """Return the files that ingest chooses, by SOPInstanceUID; this also brings all files into the page cache."""
    _ingest(dicom, scratch / "chosen", 1)
    wanted = set(pd.read_csv(scratch / "chosen" / "slices.csv").sop_instance_uid)
    files = sorted(path for path in dicom.rglob("*") if path.is_file())
    return [path for path in files if pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID in wanted]


def _bare(slices: Sequence[Path], target: Path) -> None:
    target.mkdir(exist_ok=True)
    for number, path in enumerate(slices):
        ds = pydicom.dcmread(path)
        grey = ds.pixel_array * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
        low, high = np.percentile(grey, (0.5, 99.5))
        shown = np.clip((grey - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        Image.fromarray(shown).save(target / f"{number}.png")


def _two_bare(slices: Sequence[Path], scratch: Path) -> None:
    """Run two bare loops at once, forked, so that they begin with everything imported."""
    context = get_context("fork")
    halves = (slices[::2], slices[1::2])
    loops = [context.Process(target=_bare, args=(half, scratch / f"bare{n}")) for n, half in enumerate(halves)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()


def _ingest(dicom: Path, target: Path, workers: int) -> None:
    shutil.rmtree(target, ignore_errors=True)
    _run(["ingest", str(dicom), "--out", str(target), "--workers", str(workers)])


def _run(words: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = tfspine(words)
    if code:
        raise SystemExit(code)


def _summary(seconds: dict[str, list[float]], *, slices: int, files: int) -> dict[str, object]:
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    shares = {f"workers {workers}": medians["bare"] / medians[f"workers {workers}"] / workers for workers in WORKERS}
    return {
        "slices": slices,
        "files": files,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "seconds": {way: [round(value, 3) for value in times] for way, times in seconds.items()},
        "slices_per_second": {way: round(slices / median, 1) for way, median in medians.items()},
        "share_per_core": {way: round(share, 3) for way, share in shares.items()},
        "wanted": WANTED,
    }


if __name__ == "__main__":
    main()
