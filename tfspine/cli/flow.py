"""``tfspine flow``: the flow chart of studies, from the export to training, validation and test."""

import argparse
from pathlib import Path

from tfspine.workflows.flow import FlowOptions, flow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine flow``."""
    parser.add_argument("--excluded", type=Path, required=True, metavar="DIR", help="folder that exclude wrote")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="splits.csv that split --exclusions wrote")
    parser.add_argument(
        "--external",
        type=Path,
        metavar="DIR",
        help="folder that exclude wrote for another hospital, all of it used for testing",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for flow.svg, flow.png, flow.csv"
    )


def run(args: argparse.Namespace) -> None:
    """Print the chart, and write it as figures and as a table."""
    from tfspine.annotations.flow import flow_text

    flows = flow(args.excluded, args.out, FlowOptions(args.splits, args.external))
    print("\n".join(map(flow_text, flows)))
