"""The epochs of a grader on disk: the newest with its optimizer, from which a run goes on, and the best.

Both are written under the number of their epoch, the newest last. An epoch is done when its file is there: whatever an
interruption leaves behind, the best weights are of an epoch that counts, and none is trained once too often.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfspine.errors import ModelError

NEWEST, BEST = ".weights.h5", ".keras"
"""Endings: ``00003.weights.h5`` holds weights and optimizer after three epochs, ``00002.keras`` the second's model."""


def done_epochs(folder: Path) -> int:
    """Return how many epochs are done; 0 where the folder is missing."""
    return max(_numbers(folder, NEWEST), default=0)


def best_file(folder: Path) -> Path:
    """Return the model of the best epoch of those that are done; there is one as soon as an epoch is."""
    done = done_epochs(folder)
    return _file(folder, max(number for number in _numbers(folder, BEST) if number <= done), BEST)


def restore(model: keras.Model, folder: Path) -> None:
    """Give a compiled model the weights and the optimizer's state of the newest epoch, where there is one.

    Raises:
        ModelError: the file is cut short, or of another network.
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
    """Writes each epoch, and the model when its validation loss is the smallest so far.

    It has to come after the callbacks that note something of the epoch: with its file the epoch is done.

    Args:
        folder: for the files; made where it is missing.
        past_losses: validation losses of the epochs that are done.
    """

    def __init__(self, folder: Path, *, past_losses: Sequence[float] = ()) -> None:
        super().__init__()
        self._folder = folder
        self._smallest = min(past_losses, default=None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch, then remove what it takes the place of."""
        loss = (logs or {})["val_loss"]
        newest, model = (_file(self._folder, epoch + 1, ending) for ending in (NEWEST, BEST))
        self._folder.mkdir(parents=True, exist_ok=True)
        # An interruption may have left one of this epoch, as it was when it was trained before.
        model.unlink(missing_ok=True)
        if self._smallest is None or loss < self._smallest:
            self._smallest = loss
            _save(self.model.save, model)
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
    """Save under a name that counts for nothing, which Keras wants to end as the other does, and rename."""
    partial = path.with_name(f"partial-{path.name}")
    save(partial)
    partial.replace(path)
