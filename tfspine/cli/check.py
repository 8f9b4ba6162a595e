"""``tfspine check``: label files against the slices they were drawn on."""

import argparse
import json
import sys
from pathlib import Path

from tfspine.cli.options import add_force, file_to_write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine check``."""
    parser.add_argument("--labels", type=Path, required=True, metavar="DIR", help="folder of LabelImg XML files")
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument(
        "--out", type=file_to_write("problems.csv"), required=True, metavar="CSV", help="table of problems"
    )
    add_force(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Write every problem; exit code 1 if one of them is an error."""
    import dataclasses

    import pandas as pd

    from tfspine.annotations.checks import check_labels
    from tfspine.annotations.problems import Problem, Severity, slice_facts
    from tfspine.dicom.slices import read_table
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file

    inputs = [args.labels, args.slices]
    require_file(args.out, command="check", inputs=inputs, force=args.force)
    slices = slice_facts(read_table(args.slices))
    problems = check_labels(args.labels, slices)
    columns = [field.name for field in dataclasses.fields(Problem)]
    table = pd.DataFrame([dataclasses.astuple(problem) for problem in problems], columns=columns)
    write_file(args.out, table.to_csv(index=False), command="check", inputs=inputs, force=args.force)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    summary = {"slices": len(slices), "errors": len(errors), "warnings": len(problems) - len(errors)}
    print(
        json.dumps(summary) if args.json else f"{args.out}: {summary['errors']} errors, {summary['warnings']} warnings"
    )
    if errors:
        print(f"first error: {errors[0].slice}: {errors[0].problem}", file=sys.stderr)
    return int(bool(errors))
