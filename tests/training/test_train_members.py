"""Members of a grader: which there are and whose, trained once each, met in one table."""

import contextlib
import csv
import fcntl
import functools
import json
import os
import pickle
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.cli.main import main
from tfspine.errors import ConfigError
from tfspine.evaluation.statistics.temperature import fit_temperature
from tfspine.experiment_file import load_experiment
from tfspine.formats.splits_csv import read_splits, split_hash
from tfspine.labels import Region
from tfspine.progress import silent
from tfspine.training import member_run
from tfspine.training.members import Member, parse_members, take_shard
from tfspine.workflows import train_members as workflow
from tfspine.workflows.processes import interruptible

SETTINGS = (
    "records.shards=2", "split.validation=0.25", "split.test=0.125", "grader.crop_size_px=16", "grader.filters=[4, 4]",
    "grader.dense_units=4", "grader.dropout=0.0", "grader.loss=plain", "grader.batch_size=8", "grader.epochs=2",
)  # fmt: skip


def test_nine_members_in_the_papers_way() -> None:
    members = parse_members("3x3")
    assert [member.name for member in members] == [
        "s1r1",
        "s1r2",
        "s1r3",
        "s2r1",
        "s2r2",
        "s2r3",
        "s3r1",
        "s3r2",
        "s3r3",
    ]
    assert [member.name for member in parse_members("1x2")] == ["s1r1", "s1r2"]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 12))
def test_shares_hold_every_member_once_and_are_even(splits: int, repeats: int, shards: int) -> None:
    members = parse_members(f"{splits}x{repeats}")
    shares = [take_shard(members, f"{number}/{shards}") for number in range(1, shards + 1)]
    assert sorted(v.name for share in shares for v in share) == sorted(v.name for v in members)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(1, 400_000), st.integers(1, 400_000))
def test_no_two_members_share_a_seed(first: int, second: int) -> None:
    seeds = [member.seed(seed) for seed in {first, second} for member in parse_members("3x3")]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < 2**32


@pytest.mark.parametrize("text", ["3", "3x", "0x3", "x3", "3x-1", "3 x 3", "3x3x3", "100x1"])
def test_other_words_are_no_members(text: str) -> None:
    with pytest.raises(ConfigError, match=f'--members "{text}"; expected'):
        parse_members(text)


@pytest.mark.parametrize("text", ["3/2", "0/2", "1", "a/b"])
def test_other_words_are_no_shard(text: str) -> None:
    with pytest.raises(ConfigError, match=f'--shard "{text}"; expected K'):
        take_shard(parse_members("3x3"), text)


@pytest.fixture
def words(records_folder: Path, tmp_path: Path) -> list[str]:
    """Return the command line that trains two divisions twice."""
    studies = [
        (f"{split}{number}", split)
        for split, n in (("train", 8), ("validation", 4), ("test", 2))
        for number in range(n)
    ]
    lines = ["patient,study,split", *(f"p-{study},{study},{split}" for study, split in studies)]
    (tmp_path / "splits.csv").write_text("\n".join(lines) + "\n")
    manifest = json.loads((records_folder / "manifest.json").read_text())
    manifest["details"]["split"] = split_hash(dict(studies))
    (records_folder / "manifest.json").write_text(json.dumps(manifest))
    return [
        *(
            "train",
            "grader",
            "--region",
            "central_canal",
            "--members",
            "2x2",
            "--splits",
            str(tmp_path / "splits.csv"),
        ),
        *("--records", str(records_folder), "--out", str(tmp_path / "run")),
        *(word for setting in SETTINGS for word in ("--set", setting)),
    ]


def _table(run: Path) -> list[dict[str, str]]:
    with (run / "members.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_two_machines_train_two_divisions_twice(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([*words, "--shard", "1/2"]) == 0
    assert capsys.readouterr().out == f"{run}: 2 of 4 members trained, 2 left to others\n"
    assert sorted(path.name for path in (run / "members").iterdir()) == ["s1r1", "s2r1"]
    assert not (run / "manifest.json").exists()
    first = (run / "members" / "s1r1" / "history.csv").read_text()

    # The third machine dies in the middle of one member, and its successor trains what is left and nothing else.
    trained = []
    original = member_run.train_grader

    def dying(*args, **kwargs):
        trained.append(kwargs["run_folder"].name)
        if len(trained) == 1:
            (kwargs["run_folder"] / "history.csv").write_text("epoch,val_")
            raise KeyboardInterrupt
        original(*args, **kwargs)

    monkeypatch.setattr(member_run, "train_grader", dying)
    assert main([*words, "--shard", "2/2"]) == 130
    assert main(words) == 0
    assert trained == ["s1r2", "s1r2", "s2r2"]
    assert (run / "members" / "s1r1" / "history.csv").read_text() == first
    assert main(words) == 0
    assert "already complete" in capsys.readouterr().out
    assert main([*words[:5], "3x1", *words[6:]]) == 2
    assert "members = 2x2 there, 3x1 here" in capsys.readouterr().err
    assert main([*words, "--set", "split.validation=0.125"]) == 2
    assert "split.validation = 0.25 there, 0.125 here" in capsys.readouterr().err

    rows = _table(run)
    assert [row["member"] for row in rows] == ["s1r1", "s1r2", "s2r1", "s2r2"]
    assert [row["seed"] for row in rows] == ["10101", "10102", "10201", "10202"]
    for split in "12":
        losses = {row["member"]: float(row["val_loss"]) for row in rows if row["split"] == split}
        selected = [row["member"] for row in rows if row["split"] == split and row["selected"] == "yes"]
        assert selected == [min(losses, key=losses.__getitem__)]
    details = json.loads((run / "manifest.json").read_text())["details"]
    assert (details["kind"], details["region"]) == ("grader_members", "central_canal")
    _check_validation_crops(run, rows)


def _check_validation_crops(run: Path, rows: list[dict[str, str]]) -> None:
    """Four grades a study: the crops of each member are those of its division's validation studies."""
    divisions = {split: read_splits(run / f"splits{split}.csv") for split in "12"}
    assert divisions["1"] != divisions["2"]
    for row in rows:
        studies = sum(split == "validation" for split in divisions[row["split"]].values())
        # 0.25 / 0.875 of 12 development patients.
        assert studies == 3
        with (run / "members" / row["member"] / "validation.csv").open(newline="") as file:
            crops = list(csv.DictReader(file))
        assert [sum(crop["grade"] == word for crop in crops) for word in ("normal", "severe")] == [3, 3]
        shares = np.array(
            [[float(crop[f"p_{word}"]) for word in ("normal", "mild", "moderate", "severe")] for crop in crops]
        )
        grades = [["normal", "mild", "moderate", "severe"].index(crop["grade"]) for crop in crops]
        assert float(row["temperature"]) == pytest.approx(fit_temperature(shares, grades), rel=1e-6)
        # The plain loss is the mean negative log likelihood of the best epoch.
        nll = -np.log(shares[np.arange(len(grades)), grades]).mean()
        assert float(row["val_loss"]) == pytest.approx(nll, rel=1e-3)


@pytest.mark.slow
def test_workers_are_processes_and_a_failure_is_told_at_the_end(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    two = [*words[:5], "1x2", *words[6:]]
    # A third share of two members holds none: it only says whose run this is.
    assert main([*two, "--shard", "3/3"]) == 0
    (run / "members" / "s1r2").mkdir(parents=True)
    with (run / "members" / "s1r2" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main([*two, "--workers", "2"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"tfspine train: {run}: 1 of 2 members failed, the first s1r2: ")
    assert "s1r2: another process works on it; wait for it, or end it" in error
    assert main(two) == 0
    assert [row["member"] for row in _table(run)] == ["s1r1", "s1r2"]


def test_a_worker_is_told_what_its_parent_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call of a worker has its parent's arguments, and one member, device and share of the cores for its own."""
    told = []

    @contextlib.contextmanager
    def own_process(call, *, environment):
        told.append((pickle.loads(pickle.dumps(call)), environment))  # noqa: S301 - our own
        yield SimpleNamespace(result=lambda: None)

    monkeypatch.setattr("tfspine.workflows.own_process.own_process", own_process)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    options = workflow.MembersOptions(
        Region.LATERAL_RECESS, "2x2", workers=4, experiment=load_experiment(None, ["seed=3", "grader.epochs=2"])
    )
    call = functools.partial(workflow._train_one, Path("r"), Path("o"), Member(2, 1), {"a": "train"}, options)
    assert workflow._at_once({Member(2, 1): call}, workers=4, track=silent) == {}
    ((quiet, environment),) = told
    (sent,) = quiet.args
    assert sent.func is workflow._train_one
    assert sent.args == (Path("r"), Path("o"), Member(2, 1), {"a": "train"}, options)
    assert environment == {"TF_NUM_INTRAOP_THREADS": "3", "TFSPINE_DEVICES": "cpu"}


def test_no_core_is_idle_while_the_last_members_train() -> None:
    assert workflow._threads(9, workers=2, cores=2) == [1] * 8 + [2]
    assert workflow._threads(5, workers=3, cores=8) == [2, 2, 2, 4, 4]
    assert workflow._threads(2, workers=4, cores=8) == [4, 4]
    assert workflow._threads(2, workers=4, cores=1) == [1, 1]


def sleep_beside(folder: Path) -> None:
    (folder / str(os.getpid())).write_text("")
    time.sleep(60)


def test_workers_end_when_their_parent_is_told_to(tmp_path: Path) -> None:
    """Two of three begin; the third never does, and none of the two is left behind."""

    def interrupt() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    calls = {member: functools.partial(sleep_beside, tmp_path) for member in parse_members("3x1")}
    with pytest.raises(KeyboardInterrupt), interruptible():
        workflow._at_once(calls, workers=2, track=silent)
    begun = [int(path.name) for path in tmp_path.iterdir()]
    assert len(begun) == 2
    for number in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--members", "3x3"], "--members needs --splits CSV"),
        (["--members", ""], "--members needs --splits CSV"),
        (["--splits", "splits.csv"], "--splits belongs to --members"),
        (["--shard", "1/2"], "--shard belongs to --members"),
        (["--workers", "2"], "--workers belongs to --members"),
        (["--workers", "0"], "--workers 0; expected 1 or more"),
    ],
)
def test_words_that_do_not_go_together(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "grader", "--region", "central_canal", "--records", "r", "--out", "o", *given]) == 2
    assert message in capsys.readouterr().err
