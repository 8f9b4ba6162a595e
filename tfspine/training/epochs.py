"""The epochs of a grader on disk: the newest with its optimizer, from which a run is resumed, and the best.

The file names contain the number of the epoch, and the newest epoch is written last. An epoch is done when its file
exists: after any interruption, the best weights are from a completed epoch, and no completed epoch is repeated.
"""

import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras

from tfspine.errors import ModelError
from tfspine.models.batch_norm import with_keras_norms

_log = logging.getLogger(__name__)

NEWEST, BEST = ".weights.h5", ".keras"
"""Endings: ``00003.weights.h5`` has weights and optimizer after epoch 3, ``00002.keras`` the model after epoch 2."""


def done_epochs(folder: Path) -> int:
    """Return how many epochs are done; 0 if the folder is missing."""
    return max(_numbers(folder, NEWEST), default=0)


def best_file(folder: Path, *, until: int | None = None) -> Path:
    """Return the model file of the best of all completed epochs, or of those up to `until`."""
    last = done_epochs(folder) if until is None else until
    return _file(folder, max(number for number in _numbers(folder, BEST) if number <= last), BEST)


def drop_damaged(folder: Path) -> None:
    """Delete the files of the newest epochs that cannot be read, so that a run continues from the last whole one.

    A machine that fails, or a full disk, may leave a truncated file. Each is logged.
    """
    lost = min(
        (number for number in _numbers(folder, BEST) if not zipfile.is_zipfile(_file(folder, number, BEST))),
        default=None,
    )
    for number in sorted(_numbers(folder, NEWEST), reverse=True):
        weights = _file(folder, number, NEWEST)
        # Without the best model of an epoch, what came after it cannot be judged either.
        if (lost is None or number < lost) and _is_whole_hdf5(weights):
            break
        _log.warning("%s: epoch %d cannot be read; the run continues from the one before", folder, number)
        weights.unlink()
    for number in _numbers(folder, BEST):
        if number > done_epochs(folder):
            _file(folder, number, BEST).unlink()


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
    """Saves each epoch, and the model when its validation loss is the smallest so far; the epoch before is kept too.

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
        kept = {newest, best_file(self._folder)}
        if epoch in _numbers(self._folder, NEWEST):
            kept |= {_file(self._folder, epoch, NEWEST), best_file(self._folder, until=epoch)}
        for path in self._folder.iterdir():
            if path not in kept:
                path.unlink()


def _is_whole_hdf5(path: Path) -> bool:
    try:
        with h5py.File(path) as file:
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
    except OSError:
        return False
    return True


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
