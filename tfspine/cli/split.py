"""``tfspine split``: patients into training, validation and test."""

import argparse
from pathlib import Path

from tfspine.cli.options import add_experiment, add_force, experiment_from, file_to_write, given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine split``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument(
        "--out", type=file_to_write("splits.csv"), required=True, metavar="CSV", help="table of patient, study, split"
    )
    parser.add_argument(
        "--exclusions", type=Path, metavar="DIR", help="folder that exclude wrote; its studies stay out"
    )
    add_force(parser)
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Assign every patient of `slices.csv` and print how many fell where."""
    from collections import Counter

    from tfspine.annotations.cohort import excluded_of, read_cohort
    from tfspine.annotations.splits import assign_splits, split_table, split_text
    from tfspine.config import SPLITS, as_dict
    from tfspine.dicom.slices import read_table
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file

    experiment = experiment_from(args)
    inputs = given(args.slices, args.exclusions)
    require_file(args.out, command="split", inputs=inputs, force=args.force)
    slices = read_table(args.slices)
    excluded: set[str] = set()
    if args.exclusions is not None:
        excluded = excluded_of(read_cohort(args.exclusions), list(slices["study"]), args.exclusions)
    patients = set(slices.loc[~slices["study"].isin(list(excluded)), "patient"])
    assigned = assign_splits(patients, config=experiment.split, seed=experiment.seed)
    write_file(
        args.out,
        split_text(split_table(slices, assigned, excluded=excluded)),
        command="split",
        config={"seed": experiment.seed, "split": as_dict(experiment.split)},
        inputs=inputs,
        force=args.force,
    )
    counts = Counter(assigned.values())
    left_out = f"; {len(excluded)} studies excluded" if excluded else ""
    print(f"{args.out}: " + ", ".join(f"{counts[split]} {split}" for split in SPLITS) + left_out)
