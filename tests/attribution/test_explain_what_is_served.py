"""``tfspine explain`` explains what is served: the mean of several calibrated networks, of runs and of an export."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.evaluation.statistics.temperature import temperature_scaled
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.geometry import SliceGeometry
from tfspine.labels import GRADE_WORDS

KEY = "s1-sagittal-01"
GEOMETRY = SliceGeometry((20.0, -40.0, 40.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), (80, 80))
TEMPERATURES = {"s1r1": 1.5, "s2r1": 0.6, "s3r1": 3.0}
SELECTED = ["s1r1", "s3r1"]
CORNERS = ("ymin", "xmin", "ymax", "xmax")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[..., Experiment]) -> Path:
    """Write a slice, its boxes, and a run of three foramen graders that disagree."""
    import keras

    from tfspine.models.grader import GRADER_FILE, build_grader

    root = tmp_path_factory.mktemp("served")
    (root / "slices" / "slices").mkdir(parents=True)
    pixels = np.random.default_rng(2).integers(0, 255, GEOMETRY.size_px, np.uint8)
    Image.fromarray(pixels).save(root / "slices" / "slices" / f"{KEY}.png")
    slice_ = {"key": KEY, "study": "s1", "patient": "p1", "plane": "sagittal", "number": 1}
    row = dict.fromkeys(SLICE_COLUMNS, 0) | slice_ | geometry_to_row(GEOMETRY)
    pd.DataFrame([row], columns=list(SLICE_COLUMNS)).to_csv(root / "slices" / "slices.csv", index=False)
    for seed, (name, temperature) in enumerate(TEMPERATURES.items(), start=1):
        keras.utils.set_random_seed(seed)
        network = build_grader(tiny().grader)
        kernel, bias = network.layers[-2].get_weights()
        network.layers[-2].set_weights([kernel * 3, bias + np.random.default_rng(seed).normal(0, 1, bias.shape)])
        folder = root / "run" / "members" / name
        _manifest(folder, kind="grader", temperature=temperature)
        network.save(folder / GRADER_FILE)
    _manifest(root / "run", kind="grader_members", members=list(TEMPERATURES), selected=SELECTED)
    return root


def _manifest(folder: Path, **details: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"command": "train", "details": {"region": "neural_foramen", **details}}
    (folder / "manifest.json").write_text(json.dumps(content))


def served(files: Path, *, names: list[str], calibrated: bool) -> pd.DataFrame:
    """Return the boxes with the mean of the networks' probabilities, by another resize and softmax than ours."""
    import keras

    pixels = np.array(Image.open(files / "slices" / "slices" / f"{KEY}.png"))
    rows = []
    for number, level in enumerate(("L2-L3", "L3-L4", "L4-L5")):
        box = (8.0 + 22 * number, 20.0, 24.0 + 22 * number, 36.0)
        ymin, xmin, ymax, xmax = 4 + 22 * number, 16, 28 + 22 * number, 40
        # 16 pixels enlarged to 24, in a crop of 16: each pixel lies between two of the slice's.
        window = Image.fromarray(pixels[ymin:ymax, xmin:xmax])
        crop = _bilinear(np.array(window, np.float32) / 255, 16)
        alone = []
        for name in names:
            network = keras.saving.load_model(files / "run" / "members" / name / "grader.keras", compile=False)
            found = network.predict(np.repeat(crop[None, ..., None], 3, -1), verbose=0)
            alone.append(temperature_scaled(found, temperature=TEMPERATURES[name]) if calibrated else found)
        mean = np.mean(alone, axis=0)[0]
        rows.append(
            {"study": "s1", "slice": KEY, "plane": "sagittal", "region": "neural_foramen", "side": "left"}
            | {"level": level, "level_certain": "yes", "score": 0.9, "grade": GRADE_WORDS[int(mean.argmax())]}
            | dict(zip(CORNERS, box, strict=True))
            | dict(zip((f"p_{word}" for word in GRADE_WORDS), mean.tolist(), strict=True))
        )
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS))


def _bilinear(window: np.ndarray, size: int) -> np.ndarray:
    """Resize a square window by straight lines between the centres of its pixels."""
    at = (np.arange(size) + 0.5) * len(window) / size - 0.5
    low = np.floor(at).astype(int)
    share = at - low
    rows = window[low] * (1 - share)[:, None] + window[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def explain(files: Path, out: Path, *more: str) -> int:
    words = ["explain", "--slices", str(files / "slices"), "--boxes", str(out / "boxes.csv"), "--out", str(out / "out")]
    return main([*words, "--set", "explain.steps=60", *more])


def check(out: Path, boxes: pd.DataFrame) -> None:
    """Compare class and probability with the table, and completeness with the function of that very value."""
    heatmaps = pd.read_csv(out / "out" / "heatmaps.csv").set_index("level")
    completeness = pd.read_csv(out / "out" / "completeness.csv")
    assert len(heatmaps) == len(boxes)
    for row in boxes.to_dict("records"):
        shown = heatmaps.loc[row["level"]]
        assert shown["grade"] == row["grade"]
        assert shown["probability"] == pytest.approx(row[f"p_{row['grade']}"], abs=1e-4)
    np.testing.assert_allclose(sorted(completeness["output"]), sorted(heatmaps["probability"]), atol=1e-6)
    difference = completeness["output"] - completeness["baseline_output"]
    gap = (completeness["total"] - difference).abs() / difference.abs()
    np.testing.assert_allclose(gap, completeness["completeness_gap"], atol=1e-6)
    assert completeness["completeness_gap"].median() < 0.05


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_run_of_members_is_explained_as_their_mean(files: Path, tmp_path: Path, calibrated: bool) -> None:
    """Whether it was exported with temperatures is found from the boxes, which say what was served."""
    boxes = served(files, names=list(TEMPERATURES), calibrated=calibrated)
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    assert explain(files, tmp_path, "--grader", str(files / "run")) == 0
    check(tmp_path, boxes)


def test_the_selected_members_and_one_alone(files: Path, tmp_path: Path) -> None:
    boxes = served(files, names=SELECTED, calibrated=True)
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    words = ("--grader", str(files / "run"), "--take", "selected", "--set", "export.calibrate=true")
    assert explain(files, tmp_path, *words) == 0
    check(tmp_path, boxes)
    alone = served(files, names=["s2r1"], calibrated=False)
    alone.to_csv(tmp_path / "boxes.csv", index=False)
    assert explain(files, tmp_path, "--grader", str(files / "run" / "members" / "s2r1")) == 0
    check(tmp_path, alone)


def test_graders_that_did_not_read_the_boxes_are_refused(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(files, names=["s2r1"], calibrated=False).to_csv(tmp_path / "boxes.csv", index=False)
    assert explain(files, tmp_path, "--grader", str(files / "run")) == 2
    error = capsys.readouterr().err
    assert f"boxes.csv: slice {KEY}: neural_foramen" in error
    assert "expected those that read it: name the export with --model" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_export_is_explained_as_it_answers(files: Path, tmp_path: Path, tiny: Callable[..., Experiment]) -> None:
    from tfspine.config import Take
    from tfspine.labels import Plane
    from tfspine.models.detector import Detector
    from tfspine.saved_model.plane_model import PlaneModel
    from tfspine.saved_model.trained_runs import load_region_graders
    from tfspine.saved_model.write import export_plane
    from tfspine.server.in_process import open_predictor

    graders = load_region_graders([files / "run"], take=Take.ALL, calibrate=True)
    model = PlaneModel(Plane.SAGITTAL, detector=Detector(tiny(), Plane.SAGITTAL), graders=graders)
    pixels = np.array(Image.open(files / "slices" / "slices" / f"{KEY}.png"))
    export_plane(model, tmp_path / "exported", images=pixels[None], inputs=[], config={})

    boxes = served(files, names=list(TEMPERATURES), calibrated=True)
    inputs = {
        "images": pixels[None, ..., None],
        "boxes_yxyx_px": boxes[list(CORNERS)].to_numpy(np.float32)[None],
        "classes": np.ones((1, len(boxes)), np.int32),
    }
    answer = open_predictor(tmp_path / "exported" / "tfspine_sagittal").predict("grade", inputs)
    boxes[[f"p_{word}" for word in GRADE_WORDS]] = answer["grade_probabilities"][0]
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    assert explain(files, tmp_path, "--model", str(tmp_path / "exported")) == 0
    check(tmp_path, boxes)


def test_an_export_is_named_with_its_folder(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served(files, names=["s2r1"], calibrated=False).to_csv(tmp_path / "boxes.csv", index=False)
    (tmp_path / "exported").mkdir()
    assert explain(files, tmp_path, "--model", str(tmp_path / "exported")) == 2
    assert "holds no tfspine_axial or tfspine_sagittal with a version" in capsys.readouterr().err
    (tmp_path / "exported" / "tfspine_axial" / "3").mkdir(parents=True)
    assert explain(files, tmp_path, "--model", str(tmp_path / "exported")) == 2
    assert "tfspine_axial/3: no manifest.json of tfspine export" in capsys.readouterr().err
