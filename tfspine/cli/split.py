"""``tfspine split``: patients into training, validation and test."""

import argparse
from pathlib import Path

from tfspine.cli.options import add_experiment, experiment_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine split``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="table of patient, study, split")
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Assign every patient of `slices.csv` and print how many fell where."""
    from collections import Counter

    from tfspine.annotations.splits import SPLITS, assign_splits, write_splits
    from tfspine.dicom.slices import read_table

    experiment = experiment_from(args)
    slices = read_table(args.slices)
    assigned = assign_splits(set(slices["patient"]), config=experiment.split, seed=experiment.seed)
    write_splits(args.out, slices, assigned)
    counts = Counter(assigned.values())
    print(f"{args.out}: " + ", ".join(f"{counts[split]} {split}" for split in SPLITS))
