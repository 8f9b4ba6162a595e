"""Training the grader: it learns, continues after an interruption, and writes the files that it reports."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tfspine.config import Experiment, GraderConfig, GraderSchedule
from tfspine.errors import ModelError, RecordError
from tfspine.formats.history_csv import GRADER_HISTORY_COLUMNS
from tfspine.labels import Region
from tfspine.models.grader import load_grader
from tfspine.records.folder import RecordFolder
from tfspine.records.pipelines import graded_batches
from tfspine.training import callbacks, epochs, grader

CANAL = Region.CENTRAL_CANAL


def _with(experiment: Experiment, **changes: Any) -> Experiment:
    return dataclasses.replace(experiment, grader=dataclasses.replace(experiment.grader, **changes))


def _history(run_folder: Path) -> list[dict[str, str]]:
    with (run_folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_learns_brightness_and_keeps_the_best_epoch(
    records: RecordFolder, experiment: Experiment, tmp_path: Path
) -> None:
    experiment = _with(experiment, epochs=25)
    grader.train_grader(records, region=CANAL, experiment=experiment, run_folder=tmp_path / "run")
    model = load_grader(tmp_path / "run" / "grader.keras")
    batches = list(graded_batches(records, region=CANAL, split="test", config=experiment.grader))
    right = [model.predict(crops, verbose=0).argmax(-1) == grades.numpy().argmax(-1) for crops, grades in batches]
    assert np.concatenate(right).mean() == 1.0

    rows = _history(tmp_path / "run")
    losses = [float(row["val_loss"]) for row in rows]
    details = json.loads((tmp_path / "run" / "manifest.json").read_text())["details"]
    assert tuple(rows[0]) == GRADER_HISTORY_COLUMNS
    assert len(rows) == details["epochs"] == 25
    assert (details["kind"], details["region"]) == ("grader", "central_canal")
    assert details["best_epoch"] == 1 + int(np.argmin(losses))
    assert details["crops"]["train"] == {"normal": 8, "mild": 8, "moderate": 8, "severe": 8}

    # The file holds the weights of that epoch: their loss on the validation crops is the one in the history.
    model.compile(loss="categorical_crossentropy")
    validation = graded_batches(records, region=CANAL, split="validation", config=experiment.grader)
    assert model.evaluate(validation, verbose=0) == pytest.approx(min(losses), rel=1e-4)
    assert not (tmp_path / "run" / "backup").exists()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_its_optimizer_and_counts(
    records: RecordFolder, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    run_folder = tmp_path / "run"
    run = {"region": CANAL, "experiment": _with(experiment, epochs=5), "run_folder": run_folder}
    with monkeypatch.context() as patch:
        original = grader._callbacks
        patch.setattr(grader, "_callbacks", lambda *args: [*original(*args), Interrupt()])
        with pytest.raises(KeyboardInterrupt):
            grader.train_grader(records, **run)
    assert [row["epoch"] for row in _history(run_folder)] == ["0", "1"]
    assert not (run_folder / "grader.keras").exists()
    first = _history(run_folder)

    seen = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.setdefault("epoch", epoch)
            seen.setdefault("steps", int(self.model.optimizer.iterations))

    monkeypatch.setattr(grader, "_callbacks", lambda *args: [*original(*args), Look()])
    grader.train_grader(records, **run)
    # 32 crops in batches of 8: four steps an epoch.
    assert seen == {"epoch": 2, "steps": 8}
    rows = _history(run_folder)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [float(row["val_loss"]) for row in rows[:2]] == [float(row["val_loss"]) for row in first]


@pytest.mark.slow
def test_a_run_stopped_after_its_last_epoch_trains_none_again(
    records: RecordFolder, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder = tmp_path / "run"
    run = {"region": CANAL, "experiment": _with(experiment, epochs=2), "run_folder": run_folder}

    def interrupted(*args: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(grader, "_calibrate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            grader.train_grader(records, **run)
    history = (run_folder / "history.csv").read_text()
    weights = (run_folder / "grader.keras").read_bytes()
    grader.train_grader(records, **run)
    assert _history(run_folder) == list(csv.DictReader(history.splitlines()))
    assert (run_folder / "grader.keras").read_bytes() == weights
    assert json.loads((run_folder / "manifest.json").read_text())["details"]["epochs"] == 2
    assert not (run_folder / "backup").exists()


@pytest.mark.slow
@pytest.mark.parametrize("history", ["epoch,val_loss\n0,0.5\n1,", "epoch,val_"])
def test_epochs_that_do_not_fit_the_history_are_trained_again(
    history: str, records: RecordFolder, experiment: Experiment, tmp_path: Path
) -> None:
    backup = tmp_path / "run" / "backup"
    backup.mkdir(parents=True)
    (backup / "00002.weights.h5").write_text("of two epochs")
    (tmp_path / "run" / "history.csv").write_text(history)
    experiment = _with(experiment, epochs=1)
    grader.train_grader(records, region=CANAL, experiment=experiment, run_folder=tmp_path / "run")
    assert [row["epoch"] for row in _history(tmp_path / "run")] == ["0"]
    assert "ac1" in _history(tmp_path / "run")[0]


@pytest.mark.parametrize("moment", ["before", "half", "after"])
@pytest.mark.parametrize("ending", [epochs.BEST, epochs.NEWEST])
def test_the_best_weights_are_of_an_epoch_that_counts(
    ending: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second epoch is the best and is killed while it is written; trained again it is worse than the first."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.Adam(1.0), "mse")

    def end_epoch(keep: epochs.KeepEpochs, number: int, *, weight: float, loss: float) -> None:
        model.set_weights([np.array([[weight]], np.float32)])
        keep.set_model(model)
        keep.on_epoch_end(number, {"val_loss": loss})

    def killed(save: Any, path: Path) -> None:
        if moment == "half" and path.name.endswith(ending):
            path.with_name(f"partial-{path.name}").write_bytes(b"half")
        if moment == "after" or not path.name.endswith(ending):
            original(save, path)
        if path.name.endswith(ending):
            raise KeyboardInterrupt

    original = epochs._save
    keep = epochs.KeepEpochs(tmp_path)
    end_epoch(keep, 0, weight=1.0, loss=0.5)
    with monkeypatch.context() as patch:
        patch.setattr(epochs, "_save", killed)
        with pytest.raises(KeyboardInterrupt):
            end_epoch(keep, 1, weight=2.0, loss=0.1)

    losses = [0.5, 0.1][: epochs.done_epochs(tmp_path)]
    assert len(losses) == (2 if (ending, moment) == (epochs.NEWEST, "after") else 1)
    model.set_weights([np.array([[9.0]], np.float32)])
    epochs.restore_epoch(model, tmp_path)
    assert _weight(model) == len(losses)
    keep = epochs.KeepEpochs(tmp_path, past_losses=losses)
    end_epoch(keep, len(losses), weight=3.0, loss=0.9)
    assert _weight(keras.saving.load_model(epochs.best_file(tmp_path))) == len(losses)
    names = {f"0000{len(losses)}{epochs.BEST}"}
    names |= {f"0000{number}{epochs.NEWEST}" for number in (len(losses), len(losses) + 1)}
    assert {path.name for path in tmp_path.iterdir()} == names


def _weight(model: keras.Model) -> float:
    weights: NDArray[np.float32] = model.get_weights()[0]
    return float(weights[0, 0])


def test_plateau_counts_across_an_interruption() -> None:
    def lowered_after(past: list[float], losses: list[float]) -> list[float]:
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(1.0), "mse")
        plateau = callbacks.LowerOnPlateau(factor=0.5, patience=3, past_losses=past)
        plateau.set_model(model)
        plateau.on_train_begin()
        rates = []
        for epoch, loss in enumerate(losses):
            plateau.on_epoch_end(epoch, {"val_loss": loss})
            rates.append(float(model.optimizer.learning_rate))
        return rates

    losses = [1.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9]
    # The best is the second; the third, sixth epoch without a better one is the fifth, eighth.
    assert lowered_after([], losses) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert lowered_after(losses[:4], losses[4:]) == [0.5, 0.5, 0.5, 0.25]


def test_cosine_falls_to_zero_by_the_last_epoch_also_across_an_interruption() -> None:
    config = GraderConfig(schedule=GraderSchedule.COSINE, learning_rate=0.8)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(config.learning_rate), "mse")

    def rates(epochs: range) -> list[float]:
        cosine = callbacks.follow_schedule(config, epochs=4, past_losses=[0.5] * epochs.start)
        cosine.set_model(model)
        seen = []
        for epoch in epochs:
            cosine.on_epoch_begin(epoch)
            seen.append(float(model.optimizer.learning_rate))
        return seen

    # cos 0, 45, 90 and 135 degrees; 180 would be the fifth.
    expected = [0.8, 0.4 * (1 + 0.5**0.5), 0.4, 0.4 * (1 - 0.5**0.5)]
    assert rates(range(4)) == pytest.approx(expected)
    assert rates(range(2, 4)) == pytest.approx(expected[2:])


def test_plateau_is_the_schedule_of_the_paper() -> None:
    plateau = callbacks.follow_schedule(GraderConfig(), epochs=100)
    assert isinstance(plateau, callbacks.LowerOnPlateau)
    assert (plateau.factor, plateau.patience) == (0.5, 10)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 5e29])
def test_a_diverged_loss_ends_the_training(loss: float) -> None:
    stop = callbacks.StopWhenDiverged()
    stop.on_epoch_begin(2)
    stop.on_train_batch_end(3, {"loss": 20.0})
    with pytest.raises(ModelError, match=r"epoch 3, batch 5: the loss diverged \(.*\); lower grader.learning_rate"):
        stop.on_train_batch_end(4, {"loss": loss})
    with pytest.raises(ModelError, match="epoch 3: the validation loss diverged"):
        stop.on_epoch_end(2, {"loss": 0.5, "val_loss": loss})


def test_a_region_without_grades_is_refused(records: RecordFolder, experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match='no graded lateral_recess in split "train"'):
        grader.train_grader(records, region=Region.LATERAL_RECESS, experiment=experiment, run_folder=tmp_path / "run")
