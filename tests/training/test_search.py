"""Sweep files: what they mean, and what they may not say."""

import re
from pathlib import Path

import keras_tuner
import pytest

from tfspine.config import Experiment, GraderLoss
from tfspine.config.toml_text import toml_text
from tfspine.errors import ConfigError, ModelError
from tfspine.training.runs import RunState, open_run
from tfspine.training.search import TunerKind, draw_settings, load_sweep, trial_experiment

SAMPLE = Path(__file__).parents[2] / "experiments" / "sweep_grader.toml"


def _write(folder: Path, text: str) -> Path:
    path = folder / "sweep.toml"
    path.write_text(text)
    return path


def test_draws_become_an_ordinary_experiment(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """
        [tuner]
        kind = "random"
        [space]
        "grader.learning_rate" = {min = 1e-4, max = 1e-2, sampling = "log"}
        "grader.dense_units" = {min = 16, max = 64, step = 16}
        "grader.filters" = {values = [[8, 8, 16]]}
        "grader.loss" = {values = ["class_weights"]}
        """,
    )
    base = Experiment(name="base", seed=7)
    sweep = load_sweep(path, base)
    assert sweep.tuner.kind is TunerKind.RANDOM
    hp = keras_tuner.HyperParameters()
    draw_settings(hp, sweep.space)
    hp.values |= {"grader.learning_rate": 0.003, "grader.dense_units": 48}
    drawn = trial_experiment(base, draw_settings(hp, sweep.space), source="sweep.toml")
    assert drawn.grader.filters == (8, 8, 16)
    assert drawn.grader.loss is GraderLoss.CLASS_WEIGHTS
    assert (drawn.grader.learning_rate, drawn.grader.dense_units) == (0.003, 48)
    assert (drawn.name, drawn.seed, drawn.detector) == ("base", 7, base.detector)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[space]\n"grader.learning_rat" = {values=[1.0]}', 'did you mean "space.grader.learning_rate"'),
        ('[space]\n"detector.steps" = {values=[1]}', 'unknown key "space.detector.steps"'),
        ('[space]\n"grader.dropout" = {values=["much"]}', 'grader.dropout = "much"; expected float'),
        ('[space]\n"grader.dropout" = {min=0.5}', r"expected \{values = "),
        ('[space]\n"grader.dropout" = {min=0.5, max=0.1}', "expected min below max"),
        ('[space]\n"grader.learning_rate" = {min=0.0, max=0.1, sampling="log"}', "above 0 for log sampling"),
        ('[space]\n"grader.learning_rate" = {min=0.1, max=0.2, sampling="logg"}', "expected one of linear, log"),
        ('[space]\n"grader.dropout" = {min=0.1, max=0.2, stp=1}', 'did you mean "space.grader.dropout.step"'),
        ('[tuner]\nkind = "gird"\n[space]\n"grader.dropout" = {values=[0.1]}', "expected one of random, hyperband"),
        ('[tuner]\ntrails = 3\n[space]\n"grader.dropout" = {values=[0.1]}', 'did you mean "tuner.trials"'),
        (
            '[tuner]\ntrials = 0\n[space]\n"grader.dropout" = {values=[0.1]}',
            "tuner.trials = 0; expected 1 or more",
        ),
        ('[tuner]\nfactor = 1\n[space]\n"grader.dropout" = {values=[0.1]}', "tuner.factor = 1; expected 2 or more"),
        ('[tuner]\nseed = 1.5\n[space]\n"grader.dropout" = {values=[0.1]}', r"tuner.seed = 1.5; expected int"),
        ('[space]\n"grader.dropout" = {min=0.5}', r"space.grader.dropout = \{ min = 0.5 \}; expected"),
        ('[space]\n"grader.epochs" = {values=[3, 9]}', "space.grader.epochs has no effect with Hyperband"),
        ('[tuner]\nobjective = "ac1"\n[space]\n"grader.dropout" = {values=[0.1]}', "expected one of val_ac1, val_loss"),
        ("[tuner]\ntrials = 3", r"\[space\] is empty"),
        ("[space", "not a readable sweep file"),
    ],
)
def test_what_no_sweep_can_mean_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as refusal:
        load_sweep(path, Experiment())
    assert str(path) in str(refusal.value)


def test_the_sample_is_a_sweep() -> None:
    assert load_sweep(SAMPLE, Experiment()).tuner.kind is TunerKind.HYPERBAND


def test_a_space_is_told_as_the_file_has_it() -> None:
    space = load_sweep(SAMPLE, Experiment()).space_table()
    assert toml_text(space["grader.learning_rate"]) == '{ min = 0.0001, max = 0.01, sampling = "log" }'
    assert toml_text(space["grader.rotation_deg"]) == '{ min = 0.0, max = 15.0, sampling = "linear", step = 5.0 }'
    assert toml_text(space["grader.dropout"]) == "{ values = [0.1, 0.2, 0.4] }"


def test_another_space_in_the_folder_is_refused_as_the_files_have_it(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    (records / "ids.csv").write_text("source_id,key,plane,split\n")

    def claim(text: str) -> RunState:
        sweep = load_sweep(_write(tmp_path, text), Experiment())
        sections = ("grader", "training")
        return open_run(
            tmp_path / "out", trains=sweep.claim(), experiment=Experiment(), sections=sections, records_folder=records
        )

    space = '[space]\n"grader.learning_rate" = {min = 1e-4, max = 1e-2, sampling = "log"}'
    assert claim(space) is RunState.NEW
    (tmp_path / "out" / "tuner").mkdir()
    assert claim(f"[tuner]\ntrials = 7\nhours = 3.0\n{space}") is RunState.STARTED
    message = (
        'space.grader.learning_rate = { min = 0.0001, max = 0.01, sampling = "log" } there, '
        '{ min = 0.0001, max = 0.1, sampling = "log" } here'
    )
    with pytest.raises(ModelError, match=re.escape(message)):
        claim(space.replace("1e-2", "0.1"))
