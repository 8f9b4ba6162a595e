"""The epochs of a grader on disk: the newest with its optimizer, from which a run is resumed, and the best.

The file names contain the number of the epoch, and the newest epoch is written last. An epoch is done when its file
exists: after any interruption, the best weights are from a completed epoch, and no completed epoch is repeated.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfspine.errors import ModelError
from tfspine.models.batch_norm import with_keras_norms

NEWEST, BEST = ".weights.h5", ".keras"
"""Endings: ``00003.weights.h5`` has weights and optimizer after epoch 3, ``00002.keras`` the model after epoch 2."""


def done_epochs(folder: Path) -> int:
    """Return how many epochs are done; 0 if the folder is missing."""
    return max(_numbers(folder, NEWEST), default=0)


def best_file(folder: Path) -> Path:
    """Return the model file of the best completed epoch; it exists as soon as one epoch is done."""
    done = done_epochs(folder)
    return _file(folder, max(number for number in _numbers(folder, BEST) if number <= done), BEST)


def restore_epoch(model: keras.Model, folder: Path) -> None:
    """Restore the weights and the optimizer state of the newest epoch, if there is one, in a compiled model.

    Raises:
        ModelError: the file is truncated, or belongs to another network.
    """
    if not done_epochs(folder):
        return
    newest = _file(folder, done_epochs(folder), NEWEST)
    model.optimizer.build(model.trainable_variables)
    try:
        model.load_weights(newest)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{newest}: cannot be read: {reason}; remove {folder} to train from the start") from error


class KeepEpochs(keras.callbacks.Callback):
    """Saves each epoch, and the model when its validation loss is the smallest so far.

    It must come after all callbacks that record something about the epoch, because its file marks the epoch as done.

    Args:
        folder: folder of the files; created if it is missing.
        past_losses: validation losses of the completed epochs.
    """

    def __init__(self, folder: Path, *, past_losses: Sequence[float] = ()) -> None:
        super().__init__()
        self._folder = folder
        self._smallest = min(past_losses, default=None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the epoch, then remove the files that it replaces."""
        loss = (logs or {})["val_loss"]
        newest, model = (_file(self._folder, epoch + 1, ending) for ending in (NEWEST, BEST))
        self._folder.mkdir(parents=True, exist_ok=True)
        # An interruption may have left a model of this epoch from an earlier, incomplete attempt.
        model.unlink(missing_ok=True)
        if self._smallest is None or loss < self._smallest:
            self._smallest = loss
            _save(with_keras_norms(self.model).save, model)
        _save(self.model.save_weights, newest)
        kept = (newest, best_file(self._folder))
        for path in self._folder.iterdir():
            if path not in kept:
                path.unlink()


def _file(folder: Path, number: int, ending: str) -> Path:
    return folder / f"{number:05d}{ending}"


def _numbers(folder: Path, ending: str) -> list[int]:
    names = [path.name.removesuffix(ending) for path in folder.glob(f"*{ending}")]
    return [int(name) for name in names if name.isdecimal()]


def _save(save: Any, path: Path) -> None:
    """Save under a temporary name with the same ending, which Keras requires, and rename the file."""
    partial = path.with_name(f"partial-{path.name}")
    save(partial)
    partial.replace(path)
