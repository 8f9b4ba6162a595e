"""``tfspine explain``: Integrated Gradients heatmaps of graded boxes."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli import options
from tfspine.errors import AnnotationError, ModelError
from tfspine.labels import MIRRORED_SIDE, Grade, Region

if TYPE_CHECKING:
    import keras

    from tfspine.config import ExplainConfig
    from tfspine.explain.integrated_gradients import Attribution
    from tfspine.structures import SliceImage

logger = logging.getLogger(__name__)

HEATMAP_COLUMNS = (
    *("slice", "region", "side", "level", "ymin", "xmin", "ymax", "xmax"),
    *("grade", "probability", "file", "completeness_gap"),
)
COMPLETENESS_COLUMNS = ("file", "grade", "output", "baseline_output", "total", "completeness_gap", "is_complete")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--grader", dest="graders", type=Path, action="append", required=True, metavar="DIR", help="a run; repeatable"
    )
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder of tfspine ingest")
    parser.add_argument(
        "--boxes", type=Path, required=True, metavar="CSV", help="boxes to choose from: predictions.csv"
    )
    parser.add_argument("--out", type=Path, default=Path("explained"), metavar="DIR", help="folder to write")
    options.add_devices(parser)
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Choose boxes, explain the predicted grade of each, write pictures and tables."""
    from tfspine.annotations.tables import read_boxes
    from tfspine.config import as_dict
    from tfspine.explain.selection import select_boxes
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    experiment = options.experiment_from(args)
    settings = experiment.explain
    inputs = [args.boxes, args.slices, *args.graders]
    require_folder(args.out, command="explain", inputs=inputs)
    graders = _graders(args.graders)
    boxes = read_boxes(args.boxes)
    chosen = {region: select_boxes(boxes, region=region, number=settings.regions) for region in graders}
    for region, table in chosen.items():
        if table.empty:
            logger.warning("%s: no box of %s; nothing to explain", args.boxes, region)
    jobs: list[tuple[Region, dict[str, Any]]] = [
        (region, dict(zip(table.columns, row, strict=True)))
        for region, table in chosen.items()
        for row in table.astype(object).itertuples(index=False)
    ]
    slices = _slices(args.slices, [row for _, row in jobs], args.boxes)

    with new_folder(args.out, command="explain", inputs=inputs) as folder:
        heatmaps, completeness = [], []
        for number, (region, row) in enumerate(options.track(jobs, "explaining", len(jobs)), start=1):
            name = f"{region}-{number:03d}.png"
            grade, probability, attribution = _explain(
                graders[region], slices[row["slice"]], row, settings=settings, picture=folder / name
            )
            heatmaps.append(
                {**row, "grade": grade.word, "probability": probability, "file": name}
                | {"completeness_gap": attribution.completeness_gap}
            )
            completeness.append(
                {"file": name, "grade": grade.word}
                | {column: getattr(attribution, column) for column in COMPLETENESS_COLUMNS[2:]}
            )
        flagged = sum(not line["is_complete"] for line in completeness)
        _write_csv(folder / "heatmaps.csv", heatmaps, HEATMAP_COLUMNS)
        _write_csv(folder / "completeness.csv", completeness, COMPLETENESS_COLUMNS)
        write_manifest(
            folder,
            command="explain",
            config={"name": experiment.name, "seed": experiment.seed, "explain": as_dict(settings)},
            inputs=[args.boxes, *(path / "grader.keras" for path in args.graders)],
            details={"heatmaps": len(heatmaps), "flagged": flagged, "graders": [path.name for path in args.graders]},
        )
    _print_summary(args.out, completeness, flagged)


def _graders(runs: Sequence[Path]) -> "dict[Region, keras.Model]":
    """Load one grader a region, in float32."""
    from tfspine.explain.keras_gradients import to_float32
    from tfspine.manifest import read_manifest
    from tfspine.models.devices import ONE_GPU, use_gpus
    from tfspine.models.grader import load_grader

    use_gpus(ONE_GPU)
    graders: dict[Region, keras.Model] = {}
    for folder in runs:
        manifest = read_manifest(folder)
        region = manifest.details.get("region") if manifest else None
        if region not in [known.value for known in Region]:
            raise ModelError(f"{folder}: no grader run; expected the folder that tfspine train grader wrote")
        if Region(region) in graders:
            raise ModelError(f"{folder}: a second grader of {region}; give one a region")
        graders[Region(region)] = load_grader(folder / "grader.keras")
        to_float32(graders[Region(region)])
    return graders


def _slices(folder: Path, rows: Sequence[Mapping[str, Any]], boxes: Path) -> "dict[str, SliceImage]":
    from tfspine.dicom.slices import load_slices

    slices = {slice_.key: slice_ for slice_ in load_slices(folder, studies={row["study"] for row in rows})}
    for row in rows:
        if row["slice"] not in slices:
            raise AnnotationError(f"{boxes}: slice {row['slice']} is not in {folder}; name the slices it was made from")
    return slices


def _explain(
    grader: "keras.Model", slice_: "SliceImage", row: Mapping[str, Any], *, settings: "ExplainConfig", picture: Path
) -> "tuple[Grade, float, Attribution]":
    """Explain the most probable grade of one box and draw it."""
    import numpy as np
    from PIL import Image

    from tfspine.explain.integrated_gradients import integrate_gradients
    from tfspine.explain.keras_gradients import class_functions, probabilities
    from tfspine.explain.overlay import side_by_side
    from tfspine.records.crops import crop_regions

    mirrored = Region(row["region"]) is Region.LATERAL_RECESS and row["side"] == MIRRORED_SIDE
    crop = np.asarray(
        crop_regions(
            slice_.pixels[None, :, :, None],
            np.array([[row[name] for name in ("ymin", "xmin", "ymax", "xmax")]], np.float32),
            np.array([0], np.int32),
            np.array([mirrored]),
            size_px=grader.input_shape[1],
        )
    )
    found = probabilities(grader, crop)[0]
    grade = Grade(int(found.argmax()))
    output, gradients = class_functions(grader, grade)
    attribution = integrate_gradients(
        crop[0], output=output, gradients=gradients, steps=settings.steps, batch_size=settings.batch_size
    )
    Image.fromarray(side_by_side(crop[0], attribution.attributions, mirrored=mirrored)).save(picture)
    return grade, float(found[grade]), attribution


def _write_csv(path: Path, rows: "list[dict[str, Any]]", columns: Sequence[str]) -> None:
    import pandas as pd

    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)


def _print_summary(out: Path, completeness: "list[dict[str, Any]]", flagged: int) -> None:
    from tfspine.explain.integrated_gradients import LARGEST_GAP

    gaps = [line["completeness_gap"] for line in completeness]
    largest = f"; largest completeness gap {max(gaps):.2%}" if gaps else ""
    remedy = "; raise explain.steps" if flagged else ""
    print(f"{len(completeness)} heatmaps{largest}; {flagged} flagged (gap above {LARGEST_GAP:.0%}){remedy}")
    print(out / "heatmaps.csv")
