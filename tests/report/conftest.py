"""A study of two slices, and the folders that the commands leave behind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfspine.geometry import SliceGeometry
from tfspine.labels import GRADE_WORDS, LEVELS, Grade, Level, Plane, Region, Side
from tfspine.structures import (
    BOX_COLUMNS,
    SLICE_COLUMNS,
    RegionResult,
    SliceImage,
    StudyResult,
    geometry_to_row,
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
        | {"side": str(side or ""), "level": "L4-L5", "grade": grade.word, "score": 0.9}
        | dict(zip(("ymin", "xmin", "ymax", "xmax"), BOXES[region], strict=True))
        | {f"p_{word}": 0.875 if word == grade.word else 0.125 / 3 for word in GRADE_WORDS}
        for study in studies
        for (region, side), grade in GRADES.items()
    ]
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Write slices/, predictions/ and explained/ of one study, and return where."""
    (tmp_path / "slices" / "slices").mkdir(parents=True)
    (tmp_path / "predictions" / "studies").mkdir(parents=True)
    (tmp_path / "explained").mkdir()
    rows = []
    for plane, geometry in ((Plane.AXIAL, AXIAL), (Plane.SAGITTAL, SAGITTAL)):
        slice_ = make_slice("s1", plane, geometry)
        Image.fromarray(slice_.pixels).save(tmp_path / "slices" / "slices" / f"{slice_.key}.png")
        known = {"key": slice_.key, "study": "s1", "patient": "p1", "plane": str(plane), "number": 1}
        rows.append(dict.fromkeys(SLICE_COLUMNS, 0) | known | geometry_to_row(geometry))
    pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).to_csv(tmp_path / "slices" / "slices.csv", index=False)
    make_predictions("s1").to_csv(tmp_path / "predictions" / "predictions.csv", index=False)
    study = make_study()
    content = {
        "study": "s1",
        "rows": [
            {"region": row.region, "side": row.side, "level": row.level, "probability": row.probability}
            | {"grade": row.grade.word if row.grade is not None else None, "slice_key": row.slice_key, "box": row.box}
            for row in study.rows
        ],
    }
    (tmp_path / "predictions" / "studies" / "s1.json").write_text(json.dumps(content))
    Image.fromarray(np.zeros((4, 12, 3), np.uint8)).save(tmp_path / "explained" / "a.png")
    pd.DataFrame(
        [
            {"slice": "s1-axial-01", "region": "central_canal", "side": "", "level": "L4-L5", "grade": "severe"}
            | {"probability": 0.9, "file": "a.png", "completeness_gap": 0.07}
        ]
    ).to_csv(tmp_path / "explained" / "heatmaps.csv", index=False)
    return tmp_path
