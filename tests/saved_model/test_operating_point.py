"""The operating point of an export: chosen on labelled validation slices, and answered by the SavedModel."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tfspine import signatures
from tfspine.cli.export import operating_point_lines
from tfspine.cli.main import main
from tfspine.config import EvaluationConfig, Experiment
from tfspine.dicom.slices import load_slices
from tfspine.errors import ModelError
from tfspine.evaluation.boxes.score_threshold import ScoreThreshold
from tfspine.formats.labelimg_xml import write_voc
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Plane, Region, Side
from tfspine.models.detector import Detector
from tfspine.models.grader import build_grader
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.saved_model.write import Exported, export_plane
from tfspine.structures import AnnotatedSlice, Annotation
from tfspine.workflows.operating_point import choose_thresholds

ROWS, COLUMNS = 40, 60
BOX = (10.0, 20.0, 20.0, 30.0)
SCORES = (0.9, 0.6, 0.5, 0.3)
"""Of the foramen on the four slices of a study: on the first three it is right, on the last beside the reference."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Write two studies of four sagittal slices, of which one validates, with a label file each."""
    from PIL import Image

    (tmp_path / "slices" / "slices").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    lines = [",".join(SLICE_COLUMNS)]
    for study in ("a", "b"):
        for number in range(len(SCORES)):
            key = f"{study}-sagittal-{number + 1:02d}"
            geometry = SliceGeometry(
                (5.0 * number, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), (ROWS, COLUMNS)
            )
            row = {"key": key, "study": study, "patient": study, "plane": "sagittal", "number": number + 1}
            row |= geometry_to_row(geometry)
            lines.append(",".join(str(row.get(column, "")) for column in SLICE_COLUMNS))
            Image.fromarray(np.full((ROWS, COLUMNS), number, np.uint8)).save(
                tmp_path / "slices" / "slices" / f"{key}.png"
            )
            box = BOX if number < 3 else (10.0, 40.0, 20.0, 50.0)
            side = Side.RIGHT if number < 2 else Side.LEFT
            annotation = Annotation(box, Region.NEURAL_FORAMEN, side, Grade.MILD)
            write_voc(tmp_path / "labels" / f"{key}.xml", AnnotatedSlice(key, (ROWS, COLUMNS), (annotation,)))
    (tmp_path / "slices" / "slices.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "splits.csv").write_text("patient,study,split\na,a,train\nb,b,validation\n")
    return tmp_path


class ForamenModel:
    """Finds one foramen a slice at `BOX`; the brightness of the slice says with which of `SCORES`."""

    plane = Plane.SAGITTAL

    def detect(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        numbers = images[:, 0, 0, 0].numpy()
        return {
            "boxes_yxyx_px": tf.constant([[BOX]] * len(numbers), tf.float32),
            "classes": tf.ones((len(numbers), 1), tf.int32),
            "scores": tf.constant([[SCORES[number]] for number in numbers], tf.float32),
            "count": tf.ones(len(numbers), tf.int32),
        }


def chosen(files: Path, **settings: float) -> dict[Region, object]:
    slices = load_slices(files / "slices")
    return dict(
        choose_thresholds(
            ForamenModel(),  # type: ignore[arg-type]
            slices,
            folder=files / "slices",
            labels=files / "labels",
            splits=files / "splits.csv",
            settings=EvaluationConfig(**settings),
        )
    )


def test_it_is_chosen_on_validation_slices_for_the_stated_false_boxes(files: Path) -> None:
    """Of four images one has a false box: 0.25 an image at most. With none allowed the score is that of the third."""
    [all_of_them] = chosen(files).values()
    assert (all_of_them.threshold, all_of_them.recall, all_of_them.false_boxes_per_image) == (0.0, 0.75, 0.25)
    assert (all_of_them.boxes, all_of_them.images) == (4, 4)  # study b alone
    [strict] = chosen(files, false_boxes_per_image=0.1).values()
    assert (strict.threshold, strict.recall, strict.false_boxes_per_image) == (0.5, 0.75, 0.0)


def test_without_labelled_validation_slices_it_is_refused(files: Path) -> None:
    (files / "splits.csv").write_text("patient,study,split\na,a,train\nb,b,test\n")
    with pytest.raises(ModelError, match="no sagittal slice of a validation study"):
        chosen(files)


def test_without_validation_data_it_is_said_that_every_box_counts() -> None:
    [line] = operating_point_lines({}, plane=Plane.AXIAL, allowed=0.25, least=0.02, has_labels=False)
    assert line.startswith("no operating point (choosing one needs --labels and --splits)")
    assert line.endswith("every box counts, from score 0.02")


def test_a_region_that_was_not_found_on_validation_is_named() -> None:
    found = {Region.CENTRAL_CANAL: ScoreThreshold(0.5, 0.9, 0.2, boxes=40, images=20)}
    assert operating_point_lines(found, plane=Plane.AXIAL, allowed=0.25, least=0.02, has_labels=True) == [
        "operating point, for 0.25 false boxes per image on validation:",
        "  central_canal: score from 0.500, recall 90.0 %, 0.20 false boxes per image (40 boxes, 20 images)",
        "  lateral_recess: none labelled or none found on validation; every box counts, from score 0.02 on",
    ]


def test_labels_and_splits_belong_together(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--detector", files / "run", "--grader", files / "run", "--slices", files / "slices"]
    assert main([*map(str, words), "--labels", str(files / "labels"), "--out", str(files / "exported")]) == 2
    assert "--labels and --splits belong together" in capsys.readouterr().err


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (2, 80, 96), np.uint8)


@pytest.fixture(scope="module")
def model(tiny: Callable[..., Experiment]) -> PlaneModel:
    """Untrained networks; so low a threshold that every slot is filled, and so many slots that classes differ."""
    experiment = tiny("detector.score_threshold=0.01", "detector.maximum_detections=20")
    tf.random.set_seed(1)
    graders = {
        region: RegionGrader((GraderMember("run", build_grader(experiment.grader)),))
        for region in (Region.CENTRAL_CANAL, Region.LATERAL_RECESS)
    }
    plain = PlaneModel(Plane.AXIAL, detector=Detector(experiment, Plane.AXIAL), graders=graders)
    return plain.at_thresholds({Region.CENTRAL_CANAL: 0.5, Region.LATERAL_RECESS: 0.25})


@pytest.fixture(scope="module")
def exported(model: PlaneModel, images: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    root = tmp_path_factory.mktemp("exported")
    return export_plane(
        model, root, images=images, inputs=[], config={}, operating_point={"false_boxes_per_image": 0.25}
    )


@pytest.mark.slow
def test_the_saved_model_answers_the_threshold_of_every_box(exported: Exported, images: NDArray[np.uint8]) -> None:
    loaded = tf.saved_model.load(str(exported.folder)).signatures
    for name in (signatures.READ.name, signatures.DETECT.name, signatures.DEFAULT_SIGNATURE):
        answer = loaded[name](tf.constant(images[..., np.newaxis]))
        by_class = np.array([0.0, 0.25, 0.5, 0.25], np.float32)  # none, right recess, canal, left recess
        assert len(np.unique(answer["classes"])) > 1
        np.testing.assert_array_equal(answer["score_thresholds"], by_class[answer["classes"].numpy()])
    assert "score_thresholds" not in loaded[signatures.GRADE.name].structured_outputs
    details = json.loads((exported.folder / "manifest.json").read_text())["details"]
    assert details["operating_point"] == {"false_boxes_per_image": 0.25}


@pytest.mark.slow
def test_one_member_alone_keeps_the_operating_point(model: PlaneModel) -> None:
    assert model.only(0).score_thresholds == model.score_thresholds
    assert SimpleNamespace(**model.read(tf.zeros([1, 80, 96, 1], tf.uint8))).score_thresholds.shape[0] == 1
