"""A study of two slices, small enough to draw by hand."""

from typing import Any

import numpy as np
import pandas as pd

from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.geometry import SliceGeometry
from tfspine.labels import GRADE_WORDS, LEVELS, Grade, Level, Plane, Region, Side
from tfspine.structures import (
    RegionResult,
    SliceImage,
    StudyResult,
)

AXIAL = SliceGeometry((-60.0, -60.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), (120, 120))
SAGITTAL = SliceGeometry((20.0, -60.0, 120.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (2.0, 1.0), (120, 120))
GRADES = {
    (Region.CENTRAL_CANAL, None): Grade.SEVERE,
    (Region.LATERAL_RECESS, Side.RIGHT): Grade.MILD,
    (Region.NEURAL_FORAMEN, Side.LEFT): Grade.MODERATE,
}
BOXES = {
    Region.CENTRAL_CANAL: (50.0, 50.0, 70.0, 70.0),
    Region.LATERAL_RECESS: (50.0, 35.0, 60.0, 48.0),
    Region.NEURAL_FORAMEN: (40.0, 50.0, 50.0, 60.0),
}


def make_slice(study: str, plane: Plane, geometry: SliceGeometry) -> SliceImage:
    pixels = np.random.default_rng(1).integers(0, 255, geometry.size_px, np.uint8)
    return SliceImage(f"{study}-{plane}-01", study, plane, geometry, pixels)


def make_study(name: str = "s1") -> StudyResult:
    """Everything that was found is at L4-L5; 22 regions of 25 were not found."""
    rows = []
    for region in Region:
        for level in LEVELS:
            for side in (Side.LEFT, Side.RIGHT) if region.is_paired else (None,):
                grade = GRADES.get((region, side)) if level is Level.L4_L5 else None
                found = grade is not None
                rows.append(
                    RegionResult(
                        region, side, level, grade, 0.875 if found else None,
                        f"{name}-{region.plane}-01" if found else None, BOXES[region] if found else None,
                    )
                )  # fmt: skip
    return StudyResult(name, tuple(rows))


def make_predictions(*studies: str) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        dict.fromkeys(BOX_COLUMNS, 0.0)
        | {"study": study, "slice": f"{study}-{region.plane}-01", "plane": str(region.plane), "region": str(region)}
        | {"side": str(side or ""), "level": "L4-L5", "level_certain": "yes", "grade": grade.word, "score": 0.9}
        | dict(zip(("ymin", "xmin", "ymax", "xmax"), BOXES[region], strict=True))
        | {"score_threshold": np.nan}
        | {f"p_{word}": 0.875 if word == grade.word else 0.125 / 3 for word in GRADE_WORDS}
        for study in studies
        for (region, side), grade in GRADES.items()
    ]
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS))
