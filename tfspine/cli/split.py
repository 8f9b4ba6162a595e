"""``tfspine split``: patients into training, validation and test."""

import argparse
from pathlib import Path

from tfspine.cli.options import add_experiment, experiment_from, file_to_write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine split``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument(
        "--out", type=file_to_write("splits.csv"), required=True, metavar="CSV", help="table of patient, study, split"
    )
    parser.add_argument(
        "--exclusions", type=Path, metavar="DIR", help="folder that exclude wrote; its studies stay out"
    )
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Assign every patient of `slices.csv` and print how many fell where."""
    from collections import Counter

    from tfspine.annotations.cohort import excluded_of, read_cohort
    from tfspine.annotations.splits import assign_splits, write_splits
    from tfspine.config import SPLITS
    from tfspine.dicom.slices import read_table

    experiment = experiment_from(args)
    slices = read_table(args.slices)
    excluded: set[str] = set()
    if args.exclusions is not None:
        excluded = excluded_of(read_cohort(args.exclusions), list(slices["study"]), args.exclusions)
    patients = set(slices.loc[~slices["study"].isin(list(excluded)), "patient"])
    assigned = assign_splits(patients, config=experiment.split, seed=experiment.seed)
    write_splits(args.out, slices, assigned, excluded=excluded)
    counts = Counter(assigned.values())
    left_out = f"; {len(excluded)} studies excluded" if excluded else ""
    print(f"{args.out}: " + ", ".join(f"{counts[split]} {split}" for split in SPLITS) + left_out)
