"""Copy what a run of `tfspine demo` or `tfspine paper-study` measured into the results that are committed.

    python experiments/collect_results.py --run study --out experiments/results/paper_study

Copied are all tables, the metrics, the manifest and the printed summary of the evaluation, the flow chart, the members
of each grader, and the seconds of each step. The demo's boxes are copied as well (`--boxes`); those of the paper study
are too large. Former files of the same kinds in the target are deleted first, its subfolders stay.
"""

import argparse
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfspine.formats.csv_rows import write_csv

TABLES = ("*.md", "metrics.json", "manifest.json", "summary.txt")
PICTURES = ("agreement_four.png", "comparisons.png", "rejection.png")
FORMER = (*TABLES, "*.csv", "*.csv.gz", *PICTURES, "*.svg")


def main() -> None:
    """Replace the files of a results folder by those of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the demo or the paper study")
    parser.add_argument("--out", type=Path, required=True, help="folder below experiments/results")
    parser.add_argument("--boxes", action="store_true", help="copy predictions.csv as well, compressed")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for pattern in FORMER:
        for former in args.out.glob(pattern):
            former.unlink()
    for path in _measured(args.run):
        shutil.copyfile(path, args.out / path.name)
    for table in sorted(args.run.glob("runs/*/members.csv")):
        shutil.copyfile(table, args.out / f"members_{table.parent.name}.csv")
    write_csv(args.out / "steps.csv", ("step", "seconds"), _seconds(args.run / "steps"))
    if args.boxes:
        boxes = (args.run / "predictions" / "predictions.csv").read_bytes()
        (args.out / "predictions.csv.gz").write_bytes(gzip.compress(boxes, mtime=0))


def _measured(run: Path) -> Iterator[Path]:
    for pattern in (*TABLES, *PICTURES):
        yield from (run / "evaluation").glob(pattern)
    yield from run.glob("flow/flow.svg")


def _seconds(marks: Path) -> list[tuple[str, float]]:
    """Return the seconds of each step, in the order in which the steps ended."""
    ended = sorted(marks.glob("*.json"), key=lambda mark: mark.stat().st_mtime)
    return [(mark.stem, json.loads(mark.read_text())["seconds"]) for mark in ended]


if __name__ == "__main__":
    main()
