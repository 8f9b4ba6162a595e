"""``tfspine split``: patients into training, validation and test."""

import argparse
from pathlib import Path

from tfspine.cli.options import add_experiment, add_force, experiment_from, file_to_write
from tfspine.formats.splits_csv import SPLITS_FILE
from tfspine.workflows.split import SplitOptions, split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine split``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument(
        "--out", type=file_to_write(SPLITS_FILE), required=True, metavar="CSV", help="table of patient, study, split"
    )
    parser.add_argument(
        "--exclusions", type=Path, metavar="DIR", help="folder that exclude wrote; the studies it lists are left out"
    )
    add_force(parser)
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Assign every patient and print the sizes of the splits."""
    divided = split(args.slices, args.out, SplitOptions(args.exclusions, experiment_from(args), args.force))
    left_out = f"; {divided.excluded} studies excluded" if divided.excluded else ""
    print(f"{args.out}: " + ", ".join(f"{count} {name}" for name, count in divided.patients.items()) + left_out)
