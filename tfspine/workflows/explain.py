"""Draws Integrated Gradients heatmaps of graded boxes, computed on the same function that graded them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.formats.csv_rows import write_csv
from tfspine.labels import Region
from tfspine.progress import Track, silent
from tfspine.workflows.explained_graders import (
    GradedCrop,
    GradersToExplain,
    grade_crops,
    load_graders,
    require_agreement,
    require_slice_of_study,
)

if TYPE_CHECKING:
    from tfspine.attribution.integrated_gradients import Attribution
    from tfspine.attribution.keras_gradients import Grader
    from tfspine.config import ExplainConfig
    from tfspine.saved_model.region_grader import RegionGrader
    from tfspine.structures import SliceImage

logger = logging.getLogger(__name__)

COMPLETENESS_FILE = "completeness.csv"
COMPLETENESS_COLUMNS = ("file", "grade", "output", "baseline_output", "total", "completeness_gap", "is_complete")


@dataclass(frozen=True)
class ExplainOptions:
    """How much is explained, and how: `[explain]` of the experiment, and `[export] calibrate` for graders of runs."""

    experiment: Experiment = Experiment()


@dataclass(frozen=True)
class ExplainSummary:
    """What was explained.

    Attributes:
        folder: folder of the heatmaps and their tables.
        gaps: completeness gap of each heatmap: how far its attributions are from their exact sum, as a share of it.
        flagged: heatmaps whose gap is above `largest_gap`.
        largest_gap: the gap above which a heatmap is flagged.
    """

    folder: Path
    gaps: tuple[float, ...]
    flagged: int
    largest_gap: float


def explain(
    graders: GradersToExplain,
    slices: Path,
    boxes: Path,
    out: Path,
    options: ExplainOptions = ExplainOptions(),
    *,
    track: Track = silent,
) -> ExplainSummary:
    """Choose boxes, explain the grade of each, write pictures, `heatmaps.csv` and `completeness.csv`.

    Args:
        graders: the graders that read the boxes: an export, or runs.
        slices: folder that `ingest` wrote.
        boxes: table to choose from, `predictions.csv`.
        out: folder to write.
        options: the experiment.
        track: counts the boxes.

    Raises:
        ModelError: there are no graders, or they are not those that read the boxes.
        AnnotationError: the boxes belong to other slices.
        OutputError: `out` holds something else.
    """
    from tfspine.attribution.integrated_gradients import LARGEST_GAP
    from tfspine.config import as_dict
    from tfspine.formats.heatmaps_csv import heatmap_row, write_heatmaps
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    experiment = options.experiment
    settings = experiment.explain
    inputs = [boxes, slices, *graders.paths]
    require_folder(out, command="explain", inputs=inputs)
    served, crops = _chosen(graders, slices, boxes, experiment)

    with new_folder(out, command="explain", inputs=inputs) as folder:
        heatmaps, completeness = [], []
        for number, item in enumerate(track(crops, "explaining", len(crops)), start=1):
            name = f"{item.region}-{number:03d}.png"
            attribution = _explain(item, served[item.region], settings=settings, picture=folder / name)
            explained = {"file": name, "completeness_gap": attribution.completeness_gap}
            graded = {"grade": item.grade.word, "probability": item.probability}
            heatmaps.append(heatmap_row(folder, {**item.row, **graded, **explained}))
            completeness.append(
                {"file": name, "grade": item.grade.word}
                | {column: getattr(attribution, column) for column in COMPLETENESS_COLUMNS[2:]}
            )
        flagged = sum(not line["is_complete"] for line in completeness)
        write_heatmaps(folder, heatmaps)
        write_csv(folder / COMPLETENESS_FILE, COMPLETENESS_COLUMNS, completeness)
        write_manifest(
            folder,
            command="explain",
            config={"name": experiment.name, "seed": experiment.seed, "explain": as_dict(settings)},
            inputs=inputs,
            details={
                "heatmaps": len(heatmaps),
                "flagged": flagged,
                "graders": [path.name for path in graders.paths],
            },
        )
    return ExplainSummary(out, tuple(line["completeness_gap"] for line in completeness), flagged, LARGEST_GAP)


def _chosen(
    wanted: GradersToExplain, folder: Path, boxes: Path, experiment: Experiment
) -> "tuple[dict[Region, Grader], list[GradedCrop]]":
    """Return the served grader of each region, and the boxes to explain, as the graders see them."""
    graders = load_graders(wanted, calibrate=experiment.export.calibrate)
    rows = _rows(boxes, graders, number=experiment.explain.regions)
    slices = _slices(folder, {row["study"] for row in rows}) if rows else {}
    require_slice_of_study(slices, rows, boxes=boxes, folder=folder)
    crops = grade_crops(graders, rows, slices)
    try:
        require_agreement(crops, boxes)
    except ModelError:
        # Whether an export applies temperatures is its own setting, not recorded in its runs: the boxes show it.
        others = None if wanted.model else _calibrated_or_none(wanted, calibrate=not experiment.export.calibrate)
        if others is None:
            raise
        graders = others
        crops = grade_crops(graders, rows, slices)
        require_agreement(crops, boxes)
    # Bound once: what explains is traced once for every function it is given.
    return {region: grader.served for region, grader in graders.items()}, crops


def _rows(boxes: Path, regions: Iterable[Region], *, number: int) -> list[dict[str, Any]]:
    """Return `number` boxes of each region, as rows of `boxes_csv.BOX_COLUMNS`."""
    from tfspine.attribution.selection import select_boxes
    from tfspine.formats.boxes_csv import counted_boxes, read_boxes

    counted = counted_boxes(read_boxes(boxes))
    rows: list[dict[str, Any]] = []
    for region in regions:
        table = select_boxes(counted, region=region, number=number)
        if table.empty and number:
            logger.warning("%s: no box of %s; nothing to explain", boxes, region)
        rows += [dict(zip(table.columns, row, strict=True)) for row in table.astype(object).itertuples(index=False)]
    return rows


def _calibrated_or_none(wanted: GradersToExplain, *, calibrate: bool) -> "dict[Region, RegionGrader] | None":
    """Return the graders of runs, with their temperatures or without; None where a run has no temperature."""
    try:
        return load_graders(wanted, calibrate=calibrate)
    except ModelError:
        return None


def _slices(folder: Path, studies: set[str]) -> "dict[str, SliceImage]":
    from tfspine.dicom.slices import load_slices

    return {slice_.key: slice_ for slice_ in load_slices(folder, studies=studies)}


def _explain(item: GradedCrop, served: "Grader", *, settings: "ExplainConfig", picture: Path) -> "Attribution":
    """Explain the grade of one box and draw it."""
    from PIL import Image

    from tfspine.attribution.integrated_gradients import integrate_gradients
    from tfspine.attribution.keras_gradients import class_functions
    from tfspine.attribution.overlay import side_by_side

    output, gradients = class_functions(served, item.grade)
    attribution = integrate_gradients(
        item.crop, output=output, gradients=gradients, steps=settings.steps, batch_size=settings.batch_size
    )
    Image.fromarray(side_by_side(item.crop, attribution.attributions, mirrored=item.mirrored)).save(picture)
    return attribution
