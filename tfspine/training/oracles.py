"""Keras Tuner's search methods, kept on disk so that a kill, a full disk or a damaged file costs one trial at most.

Keras Tuner writes its files in place, ends a sweep at a file that was cut off, and ends it for good after three
failed trials in a row. Here files are replaced whole, a trial that cannot be read counts as failed, and only a sweep
whose first trials all fail ends early.
"""

import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from tfspine.outputs import write_text
from tfspine.training.search import Sweep, TunerKind, draw_settings

logger = logging.getLogger(__name__)

TRIAL_FILE = "trial.json"
ORACLE_FILE = "oracle.json"
NO_WORKER = "no-worker"
"""Asks for a trial only to find out whether there is one."""

HOPELESS_TRIALS = 10
"""A sweep ends when so many trials have ended and none of them well."""

FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


def make_oracle(sweep: Sweep) -> "KeptOracle":
    """Return the search method of a sweep, with its space declared."""
    config = sweep.tuner
    space = keras_tuner.HyperParameters()
    draw_settings(space, sweep.space)
    shared = {
        "objective": keras_tuner.Objective(config.objective, config.objective.direction),
        "seed": config.seed,
        "hyperparameters": space,
    }
    match config.kind:
        case TunerKind.HYPERBAND:
            oracle: KeptOracle = _Hyperband(max_epochs=config.epochs, factor=config.factor, **shared)
        case TunerKind.BAYESIAN:
            oracle = _Bayesian(max_trials=config.trials, **shared)
        case TunerKind.RANDOM:
            oracle = _Random(max_trials=config.trials, **shared)
        case TunerKind.GRID:
            oracle = _Grid(**shared)
    oracle.hours = config.hours
    # Keras Tuner's display cannot go on when it is resumed: a trial's start is written before the display knows it.
    oracle.verbose = 0
    return oracle


def first_trials(sweep: Sweep, count: int, *, folder: Path) -> list[dict[str, Any]]:
    """Return the settings of the first trials as Keras Tuner draws them, before any has a result.

    Args:
        sweep: the space and how it is searched.
        count: at most so many; a grid or `trials` may have fewer.
        folder: an empty folder for Keras Tuner's files.
    """
    oracle = make_oracle(sweep)
    oracle._set_project_dir(str(folder), "dry-run")
    drawn = []
    for number in range(count):
        trial = oracle.create_trial(f"draw{number}")
        if trial.status != TrialStatus.RUNNING:
            break
        drawn.append(draw_settings(trial.hyperparameters, sweep.space))
    return drawn


class KeptOracle(keras_tuner.Oracle):
    """What every search method adds to Keras Tuner's own."""

    hours: float = 0.0
    """No trial starts so many hours after the process did; 0: no limit."""

    is_alive: Callable[[str], bool] = staticmethod(lambda tuner_id: False)
    """Whether a worker still trains the trial that it had when the state was written."""

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]
    end_order: list[str]
    _ongoing_on_disk: Mapping[str, Trial] = {}
    _started = time.monotonic()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the settings of the next trial, or that the search is over."""
        done = [self.trials[trial_id].status for trial_id in self.end_order]
        is_hopeless = len(done) >= HOPELESS_TRIALS and TrialStatus.COMPLETED not in done
        is_late = 0 < self.hours * 3600 < time.monotonic() - self._started
        if is_hopeless or is_late:
            return {"status": TrialStatus.STOPPED, "values": None}
        response: dict[str, Any] = super().populate_space(trial_id)
        return response

    def save(self) -> None:
        """Replace the state whole."""
        write_text(Path(self._get_oracle_fname()), json.dumps(self.get_state()))

    def reload(self) -> None:
        """Take up the trials on disk; what cannot be read is set aside with a warning.

        A damaged trial counts as failed. Without a readable state the plan begins again, and all trials are kept.
        """
        for path in Path(self._project_dir).glob(f"trial_*/{TRIAL_FILE}"):
            _mend_trial(path)
        state = Path(self._get_oracle_fname())
        try:
            super().reload()
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OSError) as error:
            logger.warning("%s: cannot be read (%s); the search goes on from its trials", state, type(error).__name__)
            with contextlib.suppress(FileNotFoundError):
                state.replace(state.with_name(f"{state.name}.damaged"))
            self._forget_plan()
        self._agree_with_trials()

    @keras_tuner.synchronized
    def release(self, tuner_id: str) -> None:
        """Give the trial of a worker that ended to the next one that asks."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is not None:
            self._retry_queue.append(trial.trial_id)
            self.save()

    def is_over(self) -> bool:
        """Whether no trial is left to be started or continued, if no worker has one."""
        status = self.create_trial(NO_WORKER).status
        self.release(NO_WORKER)
        return bool(status == TrialStatus.STOPPED)

    def set_state(self, state: dict[str, Any]) -> None:
        """Remember which worker had which trial, because Keras Tuner's `reload` forgets it."""
        super().set_state(state)
        self._ongoing_on_disk = {
            name: trial for name, trial in self.ongoing_trials.items() if trial.status not in FINISHED
        }

    def _save_trial(self, trial: Trial) -> None:
        write_text(Path(self._get_trial_dir(trial.trial_id)) / TRIAL_FILE, json.dumps(trial.get_state()))

    def _check_consecutive_failures(self) -> None:
        """Do nothing: Keras Tuner would end the sweep with an error that leaves its lock held."""

    def _forget_plan(self) -> None:
        self._ongoing_on_disk = {}
        for forgotten in (self.ongoing_trials, self.start_order, self.end_order):
            forgotten.clear()
        # Beyond the seeds that the trials used, so that their settings are not repeated.
        self._seed_state = self.seed + len(self.trials) * (len(self.hyperparameters.space) + 1)
        for trial in self.trials.values():
            self._record_values(trial)

    def _agree_with_trials(self) -> None:
        """Make the lists agree with the trials, which are written first: a kill may come between the two."""
        order = sorted(self.trials, key=int)
        # Keras Tuner lists files in the order of the file system; searches depend on the order of their trials.
        self.trials = {trial_id: self.trials[trial_id] for trial_id in order}
        kept = {name: trial for name, trial in self._ongoing_on_disk.items() if self.is_alive(name)}
        self.ongoing_trials = kept
        self.tuner_ids |= set(kept)
        held = {trial.trial_id for trial in kept.values()}
        finished = [trial_id for trial_id in order if self.trials[trial_id].status in FINISHED]
        self.end_order = [trial_id for trial_id in self.end_order if trial_id in finished]
        self.end_order += [trial_id for trial_id in finished if trial_id not in self.end_order]
        self.start_order += [trial_id for trial_id in order if trial_id not in self.start_order]
        self._retry_queue = [trial_id for trial_id in reversed(order) if trial_id not in {*finished, *held}]


class _Random(KeptOracle, RandomSearchOracle):
    pass


class _Hyperband(KeptOracle, HyperbandOracle):
    pass


class _Bayesian(KeptOracle, BayesianOptimizationOracle):
    pass


class _AllCombinations(keras_tuner.Oracle):
    def populate_space(self, trial_id: str) -> dict[str, Any]:
        space = self.hyperparameters.space
        for combination in itertools.product(*(hp.values for hp in space)):
            values = {hp.name: value for hp, value in zip(space, combination, strict=True)}
            if not self._duplicate(values):
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}


class _Grid(KeptOracle, _AllCombinations):
    """Every combination in the order of the file; Keras Tuner's own grid forgets its place when it is resumed."""


def _mend_trial(path: Path) -> None:
    """Replace a trial that cannot be read by a failed one of the same number, and keep the damaged file."""
    try:
        Trial.load(str(path))
    except Exception as error:  # Keras Tuner reads what it finds, with any error.
        message = f"{path}: cannot be read ({type(error).__name__}); kept as {TRIAL_FILE}.damaged"
        logger.warning("%s; the trial counts as failed", message)
        path.replace(path.with_name(f"{TRIAL_FILE}.damaged"))
        trial_id = path.parent.name.removeprefix("trial_")
        failed = Trial(keras_tuner.HyperParameters(), trial_id, TrialStatus.FAILED, message)
        write_text(path, json.dumps(failed.get_state()))
