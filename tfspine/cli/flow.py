"""``tfspine flow``: the chart of the studies, from the export to training, validation and the tests."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import given

if TYPE_CHECKING:
    from tfspine.annotations.flow import Flow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine flow``."""
    parser.add_argument("--excluded", type=Path, required=True, metavar="DIR", help="folder that exclude wrote")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="splits.csv that split --exclusions wrote")
    parser.add_argument(
        "--external",
        type=Path,
        metavar="DIR",
        help="folder that exclude wrote of another hospital, all of it for testing",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for flow.svg, flow.png, flow.csv"
    )


def run(args: argparse.Namespace) -> None:
    """Print the chart, and write it as figures and as a table."""
    from dataclasses import replace

    from tfspine.annotations.cohort import read_cohort
    from tfspine.annotations.flow import flow_of, flow_text
    from tfspine.annotations.splits import read_splits
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    inputs = given(args.excluded, args.splits, args.external)
    require_folder(args.out, command="flow", inputs=inputs)
    splits = None if args.splits is None else read_splits(args.splits)
    flows = [flow_of(read_cohort(args.excluded), part="internal", splits=splits)]
    if args.external is not None:
        flow = flow_of(read_cohort(args.external), part="external")
        flows.append(replace(flow, ends=(replace(flow.steps[-1].group, title="external test"),)))
    with new_folder(args.out, command="flow", inputs=inputs) as folder:
        write_flow(folder, flows)
        write_manifest(folder, command="flow", inputs=inputs)
    print("\n".join(flow_text(flow) for flow in flows))


def write_flow(folder: Path, flows: "Sequence[Flow]") -> None:
    """Write flow.svg, flow.png and flow.csv."""
    import pandas as pd

    from tfspine.annotations.flow import FLOW_COLUMNS, flow_rows
    from tfspine.annotations.flow_figure import FORMATS, flow_figure
    from tfspine.outputs import write_bytes, write_text

    for file_format in FORMATS:
        write_bytes(folder / f"flow.{file_format}", flow_figure(flows, file_format=file_format))
    rows = [row for flow in flows for row in flow_rows(flow)]
    write_text(folder / "flow.csv", pd.DataFrame(rows, columns=list(FLOW_COLUMNS)).to_csv(index=False))
