"""A checkpoint is loaded completely as requested or not at all, and what matched is reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Plane
from tfspine.models import garden
from tfspine.models.checkpoints import find_checkpoint, load_parts

pytestmark = pytest.mark.slow


def build(experiment: Experiment, plane: Plane = Plane.AXIAL) -> Any:
    task = garden.to_experiment(experiment, plane, train_files=["x"]).task
    return garden.DetectorTask(task, detector=experiment.detector).build_model()


@pytest.fixture(scope="module")
def donor(tiny: Callable[..., Experiment]) -> Any:
    model = build(tiny())
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(rng.uniform(0.1, 1.0, variable.shape))
    return model


@pytest.fixture
def model(tiny: Callable[..., Experiment]) -> Any:
    return build(tiny())


@pytest.fixture(scope="module")
def run(donor: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the Model Garden's trainer lays it out."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("run")
    tf.train.Checkpoint(model=donor, **donor.checkpoint_items).write(str(folder / "ckpt-7"))
    return folder


def equal_share(part: Any, other: Any) -> float:
    """Return how many tensors of a part are the other's."""
    first = [item.variables for item in (part if isinstance(part, list | tuple) else [part])]
    second = [item.variables for item in (other if isinstance(other, list | tuple) else [other])]
    pairs = [pair for ours, theirs in zip(first, second, strict=True) for pair in zip(ours, theirs, strict=True)]
    return float(np.mean([a.shape == b.shape and np.array_equal(a.numpy(), b.numpy()) for a, b in pairs]))


def test_the_parts_that_are_asked_for_are_loaded_whole_and_no_others(donor: Any, model: Any, run: Path) -> None:
    loaded = load_parts(model, run, ["backbone", "decoder"])
    assert [part.name for part in loaded] == ["backbone", "decoder"]
    assert [part.left_out for part in loaded] == [(), ()]
    assert str(loaded[0]) == f"backbone {len(donor.backbone.variables)} of {len(donor.backbone.variables)} tensors"
    assert equal_share(model.backbone, donor.backbone) == equal_share(model.decoder, donor.decoder) == 1.0
    assert equal_share(model.rpn_head, donor.rpn_head) == equal_share(model.detection_head, donor.detection_head) == 0.0
    load_parts(model, run, ["all"])
    assert equal_share(model.detection_head, donor.detection_head) == equal_share(model.rpn_head, donor.rpn_head) == 1.0


def test_heads_of_another_number_of_classes_keep_their_last_layers_and_that_is_told(
    donor: Any, run: Path, tiny: Callable[..., Experiment]
) -> None:
    """The sagittal detector has two classes with the background, the axial one four."""
    other = build(tiny(), Plane.SAGITTAL)
    *_, head = load_parts(other, run, ["all"])
    # Kernel and bias of the classes and of the boxes.
    assert len(head.left_out) == 4
    assert "of another number of classes" in str(head)
    assert 0.0 < equal_share(other.detection_head, donor.detection_head) < 1.0
    with pytest.raises(ModelError, match="the run's own settings"):
        garden.load_newest(other, _named(run))


def _named(run: Path) -> Path:
    (run / "checkpoint").write_text('model_checkpoint_path: "ckpt-7"\nall_model_checkpoint_paths: "ckpt-7"\n')
    return run


@pytest.mark.parametrize(
    ("parts", "told"),
    [(["backbon"], '"backbon" is not a part'), ([], "no part of the network is named"), (["head"], "nothing would be")],
)
def test_parts_that_no_network_has_are_refused(parts: list[str], told: str, model: Any, run: Path) -> None:
    with pytest.raises(ModelError, match=told):
        load_parts(model, run, parts)


def test_another_layout_another_depth_and_a_missing_part_are_refused_before_a_weight_changes(
    donor: Any, model: Any, run: Path, tmp_path: Path, tiny: Callable[..., Experiment]
) -> None:
    import tensorflow as tf

    before = [variable.numpy().copy() for variable in model.variables]
    zoo = tf.Module()
    zoo._feature_extractor = tf.Module()
    zoo._feature_extractor.classification_backbone = donor.backbone
    tf.train.Checkpoint(model=zoo).write(str(tmp_path / "zoo" / "ckpt-0"))
    with pytest.raises(ModelError, match=r"holds no backbone; it has model, model\._feature_extractor"):
        load_parts(model, tmp_path / "zoo", ["backbone"])
    tf.train.Checkpoint(backbone=donor.backbone).write(str(tmp_path / "classifier" / "ckpt-62400"))
    with pytest.raises(ModelError, match="holds no decoder; it has backbone"):
        load_parts(model, tmp_path / "classifier", ["backbone", "decoder"])
    with pytest.raises(ModelError, match=r"backbone: \d+ of \d+ tensors match, no residual_block"):
        load_parts(build(tiny("detector.backbone_depth=18")), run, ["backbone"])
    assert all(np.array_equal(old, new.numpy()) for old, new in zip(before, model.variables, strict=True))
    assert load_parts(model, tmp_path / "classifier" / "ckpt-62400.index", ["backbone"])[0].left_out == ()


def test_a_checkpoint_is_found_by_folder_prefix_or_file_and_an_empty_folder_is_told(tmp_path: Path) -> None:
    for name in ("ckpt-9.index", "ckpt-10.index", "ckpt-10.data-00000-of-00001"):
        (tmp_path / name).touch()
    newest = str(tmp_path / "ckpt-10")
    for path in (tmp_path, newest, f"{newest}.index", f"{newest}.data-00000-of-00001"):
        assert find_checkpoint(path) == newest
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty: holds no checkpoint"):
        find_checkpoint(tmp_path / "empty")
    with pytest.raises(ModelError, match="no such checkpoint"):
        find_checkpoint(tmp_path / "nowhere")


def test_files_that_are_no_checkpoint_are_one_line(model: Any, tmp_path: Path) -> None:
    (tmp_path / "ckpt-1.index").write_bytes(b"cut off")
    with pytest.raises(ModelError, match="cannot be read as a checkpoint") as refusal:
        load_parts(model, tmp_path, ["backbone"])
    assert "\n" not in str(refusal.value)
