"""``tfspine labels rename``: labels drawn before a de-identification, under the names of the slices made after it."""

import argparse
import sys
from pathlib import Path

from tfspine.workflows.labels import RenameOptions, rename_labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine labels``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rename = actions.add_parser("rename", help="name labels after the slices of a de-identified copy")
    rename.add_argument("--labels", type=Path, required=True, metavar="DIR", help="LabelImg files of the originals")
    rename.add_argument(
        "--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote of the originals"
    )
    rename.add_argument(
        "--deidentified", type=Path, required=True, metavar="DIR", help="folder that ingest wrote after deidentify"
    )
    rename.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="secret table that deidentify --key wrote"
    )
    rename.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the labels")


def run(args: argparse.Namespace) -> None:
    """Write every label under its new name; what has no slice is listed with its reason."""
    renamed = rename_labels(args.labels, args.out, RenameOptions(args.slices, args.deidentified, args.key))
    print(f"{args.out}: {renamed.labels} label files")
    if renamed.refused:
        print(f"{renamed.refused} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
