"""What every model does: answer any batch as its images alone, in any precision, and the same after a reload."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tfspine.config import Experiment, Precision
from tfspine.labels import Plane, Region
from tfspine.models import garden
from tfspine.models.detector import Detector
from tfspine.models.grader import GRADER_FILE, build_grader, load_grader
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.saved_model.write import export_plane
from tfspine.training import runtime

pytestmark = pytest.mark.slow

SIZE = 64
Answer = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Conforming:
    """One model: how it is built, written and read back, and what it answers for images uint8 [N, 64, 64, 1]."""

    build: Callable[[Experiment], Any]
    save: Callable[[Any, Path], object]
    load: Callable[[Experiment, Path], Any]
    answer: Callable[[Any, NDArray[np.uint8]], Answer]


def _grade(grader: keras.Model, images: NDArray[np.uint8]) -> Answer:
    crops = np.repeat(images[:, 24:40, 24:40], 3, axis=-1) / np.float32(255)
    return {"probabilities": np.asarray(grader(crops, training=False))}


def _build_detector(experiment: Experiment) -> Detector:
    return Detector(experiment, Plane.SAGITTAL)


def _save_detector(detector: Detector, folder: Path) -> None:
    tf.train.Checkpoint(model=detector.network).save(str(folder / "ckpt"))


def _load_detector(experiment: Experiment, folder: Path) -> Detector:
    detector = _build_detector(experiment)
    garden.load_newest(detector.network, folder)
    return detector


def _detect(detector: Detector, images: NDArray[np.uint8]) -> Answer:
    return {name: value.numpy() for name, value in detector(tf.constant(images))._asdict().items()}


def _build_plane(experiment: Experiment) -> PlaneModel:
    members = tuple(GraderMember(name, build_grader(experiment.grader), 1.5) for name in ("s1r1", "s1r2"))
    return PlaneModel(
        Plane.SAGITTAL, detector=_build_detector(experiment), graders={Region.NEURAL_FORAMEN: RegionGrader(members)}
    )


def _export(model: PlaneModel, folder: Path) -> None:
    export_plane(model, folder, images=images(2)[..., 0], inputs=[], config={})


def _load_exported(experiment: Experiment, folder: Path) -> Any:
    [version] = (folder / "tfspine_sagittal").iterdir()
    loaded = tf.saved_model.load(str(version))
    return loaded.signatures["read"], loaded  # a signature does not keep its variables


def _read(model: Any, images: NDArray[np.uint8]) -> Answer:
    given = tf.constant(images)
    answer = model.read(given) if isinstance(model, PlaneModel) else model[0](images=given)
    return {name: value.numpy() for name, value in answer.items()}


MODELS = {
    "grader": Conforming(
        build=lambda experiment: build_grader(experiment.grader),
        save=lambda model, folder: model.save(folder / GRADER_FILE),
        load=lambda experiment, folder: load_grader(folder / GRADER_FILE),
        answer=_grade,
    ),
    "detector": Conforming(_build_detector, _save_detector, _load_detector, _detect),
    "plane": Conforming(_build_plane, _export, _load_exported, _read),
}

ATOL = 1e-4
"""Of probabilities and scores: the exports are verified to it."""


def images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, SIZE, SIZE, 1), np.uint8)


def assert_alike(one: Answer, other: Answer) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        # Boxes are in pixels: a hundredth of one.
        np.testing.assert_allclose(values, other[name], atol=0.01 if "boxes" in name else ATOL, err_msg=name)


@pytest.fixture(autouse=True)
def float32_afterwards() -> Iterator[None]:
    yield
    runtime.prepare(Experiment())


@pytest.fixture(scope="module")
def experiment(tiny: Callable[..., Experiment]) -> Experiment:
    return tiny("detector.score_threshold=0.01")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_read_back_answers_as_the_one_that_was_written(
    name: str, experiment: Experiment, tmp_path: Path
) -> None:
    runtime.prepare(experiment)
    kind = MODELS[name]
    model = kind.build(experiment)
    expected = kind.answer(model, images(3))
    kind.save(model, tmp_path)
    keras.utils.set_random_seed(2)  # what is built before its weights are read begins elsewhere
    assert_alike(kind.answer(kind.load(experiment, tmp_path), images(3)), expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_one_three_or_eight_is_answered_image_by_image(name: str, experiment: Experiment) -> None:
    runtime.prepare(experiment)
    kind = MODELS[name]
    model = kind.build(experiment)
    alone = [kind.answer(model, image[np.newaxis]) for image in images(8)]
    for count in (1, 3, 8):
        expected = {key: np.concatenate([answer[key] for answer in alone[:count]]) for key in alone[0]}
        assert_alike(kind.answer(model, images(8)[:count]), expected)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
@pytest.mark.parametrize("name", MODELS)
def test_a_mixed_precision_answers_in_float32_what_full_precision_answers(
    name: str, precision: Precision, tiny: Callable[..., Experiment]
) -> None:
    """With the same seed the same weights, which are kept in float32; only the arithmetic is coarser."""
    kind = MODELS[name]
    answers = []
    for used in (Precision.FP32, precision):
        experiment = runtime.prepare(tiny("detector.score_threshold=0.01", f"training.precision={used}"))
        answers.append(kind.answer(kind.build(experiment), images(3)))
    full, mixed = answers
    assert {key: value.dtype for key, value in mixed.items()} == {key: value.dtype for key, value in full.items()}
    for key in (key for key in full if "probabilities" in key or key == "scores"):
        assert mixed[key].dtype == np.float32
        np.testing.assert_allclose(np.sort(mixed[key], axis=None), np.sort(full[key], axis=None), atol=0.05)
