"""Two steps of every experiment that comes along, detector and grader, on a few simulated patients.

The networks, image sizes, proposals, losses and schedules are the experiments' own. What is set here has no say in
whether a network can be built and trained: how many steps, images a step, epochs and shards, and who is in which split.
"""

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tfspine.cli.main import main
from tfspine.config import BatchNorm, DetectorConfig, GraderConfig
from tfspine.experiment_file import load_experiment
from tfspine.formats.history_csv import HISTORY_FILE

pytestmark = pytest.mark.slow

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
TRAINED = sorted(path for path in EXPERIMENTS.glob("*.toml") if "[tuner]" not in path.read_text())
ALWAYS = ("demo", "demo_quick", "paper")
EXPERIMENTS_TO_TRAIN = [
    pytest.param(path, id=path.stem, marks=() if path.stem in ALWAYS else pytest.mark.long) for path in TRAINED
]
SWEEPS = sorted(path for path in EXPERIMENTS.glob("*.toml") if path not in TRAINED)

DATA = (
    *("records.shards=1", "records.empty_slices=1.0", "split.validation=0.25", "split.test=0.25"),
    *("training.precision=fp32", "training.strategy=one"),
)
STEPS = (
    *("detector.steps=2", "detector.steps_between_summaries=1", "detector.steps_between_checkpoints=2"),
    *("detector.batch_size=1", "detector.shuffle_buffer=8", "grader.epochs=2"),
)


def settings(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", value)]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated patients, two of them in each split."""
    root = tmp_path_factory.mktemp("experiments")
    phantom = ("phantom.studies=6", "phantom.matrix_px=128", "phantom.prevalence=balanced")
    assert main(["phantom", "--out", str(root / "phantom"), *settings(*phantom)]) == 0
    assert main(["ingest", str(root / "phantom" / "dicom"), "--out", str(root / "slices")]) == 0
    with (root / "slices" / "slices.csv").open() as file:
        patients = dict.fromkeys((row["patient"], row["study"]) for row in csv.DictReader(file))
    lines = ["patient,study,split"]
    for (patient, study), split in zip(patients, ("train", "validation", "test") * 2, strict=True):
        lines.append(f"{patient},{study},{split}")
    (root / "splits.csv").write_text("\n".join(lines) + "\n")
    words = ["--slices", root / "slices", "--labels", root / "phantom" / "labels", "--splits", root / "splits.csv"]
    assert main(["records", *map(str, words), "--out", str(root / "records"), *settings(*DATA)]) == 0
    return root / "records"


def rows(run: Path) -> list[dict[str, str]]:
    with (run / HISTORY_FILE).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def histories() -> dict[str, list[dict[str, str]]]:
    """History of each training by its settings: experiments with a network in common train it once."""
    return {}


@pytest.fixture(scope="module")
def pretrained(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of the paper's network, with running moments that are those of its images: the shape of a COCO start."""
    run = tmp_path_factory.mktemp("pretrained") / "run"
    words = ["--records", str(records), *settings(*DATA, *STEPS, "detector.norm_momentum=0.0")]
    assert main(["train", "detector", "--plane", "axial", *words, "--out", str(run)]) == 0
    yield run
    shutil.rmtree(run)  # a gigabyte of checkpoints


@pytest.mark.parametrize("path", EXPERIMENTS_TO_TRAIN)
def test_two_steps_of_every_experiment(
    path: Path,
    records: Path,
    histories: dict[str, list[dict[str, str]]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    experiment = load_experiment(path, [*DATA, *STEPS])
    # No experiment names a checkpoint here, so which of its modules would be loaded does not matter.
    detector = replace(experiment.detector, checkpoint_modules=())
    assert not detector.checkpoint
    given = ["--experiment", str(path), *settings(*DATA, *STEPS), "--records", str(records)]
    if detector.batch_norm is BatchNorm.FROZEN:
        folder = request.getfixturevalue("pretrained")
        given += settings(f'detector.checkpoint="{folder}"', 'detector.checkpoint_modules=["all"]')

    def history(network: DetectorConfig | GraderConfig, *words: str) -> list[dict[str, str]]:
        trained = repr((network, experiment.training, experiment.overrides, experiment.seed))
        if trained not in histories:
            run = tmp_path / words[0]
            assert main(["train", *words, *given, "--out", str(run)]) == 0
            histories[trained] = rows(run)
            shutil.rmtree(run)  # a gigabyte of checkpoints
        return histories[trained]

    assert [row["step"] for row in history(detector, "detector", "--plane", "axial")] == ["1", "2"]
    graded = history(experiment.grader, "grader", "--region", "central_canal")
    assert [float(row["epoch"]) for row in graded] == [0, 1]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_one_trial_of_every_sweep(path: Path, records: Path, tmp_path: Path) -> None:
    """The sweep's own space, of which one trial is drawn and trained for an epoch."""
    text = path.read_text()
    head, space = text[: text.index("[tuner]")], text[text.index("[space]") :]
    sweep = tmp_path / path.name
    sweep.write_text(f'{head}[tuner]\nkind = "random"\ntrials = 1\nepochs = 1\nseed = 1\n\n{space}')
    words = ["--records", str(records), "--region", "central_canal", "--out", str(tmp_path / "sweep")]
    assert main(["tune", str(sweep), *words, *settings(*DATA)]) == 0
    assert (tmp_path / "sweep" / "best.toml").is_file()
