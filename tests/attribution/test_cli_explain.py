"""``tfspine explain`` with a tiny grader."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfspine.attribution.overlay import GAP_PX
from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.geometry import SliceGeometry
from tfspine.manifest import read_manifest, write_manifest

KEY = "s1-axial-01"
GEOMETRY = SliceGeometry((-20.0, -20.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), (40, 40))


@pytest.fixture
def files(tmp_path: Path, tiny: Callable[..., Experiment]) -> Path:
    """Write one slice, a right and a left recess and a canal on it, and an untrained recess grader."""
    from tfspine.models.grader import build_grader

    (tmp_path / "slices" / "slices").mkdir(parents=True)
    pixels = np.random.default_rng(2).integers(0, 255, (40, 40), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "slices" / "slices" / f"{KEY}.png")
    slice_ = {"key": KEY, "study": "s1", "patient": "p1", "plane": "axial", "number": 1}
    row = dict.fromkeys(SLICE_COLUMNS, 0) | slice_ | geometry_to_row(GEOMETRY)
    pd.DataFrame([row], columns=list(SLICE_COLUMNS)).to_csv(tmp_path / "slices" / "slices.csv", index=False)
    usual = {"study": "s1", "slice": KEY, "plane": "axial", "level": "L4-L5", "grade": "mild"}
    boxes = [
        usual | {"region": "lateral_recess", "side": "right", "ymin": 10, "xmin": 5, "ymax": 20, "xmax": 15},
        usual | {"region": "lateral_recess", "side": "left", "ymin": 10, "xmin": 25, "ymax": 20, "xmax": 35},
        usual | {"region": "central_canal", "ymin": 10, "xmin": 15, "ymax": 25, "xmax": 25},
    ]
    pd.DataFrame(boxes, columns=list(BOX_COLUMNS)).to_csv(tmp_path / "boxes.csv", index=False)
    (tmp_path / "run").mkdir()
    build_grader(tiny().grader).save(tmp_path / "run" / "grader.keras")
    write_manifest(tmp_path / "run", command="train", details={"kind": "grader", "region": "lateral_recess"})
    return tmp_path


def explain(files: Path, *more: str) -> int:
    words = ["explain", "--grader", files / "run", "--slices", files / "slices", "--boxes", files / "boxes.csv"]
    return main([*map(str, words), "--out", str(files / "out"), "--set", "explain.steps=20", *more])


def test_pictures_tables_and_manifest(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(files) == 0
    heatmaps = pd.read_csv(files / "out" / "heatmaps.csv")
    assert sorted(heatmaps["side"]) == ["left", "right"]
    assert set(heatmaps["region"]) == {"lateral_recess"}
    table = pd.read_csv(files / "out" / "completeness.csv")
    gap = (table["total"] - (table["output"] - table["baseline_output"])).abs()
    np.testing.assert_allclose(gap / (table["output"] - table["baseline_output"]).abs(), table["completeness_gap"])
    assert (table["is_complete"] == (table["completeness_gap"] <= 0.05)).all()
    np.testing.assert_allclose(table["output"], heatmaps["probability"], atol=1e-6)
    manifest = read_manifest(files / "out")
    assert manifest is not None
    assert manifest.details["flagged"] == int((~table["is_complete"]).sum())
    assert f"{manifest.details['flagged']} flagged" in capsys.readouterr().out


def test_a_right_recess_is_shown_as_it_lies_in_the_slice(files: Path) -> None:
    assert explain(files) == 0
    heatmaps = pd.read_csv(files / "out" / "heatmaps.csv").set_index("side")
    picture = np.array(Image.open(files / "out" / heatmaps.loc["right", "file"]))
    size = (picture.shape[1] - GAP_PX) // 2
    window = np.array(Image.open(files / "slices" / "slices" / f"{KEY}.png"))[8:22, 3:17].astype(float)
    crop = np.array(Image.fromarray(picture[:, :size, 0]).resize((14, 14), Image.Resampling.BILINEAR), float)
    same = np.corrcoef(crop.ravel(), window.ravel())[0, 1]
    mirrored = np.corrcoef(crop.ravel(), window[:, ::-1].ravel())[0, 1]
    assert same > 0.6 > mirrored


def test_no_more_boxes_than_asked_for(files: Path) -> None:
    assert explain(files, "--set", "explain.regions=1") == 0
    assert len(pd.read_csv(files / "out" / "heatmaps.csv")) == 1


def test_no_box_asked_for_is_said(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(files, "--set", "explain.regions=0") == 0
    told = capsys.readouterr()
    assert "explain.regions = 0: nothing to explain" in told.out
    assert "no box" not in told.err
    assert pd.read_csv(files / "out" / "heatmaps.csv").empty


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda at: (at / "run/manifest.json").unlink(), "run: not a finished run"),
        (lambda at: (at / "run/grader.keras").unlink(), "grader.keras: no such grader"),
        (
            lambda at: (at / "boxes.csv").write_text((at / "boxes.csv").read_text().replace(KEY, "s1-axial-09")),
            "slice s1-axial-09 is not in",
        ),
    ],
)
def test_wrong_input_is_one_line(files, break_it, message, capsys) -> None:
    break_it(files)
    assert explain(files) == 2
    error = capsys.readouterr().err
    assert message in error
    assert not (files / "out").exists()
