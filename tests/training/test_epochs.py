"""Files of a grader's epochs: a damaged one is dropped, and the run continues from the epoch before."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfspine.training.epochs import KeepEpochs, best_file, done_epochs, drop_damaged, restore_epoch

pytestmark = pytest.mark.slow


@pytest.fixture
def model() -> keras.Sequential:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def keep(model: keras.Sequential, folder: Path, losses: list[float]) -> None:
    """Save epochs with these validation losses; after epoch n every weight is n."""
    callback = KeepEpochs(folder)
    callback.set_model(model)
    for epoch, loss in enumerate(losses):
        model.set_weights([np.full(weight.shape, epoch + 1.0) for weight in model.get_weights()])
        callback.on_epoch_end(epoch, {"val_loss": loss})


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def test_the_newest_two_epochs_and_their_best_are_kept(model: keras.Sequential, tmp_path: Path) -> None:
    keep(model, tmp_path, [0.5, 0.3, 0.4, 0.2])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00002.keras", "00003.weights.h5", "00004.keras", "00004.weights.h5",
    ]  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("damaged", ["00004.weights.h5", "00004.keras"])
def test_a_damaged_epoch_is_dropped(damaged: str, share: float, model: keras.Sequential, tmp_path: Path) -> None:
    keep(model, tmp_path, [0.5, 0.3, 0.4, 0.2])
    cut(tmp_path / damaged, share)
    drop_damaged(tmp_path)
    assert done_epochs(tmp_path) == 3
    assert best_file(tmp_path).name == "00002.keras"
    restore_epoch(model, tmp_path)
    assert all((weight == 3.0).all() for weight in model.get_weights())


def test_whole_epochs_stay(model: keras.Sequential, tmp_path: Path) -> None:
    keep(model, tmp_path, [0.5, 0.3])
    before = sorted(tmp_path.iterdir())
    drop_damaged(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_whole_epoch_the_run_begins_again(model: keras.Sequential, tmp_path: Path) -> None:
    keep(model, tmp_path, [0.5])
    cut(tmp_path / "00001.weights.h5")
    drop_damaged(tmp_path)
    assert done_epochs(tmp_path) == 0
    restore_epoch(model, tmp_path)  # nothing to restore
