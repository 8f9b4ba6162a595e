"""The Model Garden's configuration as we set it, and its network on a tiny image."""

from collections.abc import Callable
from typing import Any

import pytest

from tfspine.config import Experiment
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane
from tfspine.models import garden


def test_every_harmful_default_is_overruled() -> None:
    task = garden.to_experiment(load_experiment(None), Plane.AXIAL, train_files=["a", "b"]).task
    assert task.train_data.parser.aug_rand_hflip is False  # would swap left and right recess
    assert task.model.backbone.resnet.model_id == 101
    assert task.model.num_classes == 4  # background and three regions
    assert task.init_checkpoint is None
    assert task.annotation_file is None
    assert task.train_data.dtype == "float32"
    assert task.train_data.input_path == ["a", "b"]
    assert garden.to_experiment(load_experiment(None), Plane.SAGITTAL).task.model.num_classes == 2


def test_paper_schedule_divides_by_ten_at_each_drop() -> None:
    schedule = garden.to_experiment(load_experiment(None), Plane.AXIAL).trainer.optimizer_config.learning_rate
    assert schedule.stepwise.boundaries == [900_000, 1_200_000]
    assert schedule.stepwise.values == pytest.approx([3e-4, 3e-5, 3e-6])


def test_overrides_reach_the_garden_and_unknown_ones_are_refused() -> None:
    deeper = load_experiment(None, ["overrides.task.model.rpn_head.num_convs=3"])
    assert garden.to_experiment(deeper, Plane.AXIAL).task.model.rpn_head.num_convs == 3
    with pytest.raises(ConfigError, match="overrides"):
        garden.to_experiment(load_experiment(None, ["overrides.task.model.no_such_key=3"]), Plane.AXIAL)


def test_padded_size_is_the_next_multiple_of_the_coarsest_stride() -> None:
    model = garden.to_experiment(load_experiment(None), Plane.AXIAL).task.model
    assert model.input_size[:2] == [640, 1024]  # 600 = 9.4 x 64, 1024 = 16 x 64


@pytest.mark.slow
def test_the_network_takes_a_size_that_is_no_multiple_of_its_stride(tiny: Callable[..., Experiment]) -> None:
    import numpy as np

    from tfspine.models.detector import Detector

    detector = Detector(tiny("detector.image_size_px=[72, 96]"), Plane.SAGITTAL)
    found = detector(np.zeros((2, 40, 50, 1), np.uint8))
    assert found.boxes_yxyx_px.shape == (2, 5, 4)


class Network:
    """Stands in for the Model Garden's network: keeps what it is given, and answers what it is told to."""

    def __init__(self, boxes: list[Any], counts: list[int], classes: list[int], scores: list[float]) -> None:
        import tensorflow as tf

        self.answer = {
            "num_detections": tf.constant(counts),
            "detection_boxes": tf.constant(boxes, tf.float32),
            "detection_classes": tf.constant([classes] * len(counts)),
            "detection_scores": tf.constant([scores] * len(counts)),
        }

    def call(self, *, images: Any, **others: Any) -> Any:
        self.images = images.numpy()
        return self.answer


@pytest.fixture(scope="module")
def detector(tiny: Callable[..., Experiment]) -> Any:
    from tfspine.models.detector import Detector

    return Detector(tiny(), Plane.AXIAL)


@pytest.mark.slow
def test_boxes_come_back_in_pixels_of_the_input(detector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box over the whole network image is a box over the whole input, whatever the input's size."""
    import numpy as np

    # 128 x 96 shrinks by 2 to 64 x 48; the second box reaches into the padding.
    boxes = [[[0.0, 0.0, 64.0, 48.0], [8.0, 8.0, 80.0, 64.0]] + [[0.0] * 4] * 3] * 3
    monkeypatch.setattr(detector, "network", Network(boxes, [1, 0, 2], [1] * 5, [1.0] * 5))
    found = detector(np.zeros((3, 128, 96, 1), np.uint8))
    assert found.boxes_yxyx_px[0, 0].numpy().tolist() == [0.0, 0.0, 128.0, 96.0]
    assert found.boxes_yxyx_px[2, 1].numpy().tolist() == [16.0, 16.0, 128.0, 96.0]
    assert found.boxes_yxyx_px[1].numpy().max() == 0.0
    assert found.classes.numpy().sum(axis=1).tolist() == [1, 0, 2]


@pytest.mark.slow
def test_serving_preprocesses_as_the_training_parser_does(detector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batched resize equals the Model Garden's own, one image at a time."""
    import numpy as np
    import tensorflow as tf
    from official.vision.ops import preprocess_ops

    network = Network([[[0.0] * 4] * 5] * 3, [0] * 3, [0] * 5, [0.0] * 5)
    monkeypatch.setattr(detector, "network", network)
    images = np.random.default_rng(1).integers(0, 256, (3, 50, 40, 1), np.uint8)
    detector(images)
    for image, got in zip(images, network.images, strict=True):
        rgb = tf.repeat(tf.constant(image), 3, axis=-1)
        expected, _ = preprocess_ops.resize_and_crop_image(preprocess_ops.normalize_image(rgb), [64, 64], (64, 64))
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.slow
def test_a_box_that_clipping_leaves_nothing_of_is_no_detection(detector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network and images of 64 x 64; of four boxes the second and third lie beyond the lower and the right edge."""
    import numpy as np

    boxes = [[1, 2, 30, 40], [64, 10, 70, 20], [5, 64, 9, 64], [0, 0, 3, 3], [9, 9, 9, 9]]
    network = Network([boxes, boxes], [4, 0], [1, 2, 3, 2, 0], [0.9, 0.8, 0.7, 0.6, 0.0])
    monkeypatch.setattr(detector, "network", network)
    found = detector(np.zeros((2, 64, 64, 1), np.uint8))
    assert found.count.numpy().tolist() == [2, 0]
    assert found.boxes_yxyx_px[0].numpy().tolist() == [boxes[0], boxes[3], [0] * 4, [0] * 4, [0] * 4]
    assert found.classes.numpy().tolist() == [[1, 2, 0, 0, 0], [0] * 5]
    np.testing.assert_allclose(found.scores[0], [0.9, 0.6, 0, 0, 0])
    assert not found.boxes_yxyx_px[1].numpy().any()
