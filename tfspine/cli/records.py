"""``tfspine records``: slices, labels and splits become TFRecords."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.progress import track
from tfspine.workflows.records import RecordsInputs, make_records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine records``."""
    parser.add_argument("--slices", type=Path, required=True, help="folder that ingest wrote")
    parser.add_argument("--labels", type=Path, required=True, help="folder of LabelImg XML files, one per slice")
    parser.add_argument("--splits", type=Path, required=True, help="splits.csv that split wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the records")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Write the records of both planes and print how many images each split has."""
    inputs = RecordsInputs(args.slices, args.labels, args.splits)
    made = make_records(inputs, args.out, options.experiment_from(args), track=track)
    print(f"{args.out}: split {made.split[:12]} of {args.splits}")
    for plane, images in made.images.items():
        print(f"{plane}: " + ", ".join(f"{count} {split}" for split, count in images.items()))
