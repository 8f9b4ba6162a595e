"""A plane's SavedModel: signatures, warm-up, versions, and the same answers as the model in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import prediction_log_pb2

from tfspine import signatures
from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Plane, Region
from tfspine.models.detector import Detector
from tfspine.models.grader import build_grader
from tfspine.records.crops import crop_regions
from tfspine.saved_model import trained_runs
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.saved_model.verify import verify
from tfspine.saved_model.warmup import FILE
from tfspine.saved_model.write import Exported, export_plane

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (4, 80, 96), np.uint8)


@pytest.fixture(scope="module")
def model(tiny: Callable[..., Experiment]) -> PlaneModel:
    """Untrained networks; so low a threshold that every slot is filled."""
    experiment = tiny("detector.score_threshold=0.01")
    tf.random.set_seed(1)
    return PlaneModel(
        Plane.AXIAL,
        detector=Detector(experiment, Plane.AXIAL),
        graders=_graders(experiment),
    )


def _graders(experiment: Experiment) -> dict[Region, RegionGrader]:
    regions = [region for region in Region if region.plane is Plane.AXIAL]
    return {region: RegionGrader((GraderMember("run", build_grader(experiment.grader)),)) for region in regions}


@pytest.fixture(scope="module")
def exported(model: PlaneModel, images: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_plane(model, tmp_path_factory.mktemp("exported"), images=images, inputs=[], config={})


def test_the_first_version_is_one_and_the_next_two(
    model: PlaneModel, exported: Exported, images: NDArray[np.uint8]
) -> None:
    assert exported.folder.parts[-2:] == ("tfspine_axial", "1")
    second = export_plane(model, exported.folder.parents[1], images=images, inputs=[], config={})
    assert second.version == 2
    assert sorted(entry.name for entry in exported.folder.parent.iterdir()) == ["1", "2"]


def test_it_keeps_variables_and_no_layers(model: PlaneModel, exported: Exported) -> None:
    """Keras would store every layer with its own traced functions, which no signature calls."""
    loaded = tf.saved_model.load(str(exported.folder))
    assert len(loaded.detector) == len(model.detector.network.variables)
    kept = [*loaded.detector, *(variable for grader in loaded.graders.values() for variable in grader)]
    assert all(isinstance(variable, tf.Variable) for variable in kept)


def test_it_answers_as_the_model_in_memory(model: PlaneModel, exported: Exported, images: NDArray[np.uint8]) -> None:
    assert exported.largest_difference <= 1e-4
    reloaded = tf.saved_model.load(str(exported.folder)).signatures
    expected = model.read(tf.constant(images[..., np.newaxis]))
    assert int(tf.reduce_sum(expected["count"])) > 0
    pngs = tf.stack([tf.io.encode_png(image[..., np.newaxis]) for image in images])
    for answer in (reloaded["serving_default"](tf.constant(images[..., np.newaxis])), reloaded["read_bytes"](pngs)):
        for name, value in expected.items():
            np.testing.assert_allclose(answer[name], value, atol=1e-4)


def test_it_has_the_promised_signatures(exported: Exported) -> None:
    reloaded = tf.saved_model.load(str(exported.folder)).signatures
    assert set(reloaded) == {"read", "read_bytes", "detect", "grade", "serving_default"}
    for signature in signatures.SIGNATURES:
        function = reloaded[signature.name]
        _, inputs = function.structured_input_signature
        assert {name: spec.dtype.name for name, spec in inputs.items()} == {s.name: s.dtype for s in signature.inputs}
        assert {name: spec.dtype.name for name, spec in function.structured_outputs.items()} == {
            spec.name: spec.dtype for spec in signature.outputs
        }


def test_an_image_of_three_channels_is_refused(exported: Exported) -> None:
    reloaded = tf.saved_model.load(str(exported.folder)).signatures["read"]
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        reloaded(tf.zeros([1, 64, 64, 3], tf.uint8))


def test_each_box_goes_to_the_grader_of_its_region_and_the_right_side_is_mirrored(
    model: PlaneModel, images: NDArray[np.uint8]
) -> None:
    batch = tf.constant(images[:1, ..., np.newaxis])
    boxes = tf.constant([[[10.0, 20.0, 40.0, 60.0]] * 4])
    answer = model.grade(batch, boxes, tf.constant([[1, 2, 3, 0]]))["grade_probabilities"].numpy()[0]

    def crop(mirrored: bool) -> tf.Tensor:
        return crop_regions(batch, boxes[0, :1], tf.constant([0]), tf.constant([mirrored]), size_px=16)

    recess, canal = (model.graders[name].members[0].network for name in ("lateral_recess", "central_canal"))
    np.testing.assert_allclose(answer[0], recess(crop(True))[0], atol=1e-5)  # class 1: the patient's right
    np.testing.assert_allclose(answer[1], canal(crop(False))[0], atol=1e-5)
    np.testing.assert_allclose(answer[2], recess(crop(False))[0], atol=1e-5)
    assert answer[3].tolist() == [0.0] * 4
    np.testing.assert_allclose(answer[:3].sum(axis=1), 1.0, atol=1e-5)


def test_a_warm_up_request_for_each_signature(exported: Exported) -> None:
    records = tf.data.TFRecordDataset(str(exported.folder / FILE)).as_numpy_iterator()
    requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    assert {request.model_spec.signature_name for request in requests} == {"read", "read_bytes", "detect", "grade"}
    assert {request.model_spec.name for request in requests} == {"tfspine_axial"}


def test_another_model_on_disk_is_noticed(
    exported: Exported, images: NDArray[np.uint8], tiny: Callable[..., Experiment]
) -> None:
    experiment = tiny("detector.score_threshold=0.01")
    other = PlaneModel(
        Plane.AXIAL,
        detector=Detector(experiment, Plane.AXIAL),
        graders=_graders(experiment),
    )
    with pytest.raises(ModelError, match="differ from the model in memory"):
        verify(exported.folder, other, images)


def test_runs_of_the_wrong_kind_are_refused_by_name(tmp_path: Path) -> None:
    run = tmp_path / "canal"
    run.mkdir()
    with pytest.raises(ModelError, match=r"canal: not a finished run"):
        trained_runs.load_plane_model(run, [])
    (run / "manifest.json").write_text(
        json.dumps({"command": "train", "details": {"kind": "grader", "region": "central_canal"}})
    )
    with pytest.raises(ModelError, match=r"a run of a grader; expected one of a detector"):
        trained_runs.load_plane_model(run, [])


def test_an_empty_batch_is_refused_in_words_by_the_graph_itself(exported: Exported) -> None:
    """TensorFlow Serving has nothing but the graph."""
    saved = tf.saved_model.load(str(exported.folder)).signatures
    none, no_boxes, no_classes = tf.zeros([0, 80, 96, 1], tf.uint8), tf.zeros([0, 3, 4]), tf.zeros([0, 3], tf.int32)
    for call in (
        lambda: saved["read"](none),
        lambda: saved["detect"](none),
        lambda: saved["grade"](images=none, boxes_yxyx_px=no_boxes, classes=no_classes),
        lambda: saved["read"](tf.zeros([2, 0, 0, 1], tf.uint8)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="images: an empty batch; expected"):
            call()
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_bytes: an empty batch; expected"):
        saved["read_bytes"](tf.zeros([0], tf.string))


def test_images_without_a_box_to_grade_are_no_empty_batch(exported: Exported, images: NDArray[np.uint8]) -> None:
    grade = tf.saved_model.load(str(exported.folder)).signatures["grade"]
    inputs = {"boxes_yxyx_px": tf.zeros([4, 0, 4]), "classes": tf.zeros([4, 0], tf.int32)}
    assert grade(images=tf.constant(images[..., np.newaxis]), **inputs)["grade_probabilities"].shape == (4, 0, 4)


def test_an_operating_point_traces_nothing_again(model: PlaneModel, images: NDArray[np.uint8]) -> None:
    model.detect(tf.constant(images[..., np.newaxis]))
    traced = [function.experimental_get_tracing_count() for function in (model._find, model._grade)]
    pointed = model.at_thresholds({Region.CENTRAL_CANAL: 0.5})
    pointed.signatures()
    assert traced[0] == 1
    assert [function.experimental_get_tracing_count() for function in (pointed._find, pointed._grade)] == [1, 1]
    assert not model.score_thresholds
