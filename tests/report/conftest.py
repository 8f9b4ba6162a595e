"""The folders that the commands leave behind, for a study of two slices."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_samples import AXIAL, SAGITTAL, make_predictions, make_slice, make_study

from tfspine.formats.heatmaps_csv import HeatmapRow, write_heatmaps
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.labels import Grade, Level, Plane, Region


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
    box, picture = (1.0, 1.0, 5.0, 5.0), Path("a.png")
    explained = HeatmapRow(
        "s1-axial-01", Region.CENTRAL_CANAL, None, Level.L4_L5, box, Grade.SEVERE, 0.9, picture, 0.07
    )
    write_heatmaps(tmp_path / "explained", [explained])
    return tmp_path
