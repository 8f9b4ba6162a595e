"""``tfspine labels``: carry labels over to de-identified slices, and write templates for annotation programs."""

import argparse
import sys
from pathlib import Path

from tfspine.annotations.label_templates import Program
from tfspine.cli.options import file_to_write
from tfspine.workflows.labels import RenameOptions, rename_labels, write_template


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
    template = actions.add_parser("template", help="write the label configuration of an annotation program")
    template.add_argument(
        "--format", type=Program, choices=list(Program), required=True, help="which program", metavar="PROGRAM"
    )
    template.add_argument(
        "--out", type=file_to_write("labels.json"), required=True, metavar="FILE", help="file to write"
    )


def run(args: argparse.Namespace) -> None:
    """Rename labels or write a template, and print the output's path."""
    if args.action == "template":
        write_template(args.out, args.format)
        print(f"{args.out}: labels for {args.format}")
        return
    _rename(args)


def _rename(args: argparse.Namespace) -> None:
    """Write every label under its new name; labels without a slice are listed with the reason."""
    renamed = rename_labels(args.labels, args.out, RenameOptions(args.slices, args.deidentified, args.key))
    print(f"{args.out}: {renamed.labels} label files")
    if renamed.refused:
        print(f"{renamed.refused} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
