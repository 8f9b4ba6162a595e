"""The Model Garden's own decoder and parser read the records."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfspine.records.examples import RecordExample


@pytest.mark.slow
def test_model_garden_decodes_the_same_boxes_and_classes(
    write: Callable[[list[RecordExample]], Path], examples: list[RecordExample]
) -> None:
    import tensorflow as tf
    from official.vision.dataloaders.tf_example_decoder import TfExampleDecoder

    files = sorted(str(path) for path in write(examples).glob("axial-train-*.tfrecord"))
    decoded = {int(item["source_id"]): item for item in map(TfExampleDecoder().decode, tf.data.TFRecordDataset(files))}
    # Sorted by key, study0-axial-01 is the first slice and study0-axial-02, without boxes, the second.
    first, second = decoded[1], decoded[2]
    np.testing.assert_allclose(
        first["groundtruth_boxes"],
        np.array([(10, 8, 20, 24), (10, 24, 30, 40), (10, 40, 20, 56), (32, 24, 40, 40)]) / [40, 64, 40, 64],
        rtol=1e-6,
    )
    assert first["groundtruth_classes"].numpy().tolist() == [1, 2, 3, 2]
    assert first["groundtruth_area"].numpy().tolist() == [160, 320, 160, 128]
    assert not first["groundtruth_is_crowd"].numpy().any()
    pixels = np.asarray(Image.open(examples[0].image))
    np.testing.assert_array_equal(first["image"], np.repeat(pixels[..., np.newaxis], 3, axis=-1))
    assert second["groundtruth_boxes"].shape == (0, 4)
    assert (int(second["height"]), int(second["width"])) == (40, 64)


@pytest.mark.slow
def test_model_garden_parser_takes_a_slice_without_boxes(
    write: Callable[[list[RecordExample]], Path], examples: list[RecordExample]
) -> None:
    import tensorflow as tf
    from official.vision.dataloaders.maskrcnn_input import Parser
    from official.vision.dataloaders.tf_example_decoder import TfExampleDecoder

    parser = Parser(
        output_size=[64, 64],
        min_level=3,
        max_level=6,
        num_scales=1,
        aspect_ratios=[0.5, 1.0, 2.0],
        anchor_size=4.0,
        include_mask=False,
    ).parse_fn(is_training=True)
    files = sorted(str(path) for path in write(examples).glob("axial-train-*.tfrecord"))
    parsed = [parser(TfExampleDecoder().decode(item)) for item in tf.data.TFRecordDataset(files)]
    boxes_of = [int((labels["gt_classes"].numpy() > 0).sum()) for _, labels in parsed]
    assert sorted(boxes_of) == [0, 0, 4, 4]
