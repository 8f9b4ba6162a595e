"""``tfspine explain``: Integrated Gradients heatmaps of graded boxes, of the very function that graded them."""

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli import options
from tfspine.cli.explained_graders import (
    GradedCrop,
    grade_crops,
    load_graders,
    require_agreement,
    require_slices,
)
from tfspine.config import Take
from tfspine.errors import ModelError
from tfspine.labels import Region

if TYPE_CHECKING:
    from tfspine.config import Experiment, ExplainConfig
    from tfspine.explain.integrated_gradients import Attribution
    from tfspine.explain.keras_gradients import Grader
    from tfspine.export.region_grader import RegionGrader
    from tfspine.structures import SliceImage

logger = logging.getLogger(__name__)

HEATMAP_COLUMNS = (
    *("slice", "region", "side", "level", "ymin", "xmin", "ymax", "xmax"),
    *("grade", "probability", "file", "completeness_gap"),
)
COMPLETENESS_COLUMNS = ("file", "grade", "output", "baseline_output", "total", "completeness_gap", "is_complete")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    graders = parser.add_mutually_exclusive_group(required=True)
    graders.add_argument("--model", type=Path, metavar="DIR", help="what tfspine export wrote: explains what it serves")
    graders.add_argument(
        "--grader", dest="graders", type=Path, action="append", default=[], metavar="RUN",
        help="runs instead, one per region, with members or without; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--take",
        type=Take,
        choices=list(Take),
        default=Take.ALL,
        help="of runs with members: all of them, or of each division the best in validation (%(default)s)",
    )
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder of tfspine ingest")
    parser.add_argument(
        "--boxes", type=Path, required=True, metavar="CSV", help="boxes to choose from: predictions.csv"
    )
    parser.add_argument("--out", type=Path, default=Path("explained"), metavar="DIR", help="folder to write")
    options.add_experiment(parser)
    options.add_devices(parser)


def run(args: argparse.Namespace) -> None:
    """Choose boxes, explain the grade of each, write pictures and tables."""
    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    experiment = options.experiment_from(args)
    settings = experiment.explain
    inputs = options.given(args.boxes, args.slices, args.model, *args.graders)
    require_folder(args.out, command="explain", inputs=inputs)
    served, crops = _chosen(args, experiment)

    with new_folder(args.out, command="explain", inputs=inputs) as folder:
        heatmaps, completeness = [], []
        for number, item in enumerate(options.track(crops, "explaining", len(crops)), start=1):
            name = f"{item.region}-{number:03d}.png"
            attribution = _explain(item, served[item.region], settings=settings, picture=folder / name)
            heatmaps.append(
                {**item.row, "grade": item.grade.word, "probability": item.probability, "file": name}
                | {"completeness_gap": attribution.completeness_gap}
            )
            completeness.append(
                {"file": name, "grade": item.grade.word}
                | {column: getattr(attribution, column) for column in COMPLETENESS_COLUMNS[2:]}
            )
        flagged = sum(not line["is_complete"] for line in completeness)
        _write_csv(folder / "heatmaps.csv", heatmaps, HEATMAP_COLUMNS)
        _write_csv(folder / "completeness.csv", completeness, COMPLETENESS_COLUMNS)
        write_manifest(
            folder,
            command="explain",
            config={"name": experiment.name, "seed": experiment.seed, "explain": as_dict(settings)},
            inputs=inputs,
            details={
                "heatmaps": len(heatmaps),
                "flagged": flagged,
                "graders": [path.name for path in ([args.model] if args.model else args.graders)],
            },
        )
    _print_summary(args.out, completeness, flagged, settings=settings)


def _chosen(args: argparse.Namespace, experiment: "Experiment") -> "tuple[dict[Region, Grader], list[GradedCrop]]":
    """Return what is served of each region, and the boxes to explain, as the graders see them."""
    from tfspine.annotations.tables import counted_boxes, read_boxes
    from tfspine.explain.selection import select_boxes

    boxes = counted_boxes(read_boxes(args.boxes))
    graders = load_graders(args, experiment)
    rows: list[dict[str, Any]] = []
    for region in graders:
        table = select_boxes(boxes, region=region, number=experiment.explain.regions)
        if table.empty and experiment.explain.regions:
            logger.warning("%s: no box of %s; nothing to explain", args.boxes, region)
        rows += [dict(zip(table.columns, row, strict=True)) for row in table.astype(object).itertuples(index=False)]
    slices = _slices(args.slices, {row["study"] for row in rows}) if rows else {}
    require_slices(slices, rows, args)
    crops = grade_crops(graders, rows, slices)
    try:
        require_agreement(crops, args.boxes)
    except ModelError:
        # Whether an export serves temperatures is its own setting, which its runs do not know: the boxes tell.
        if args.model is not None:
            raise
        others = _otherwise_calibrated(args, experiment)
        if others is None:
            raise
        graders = others
        crops = grade_crops(graders, rows, slices)
        require_agreement(crops, args.boxes)
    # Bound once: what explains is traced once for every function it is given.
    return {region: grader.served for region, grader in graders.items()}, crops


def _otherwise_calibrated(args: argparse.Namespace, experiment: "Experiment") -> "dict[Region, RegionGrader] | None":
    """Return the graders with their temperatures instead of without, or the other way round; None without any."""
    export = dataclasses.replace(experiment.export, calibrate=not experiment.export.calibrate)
    try:
        return load_graders(args, dataclasses.replace(experiment, export=export))
    except ModelError:
        return None


def _slices(folder: Path, studies: set[str]) -> "dict[str, SliceImage]":
    from tfspine.dicom.slices import load_slices

    return {slice_.key: slice_ for slice_ in load_slices(folder, studies=studies)}


def _explain(item: GradedCrop, served: "Grader", *, settings: "ExplainConfig", picture: Path) -> "Attribution":
    """Explain the grade of one box and draw it."""
    from PIL import Image

    from tfspine.explain.integrated_gradients import integrate_gradients
    from tfspine.explain.keras_gradients import class_functions
    from tfspine.explain.overlay import side_by_side

    output, gradients = class_functions(served, item.grade)
    attribution = integrate_gradients(
        item.crop, output=output, gradients=gradients, steps=settings.steps, batch_size=settings.batch_size
    )
    Image.fromarray(side_by_side(item.crop, attribution.attributions, mirrored=item.mirrored)).save(picture)
    return attribution


def _write_csv(path: Path, rows: "list[dict[str, Any]]", columns: Sequence[str]) -> None:
    import pandas as pd

    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)


def _print_summary(out: Path, completeness: "list[dict[str, Any]]", flagged: int, *, settings: "ExplainConfig") -> None:
    from tfspine.explain.integrated_gradients import LARGEST_GAP

    if settings.regions == 0:
        print("explain.regions = 0: nothing was asked to be explained; raise it to explain so many boxes a region")
    gaps = [line["completeness_gap"] for line in completeness]
    largest = f"; largest completeness gap {max(gaps):.2%}" if gaps else ""
    remedy = "; raise explain.steps" if flagged else ""
    print(f"{len(completeness)} heatmaps{largest}; {flagged} flagged (gap above {LARGEST_GAP:.0%}){remedy}")
    print(out / "heatmaps.csv")
