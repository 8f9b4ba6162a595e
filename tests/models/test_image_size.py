"""An image takes the paper's size in training and in the served graph, on a canvas that the records decide."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import preprocess_ops

from tfspine.config import DetectorConfig, Experiment
from tfspine.labels import Plane
from tfspine.models import garden
from tfspine.models.draws import SEED
from tfspine.models.image_size import canvas_for, share_of_canvas

SETTINGS = ("detector.image_size_px=[48, 80]", "detector.canvas_px=[96, 64]")


@pytest.mark.parametrize(
    ("sizes_px", "canvas_px"),
    [
        ([(512, 512), (320, 320)], (640, 640)),  # 600 x 600: no columns for a longer side that no image has
        ([(512, 256)], (1024, 512)),
        ([(512, 256), (256, 512)], (1024, 1024)),
        ([], (640, 1024)),
    ],
)
def test_the_canvas_holds_the_images_of_the_records(
    sizes_px: list[tuple[int, int]], canvas_px: tuple[int, int]
) -> None:
    assert canvas_for(DetectorConfig(), sizes_px) == canvas_px


def test_an_image_that_the_canvas_does_not_hold_is_shrunk_until_it_does() -> None:
    detector = DetectorConfig(canvas_px=(640, 640))
    assert float(share_of_canvas(tf.constant([512, 256]), detector)) == 1.0
    assert float(share_of_canvas(tf.constant([512, 512]), detector)) == pytest.approx(600 / 640)


@pytest.mark.parametrize(("size_px", "resized_px"), [((60, 30), (80, 40)), ((50, 50), (48, 48)), ((30, 36), (48, 58))])
def test_the_parser_takes_shorter_and_longer_side(
    tiny: Callable[..., Experiment], size_px: tuple[int, int], resized_px: tuple[int, int]
) -> None:
    """Image, scale and boxes are those of the Model Garden's resize by shorter and longer side, which is not ours."""
    image = _image(size_px)
    parsed, labels = _parse(tiny(*SETTINGS), image)
    expected, info = _by_shorter_side(image)
    assert parsed.shape == (96, 64, 3)
    np.testing.assert_allclose(parsed, expected, atol=1e-5)
    assert np.round(labels["image_info"][2] * size_px).tolist() == list(resized_px)
    np.testing.assert_allclose(labels["image_info"][2], info[2], rtol=1e-6)
    np.testing.assert_allclose(
        labels["gt_boxes"][0], np.tile(np.multiply(resized_px, 0.5), 2) * [0, 0, 1, 1], atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("size_px", [(60, 30), (50, 50), (30, 36), (20, 70)])
def test_the_served_graph_sees_what_the_parser_made(tiny: Callable[..., Experiment], size_px: tuple[int, int]) -> None:
    from tfspine.models.detector import Detector

    image = _image(size_px)
    served, info = Detector(tiny(*SETTINGS), Plane.AXIAL)._preprocess(image[np.newaxis, :, :, :1])
    parsed, labels = _parse(tiny(*SETTINGS), image)
    np.testing.assert_allclose(served[0], parsed, atol=1e-5)
    np.testing.assert_array_equal(info[2], labels["image_info"][2])


def test_the_sizes_of_the_records_images_are_read(tmp_path: Path, tiny: Callable[..., Experiment]) -> None:
    from PIL import Image
    from record_samples import write_records_folder

    from tfspine.records.examples import RecordExample
    from tfspine.records.folder import open_records
    from tfspine.records.parsing import image_sizes_px

    def example(number: int, split: str, size: tuple[int, int]) -> RecordExample:
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.zeros(size, np.uint8)).save(path)
        return RecordExample(path.stem, Plane.AXIAL, split, path, size, ())

    examples = [example(0, "train", (40, 30)), example(1, "train", (40, 30)), example(2, "train", (20, 60))]
    experiment = tiny("records.shards=1")
    folder = write_records_folder(tmp_path / "records", examples, experiment)
    files = open_records(folder, plane=Plane.AXIAL, experiment=experiment).files("train")
    assert image_sizes_px(files) == {(40, 30), (20, 60)}


def _image(size_px: tuple[int, int]) -> np.ndarray:
    grey = np.random.default_rng(0).integers(0, 256, (*size_px, 1), np.uint8)
    return np.repeat(grey, 3, axis=-1)


def _parse(experiment: Experiment, image: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return image and labels as the training sees them; the one box is the upper left quarter."""
    task = garden.to_experiment(experiment, Plane.AXIAL).task
    parser = garden.DetectorTask(task, detector=experiment.detector)._parser(task.train_data)
    data = {
        "image": tf.cast(image, tf.float32) / 255.0,
        "groundtruth_boxes": tf.constant([[0.0, 0.0, 0.5, 0.5]]),
        "groundtruth_classes": tf.constant([1], tf.int64),
        "groundtruth_is_crowd": tf.constant([False]),
        SEED: tf.constant([1, 0], tf.int64),
    }
    parsed, labels = parser._parse_train_data(data)
    return parsed.numpy(), tf.nest.map_structure(lambda value: value.numpy(), labels)


def _by_shorter_side(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    normal = preprocess_ops.normalize_image(tf.cast(image, tf.float32) / 255.0)
    resized, info = preprocess_ops.resize_and_crop_image_v2(normal, 48, 80, padded_size=[96, 64])
    return resized.numpy(), info.numpy()
