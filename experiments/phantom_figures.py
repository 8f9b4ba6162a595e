"""Pictures of simulated patients, and what their anatomy measures beside the published sizes.

    python experiments/phantom_figures.py --out experiments/results/phantom

`axial.jpg`, `sagittal.jpg`: slices of several patients. `grades.jpg`: every grade of every region and side.
`anatomy.csv`: sizes measured on what is drawn, as mean and deviation over patients, beside the drawn means and their
sources. Simulated patients only.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tfspine.boxes import CROP_MARGIN
from tfspine.config import PhantomConfig, Prevalence
from tfspine.labels import GRADES, LEVELS, Plane, Region, Side
from tfspine.phantom import measures
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.body import draw_body
from tfspine.phantom.frame import FIRST_LEVEL, to_patient
from tfspine.phantom.study import SimulatedStudy, simulate_study
from tfspine.phantom.tissue import Tissue
from tfspine.structures import Annotation

SEED = 1
TILE_PX = 240
GRADE_TILE_PX = 120
JPEG_QUALITY = 90
"""Noise makes PNG four times as large and looks the same."""

STEP_MM = 0.5


@dataclass(frozen=True)
class Shown:
    """One slice: grey values uint8 [rows, columns] and what is true on it."""

    pixels: NDArray[np.uint8]
    annotations: tuple[Annotation, ...]


def main() -> None:
    """Write the pictures and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("experiments/results/phantom"))
    parser.add_argument("--studies", type=int, default=6, help="patients on the sheets (%(default)s)")
    parser.add_argument("--measured", type=int, default=40, help="patients measured (%(default)s)")
    parser.add_argument("--randomize", action="store_true", help="draw contrast and faults widely")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = PhantomConfig(randomize=args.randomize)
    studies = [simulate_study(config, seed=SEED, number=number) for number in range(1, args.studies + 1)]
    balanced = dataclasses.replace(config, prevalence=Prevalence.BALANCED, matrix_px=256)
    sheets = {str(plane): _sheet([_even(_slices(study, plane), 6) for study in studies]) for plane in Plane}
    for name, sheet in {**sheets, "grades": _grade_sheet(balanced)}.items():
        sheet.save(args.out / f"{name}.jpg", quality=JPEG_QUALITY)
    anatomies = [draw_anatomy(np.random.default_rng([SEED, number])) for number in range(args.measured)]
    pd.DataFrame(_measured(anatomies)).to_csv(args.out / "anatomy.csv", index=False)


def _slices(study: SimulatedStudy, plane: Plane) -> list[Shown]:
    """Return the slices of a plane, windowed from the darkest to the brightest half per cent."""
    truth = {annotated.key: annotated for annotated in study.truth}
    keys = [key for key in truth if f"-{plane}-" in key]
    files = [ds for name, ds in study.files if name.startswith(f"{plane}/")]
    shown = []
    for key, ds in zip(keys, files, strict=True):
        stored = ds.pixel_array.astype(np.float32)
        low, high = np.percentile(stored, (0.5, 99.5))
        grey = np.clip((stored - low) / max(float(high - low), 1.0), 0.0, 1.0) * 255.0
        shown.append(Shown(grey.astype(np.uint8), truth[key].annotations))
    return shown


def _even(slices: list[Shown], number: int) -> list[NDArray[np.uint8]]:
    """Return some slices from the middle of each part of a series."""
    return [slices[int((index + 0.5) * len(slices) / number)].pixels for index in range(number)]


def _sheet(rows: list[list[NDArray[np.uint8]]]) -> Image.Image:
    sheet = Image.new("L", (TILE_PX * max(map(len, rows)), TILE_PX * len(rows)))
    for top, row in enumerate(rows):
        for left, pixels in enumerate(row):
            tile = Image.fromarray(pixels).resize((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)
            sheet.paste(tile, (left * TILE_PX, top * TILE_PX))
    return sheet


def _grade_sheet(config: PhantomConfig) -> Image.Image:
    """Return crops of every region and side in rows, four grades in columns, three patients each."""
    wanted = [(region, side) for region in Region for side in ((None,) if not region.is_paired else tuple(Side))]
    found: dict[tuple[Region, Side | None, int], list[NDArray[np.uint8]]] = {
        (region, side, grade): [] for region, side in wanted for grade in GRADES
    }
    for number in range(1, 60):
        study = simulate_study(config, seed=SEED + 1, number=number)
        for region, side, grade, crop in _graded_crops(study):
            if len(found[region, side, grade]) < 3 and (number % 3 == len(found[region, side, grade])):
                found[region, side, grade].append(crop)
        if all(len(crops) == 3 for crops in found.values()):
            break
    sheet = Image.new("L", (GRADE_TILE_PX * 12, (GRADE_TILE_PX + 14) * len(wanted)))
    draw = ImageDraw.Draw(sheet)
    for top, (region, side) in enumerate(wanted):
        for grade in GRADES:
            left = GRADE_TILE_PX * 3 * grade
            name = f"{side or ''} {region} {grade.word}".strip().replace("_", " ")
            draw.text((left + 2, top * (GRADE_TILE_PX + 14)), name, fill=255)
            for index, crop in enumerate(found[region, side, grade]):
                tile = Image.fromarray(crop).resize((GRADE_TILE_PX, GRADE_TILE_PX), Image.Resampling.BILINEAR)
                sheet.paste(tile, (left + index * GRADE_TILE_PX, top * (GRADE_TILE_PX + 14) + 12))
    return sheet


def _graded_crops(study: SimulatedStudy) -> Iterator[tuple[Region, Side | None, int, NDArray[np.uint8]]]:
    for plane in Plane:
        for shown in _slices(study, plane):
            for item in shown.annotations:
                if item.grade is None:
                    continue
                ymin, xmin, ymax, xmax = item.box
                half = max(ymax - ymin, xmax - xmin) * (1.0 + CROP_MARGIN) / 2
                middle_y, middle_x = (ymin + ymax) / 2, (xmin + xmax) / 2
                rows, columns = shown.pixels.shape
                crop = shown.pixels[
                    max(0, round(middle_y - half)) : min(rows, round(middle_y + half)),
                    max(0, round(middle_x - half)) : min(columns, round(middle_x + half)),
                ]
                if crop.size:
                    yield item.region, item.side, item.grade, crop


def _measured(anatomies: list[Anatomy]) -> Iterator[dict[str, object]]:
    """Yield a row a size and level: measured on the drawn tissues where nothing narrows them."""
    for index, level in enumerate(LEVELS, start=FIRST_LEVEL):
        open_ = [item for item in anatomies if item.narrowing[Region.CENTRAL_CANAL, None][index] < 0.1]
        yield _row(
            "cross-section of the sac, mm2",
            level,
            [_area_mm2(item, index, (Tissue.CSF, Tissue.NERVE), half_mm=16.0) for item in open_],
            float(np.pi * measures.SAC_HALF_WIDTH.mean[index] * measures.SAC_HALF_DEPTH.mean[index]),
            measures.SAC_HALF_WIDTH.source,
        )
        for name, measure, values in (
            ("disc height, mm", measures.DISC_HALF_HEIGHT, [2 * item.disc_half_height_mm[index] for item in anatomies]),
            ("body depth, mm", measures.BODY_HALF_DEPTH, [2 * item.body_half_depth_mm[index] for item in anatomies]),
            ("body width, mm", measures.BODY_HALF_WIDTH, [2 * item.body_half_width_mm[index] for item in anatomies]),
            (
                "foraminal height, mm",
                measures.FORAMEN_HALF_HEIGHT,
                [2 * item.foramen_half_height_mm[index] for item in anatomies],
            ),
            (
                "foraminal width, mm",
                measures.FORAMEN_HALF_DEPTH,
                [2 * item.foramen_half_depth_mm[index] for item in anatomies],
            ),
        ):
            yield _row(name, level, [float(value) for value in values], 2 * measure.mean[index], measure.source)
        yield _row(
            "depth of the bony canal, mm",
            level,
            [float(item.canal_depth_mm[index]) for item in anatomies],
            measures.CANAL_DEPTH.mean[index],
            measures.CANAL_DEPTH.source,
        )


def _row(name: str, level: str, values: list[float], drawn_mean: float, source: str) -> dict[str, object]:
    return {
        "size": name,
        "level": level,
        "patients": len(values),
        "mean": round(float(np.mean(values)), 2),
        "deviation": round(float(np.std(values, ddof=1)), 2),
        "drawn_mean": round(drawn_mean, 2),
        "source": source,
    }


def _area_mm2(anatomy: Anatomy, disc: int, tissues: tuple[Tissue, ...], *, half_mm: float) -> float:
    """Return the area of tissues around the middle of the canal, 9 mm above a disc's plane, where nothing narrows."""
    u, v = np.meshgrid(np.arange(-half_mm, half_mm, STEP_MM), np.arange(0.0, 2.0 * half_mm, STEP_MM))
    front = float(anatomy.body_half_depth_mm[disc])
    points = to_patient(anatomy.frame, disc=disc, d_mm=-9.0, u_mm=u.ravel(), v_mm=v.ravel() + front)
    signals = {tissue: (float(tissue in tissues), 0.0) for tissue in Tissue}
    drawn = draw_body(anatomy, points.astype(np.float32), signals, edge_mm=STEP_MM)[:, 0].reshape(u.shape)
    in_sac = np.hypot(u / half_mm, (v - half_mm * 0.7) / half_mm) < 0.75
    return float(drawn[in_sac].sum() * STEP_MM**2)


if __name__ == "__main__":
    main()
