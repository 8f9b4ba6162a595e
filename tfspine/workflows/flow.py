"""Draws the flow chart of the studies, from the export to training, validation and the tests."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.formats.flow_csv import write_flow_table
from tfspine.formats.studies_csv import read_cohort

if TYPE_CHECKING:
    from tfspine.annotations.flow import Flow


@dataclass(frozen=True)
class FlowOptions:
    """Further inputs of the chart: `splits.csv` of `split --exclusions`, and another hospital's `exclude` folder."""

    splits: Path | None = None
    external: Path | None = None


def flow(excluded: Path, out: Path, options: FlowOptions = FlowOptions()) -> "tuple[Flow, ...]":
    """Write flow.svg, flow.png and flow.csv into a folder, and return the flow of each hospital.

    Args:
        excluded: folder that `exclude` wrote.
        out: folder to write.
        options: further inputs of the chart.

    Raises:
        AnnotationError: the tables belong to other studies.
        OutputError: `out` may not be written.
    """
    from tfspine.annotations.flow import flow_of
    from tfspine.formats.splits_csv import read_splits
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    inputs = [path for path in (excluded, options.splits, options.external) if path is not None]
    require_folder(out, command="flow", inputs=inputs)
    splits = None if options.splits is None else read_splits(options.splits)
    flows = [flow_of(read_cohort(excluded), part="internal", splits=splits)]
    if options.external is not None:
        external = flow_of(read_cohort(options.external), part="external")
        # All of another hospital's studies are for testing.
        end = dataclasses.replace(external.steps[-1].group, title="external test")
        flows.append(dataclasses.replace(external, ends=(end,)))
    with new_folder(out, command="flow", inputs=inputs) as folder:
        write_flow(folder, flows)
        write_manifest(folder, command="flow", inputs=inputs)
    return tuple(flows)


def write_flow(folder: Path, flows: "Sequence[Flow]") -> None:
    """Write flow.svg, flow.png and flow.csv."""
    from tfspine.annotations.flow import flow_rows
    from tfspine.annotations.flow_figure import FORMATS, flow_figure
    from tfspine.outputs import write_bytes

    for file_format in FORMATS:
        write_bytes(folder / f"flow.{file_format}", flow_figure(flows, file_format=file_format))
    write_flow_table(folder, (row for one in flows for row in flow_rows(one)))
