"""What every experiment that comes along says before its first setting."""

import pickle
import re
from pathlib import Path

import pytest

from tfspine.compat import tomllib
from tfspine.config import DetectorConfig, Experiment, as_dict
from tfspine.config.toml_text import toml_text
from tfspine.experiment_file import load_experiment

EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.toml"))
PAPER = Path(__file__).parents[1] / "experiments" / "paper.toml"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_opens_with_command_hardware_time_and_result(path: Path) -> None:
    heading = path.read_text().split("\n\n")[0].splitlines()
    heading = [line for line in heading if line.startswith("#")]
    assert re.match(r"# \w", heading[0]), "the first line says what it is"
    told = [match[1] for line in heading if (match := re.match(r"# (command|hardware|time|result) +\S", line))]
    assert told == ["command", "hardware", "time", "result"]


def test_the_papers_file_and_the_defaults_agree() -> None:
    """All of `paper.toml` is the default but for what a start from detectron2's COCO weights needs."""
    table = tomllib.loads(PAPER.read_text())
    started = {"checkpoint_modules": ["all"], "stride_in_1x1": True, "batch_norm": "frozen"}
    assert {key: table["detector"].pop(key) for key in started} == started
    defaults = as_dict(Experiment())
    for section, values in table.items():
        if isinstance(values, dict):
            assert values == {key: defaults[section][key] for key in values}
    assert load_experiment(PAPER).detector.image_size_px == DetectorConfig().image_size_px


def test_every_default_is_written_as_toml_reads_it() -> None:
    for section, values in as_dict(Experiment()).items():
        for key, value in values.items() if isinstance(values, dict) else [(section, values)]:
            assert tomllib.loads(f"value = {toml_text(value)}")["value"] == value, key


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_reaches_a_separate_process_unchanged(path: Path) -> None:
    """Trainings run in processes of their own, to which their settings are sent by pickle."""
    if path.name == "sweep_grader.toml":
        experiment = load_experiment(None, ["overrides.task.model.rpn_head.num_convs=2"])
    else:
        experiment = load_experiment(path)
    assert pickle.loads(pickle.dumps(experiment)) == experiment  # noqa: S301 - our own


def test_an_override_means_the_same_with_dots_and_as_tables(tmp_path: Path) -> None:
    """With other proposals, how many regions there are to sample is not known, and is left to the user."""
    for number, text in enumerate(
        (
            "[overrides]\ntask.model.roi_generator.num_proposals = 400",
            "[overrides.task.model.roi_generator]\nnum_proposals = 400",
        )
    ):
        path = tmp_path / f"{number}.toml"
        path.write_text(text + "\n[detector]\nsampled_regions = 450\n")
        assert load_experiment(path).dotted_overrides == {"task.model.roi_generator.num_proposals": 400}
