"""What a sweep leaves: `trials.csv`, the best trial as an experiment, and the manifest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus as KerasStatus

import tfspine
from tfspine.config import Experiment, as_dict
from tfspine.errors import ModelError
from tfspine.formats.trials_csv import TrialRow, TrialStatus, write_trials
from tfspine.labels import Region
from tfspine.manifest import RunKind, write_manifest
from tfspine.outputs import write_text
from tfspine.records.folder import RecordFolder
from tfspine.training.importance import setting_importance
from tfspine.training.oracles import KeptOracle
from tfspine.training.search import SECTION, Sweep, draw_settings, trial_epochs, trial_experiment
from tfspine.training.sweep_trials import MESSAGE_FILE

TUNER_FOLDER = "tuner"
BEST_FILE = "best.toml"

STATUS = {KerasStatus.COMPLETED: TrialStatus.COMPLETED, KerasStatus.FAILED: TrialStatus.FAILED}


@dataclass(frozen=True)
class SweepResult:
    """The best trial of a sweep.

    Attributes:
        experiment: the experiment with its settings.
        score: the value of the objective in its best epoch.
        importance: for each setting of the space, the share of the scores' variance that it explains alone; None
            where there are too few trials.
    """

    experiment: Experiment
    score: float
    importance: Mapping[str, float | None]


def write_results(
    oracle: KeptOracle, records: RecordFolder, *, region: Region, experiment: Experiment, sweep: Sweep, out: Path
) -> SweepResult:
    """Write the table of all trials, the best of them, and the manifest.

    Raises:
        ModelError: no trial succeeded.
    """
    rows = [_row(trial, sweep, out) for trial in oracle.trials.values()]
    write_trials(out, rows)
    done = [row for row in rows if row.status is TrialStatus.COMPLETED]
    if not done:
        last = next((row.message for row in reversed(rows) if row.message), "no trial left a message")
        raise ModelError(f"{out}: 0 of {len(rows)} trials were completed; {last}")
    best = (max if sweep.tuner.objective.direction == "max" else min)(done, key=_score)
    values = {name.removeprefix(SECTION): value for name, value in best.settings.items()}
    chosen = trial_experiment(experiment, values, source=sweep.source)
    importance = setting_importance(done, sweep.space)
    write_text(out / BEST_FILE, _best_toml(chosen, best, len(done), sweep=sweep, records=records))
    write_manifest(
        out,
        command="tune",
        config=as_dict(experiment),
        inputs=[records.folder, Path(sweep.source)],
        details={
            "kind": RunKind.SWEEP,
            "region": region,
            "trials": len(rows),
            "completed": len(done),
            "best": best.trial,
            best.objective: best.score,
            "importance": importance,
        },
    )
    return SweepResult(chosen, _score(best), importance)


def _row(trial: Trial, sweep: Sweep, out: Path) -> TrialRow:
    status = STATUS.get(trial.status, TrialStatus.UNFINISHED)
    hp = trial.hyperparameters
    settings = draw_settings(hp, sweep.space) if hp.values else dict.fromkeys(sweep.space)
    return TrialRow(
        trial=int(trial.trial_id),
        status=status,
        objective=sweep.tuner.objective.value,
        score=float(trial.score) if status is TrialStatus.COMPLETED else None,
        epochs=trial_epochs(hp, sweep) if hp.values else None,
        message=_message(trial, out) if status is TrialStatus.FAILED else "",
        settings={SECTION + name: value for name, value in settings.items()},
    )


def _score(row: TrialRow) -> float:
    return math.nan if row.score is None else row.score


def _message(trial: Trial, out: Path) -> str:
    try:
        return (out / TUNER_FOLDER / f"trial_{trial.trial_id}" / MESSAGE_FILE).read_text().strip()
    except (OSError, ValueError):
        return (trial.message or "").strip().rpartition("\n")[2]


def _best_toml(experiment: Experiment, best: TrialRow, completed: int, *, sweep: Sweep, records: RecordFolder) -> str:
    heading = (
        f"# Best of {completed} trials: {sweep.tuner.objective.words} {_score(best):.4f} (trial {best.trial}).\n"
        f"# From tfspine {tfspine.__version__} tune {sweep.source}, records {records.folder}.\n\n"
    )
    return heading + tomli_w.dumps(as_dict(experiment))
