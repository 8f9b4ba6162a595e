"""A run that is complete says how long it trained and how to train longer, in settings that exist."""

from dataclasses import replace
from pathlib import Path

import pytest

from tfspine.cli.train import complete_already
from tfspine.config import Experiment
from tfspine.experiment_file import load_experiment


@pytest.mark.parametrize(("section", "name", "length"), [("grader", "epochs", 20), ("detector", "steps", 4000)])
def test_a_complete_run_says_how_to_train_longer(section: str, name: str, length: int) -> None:
    usual = Experiment()
    experiment = replace(usual, **{section: replace(getattr(usual, section), **{name: length})})
    told = complete_already(Path("runs/canal"), section, experiment)
    assert told.startswith(f"runs/canal: already complete with this configuration ({length} {name}); ")
    setting = told.split("--set ")[1]
    assert getattr(getattr(load_experiment(None, [setting]), section), name) == 2 * length
    assert "name another --out" in told
