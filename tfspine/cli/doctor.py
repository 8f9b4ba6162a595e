"""``tfspine doctor``: reports what is wrong with this installation, and how to fix it."""

import argparse
import json
import textwrap
from dataclasses import asdict

from tfspine.workflows.doctor import doctor

COLUMNS = 80
INDENT = " " * 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine doctor``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if something that is not optional needs a remedy."""
    findings = list(doctor())
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            print(f"{finding.mark:<8}  {finding.what:<{width}}  {finding.found}")
            if finding.remedy:
                reason = f"{finding.optional}: " if finding.optional else ""
                print(
                    textwrap.fill(
                        f"-> {reason}{finding.remedy}", COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT
                    )
                )
    return int(any(finding.mark == "!!" for finding in findings))
