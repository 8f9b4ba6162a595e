"""``tfspine check``: label files against the slices they were drawn on."""

import argparse
import json
import sys
from pathlib import Path

from tfspine.cli.options import add_force, file_to_write
from tfspine.formats.problems_csv import PROBLEMS_FILE
from tfspine.workflows.check import check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine check``."""
    parser.add_argument("--labels", type=Path, required=True, metavar="DIR", help="folder of LabelImg XML files")
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument(
        "--out", type=file_to_write(PROBLEMS_FILE), required=True, metavar="CSV", help="table of problems"
    )
    add_force(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Write every problem; exit code 1 if one of them is an error."""
    checked = check(args.labels, args.slices, args.out, force=args.force)
    errors, warnings = len(checked.errors), len(checked.problems) - len(checked.errors)
    if args.json:
        print(json.dumps({"slices": checked.slices, "errors": errors, "warnings": warnings}))
    else:
        print(f"{args.out}: {errors} errors, {warnings} warnings")
    for first in checked.errors[:1]:
        print(f"first error: {first.slice}: {first.problem}", file=sys.stderr)
    return int(errors > 0)
