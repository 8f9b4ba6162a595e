"""Ingest: what is chosen, in which order, and what is said of the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfspine.cli.main import main
from tfspine.dicom.pixels import window, window_limits
from tfspine.dicom.slices import load_slices
from tfspine.labels import Plane


def ingest(source: Path, out: Path, *words: str) -> int:
    return main(["ingest", str(source), "--out", str(out), *words])


def test_slices_are_ordered_by_position_not_by_instance_number(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    assert ingest(write_study(tmp_path / "in"), tmp_path / "out") == 0
    table = pd.read_csv(tmp_path / "out" / "slices.csv")
    axial, sagittal = table[table.plane == "axial"], table[table.plane == "sagittal"]
    assert axial.position_z_mm.tolist() == [25, 20, 15, 10, 5, 0]  # head to feet
    assert sagittal.position_x_mm.tolist() == [0, 5, 10, 15, 20, 25]  # the patient's right to left
    assert axial.number.tolist() == [1, 2, 3, 4, 5, 6]


def test_both_spacings_are_kept_and_nobody_is_named(write_study: Callable[..., Path], tmp_path: Path) -> None:
    ingest(write_study(tmp_path / "in"), tmp_path / "out")
    slice_ = load_slices(tmp_path / "out")[0]
    assert slice_.geometry.spacing_mm == (0.8, 0.5)
    assert slice_.plane is Plane.AXIAL
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"Doe" not in path.read_bytes()
            assert "P1" not in path.name


def test_everything_refused_is_listed_with_its_reason(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in")
    (source / "readme.txt").write_text("not an image")
    whole = write_slice(source / "cut", SeriesInstanceUID="1.2.3.1", ImagePositionPatient=[0.0, 0.0, 50.0])
    whole.write_bytes(whole.read_bytes()[:-100])
    for number in range(3):
        write_slice(
            source / f"localizer{number}",
            SeriesInstanceUID="1.2.3.7",
            ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
            ImagePositionPatient=[0.0, 0.0, float(number)],
        )
    write_slice(source / "ct", Modality="CT")
    write_slice(source / "nowhere", ImagePositionPatient=None)
    assert ingest(source, tmp_path / "out") == 0
    refused = pd.read_csv(tmp_path / "out" / "refused.csv").set_index("file").reason
    assert len(refused) == 7
    assert refused["readme.txt"] == "not a DICOM file"
    assert "pixels cannot be decoded" in refused["cut"]
    assert "LOCALIZER" in refused["localizer0"]
    assert "Modality CT" in refused["ct"]
    assert "ImagePositionPatient is absent" in refused["nowhere"]
    assert len(load_slices(tmp_path / "out")) == 12


def test_an_empty_folder_is_one_line_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert ingest(tmp_path / "in", tmp_path / "out") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(tmp_path / "in") in message
    assert "0 files" in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_a_study_without_sagittal_series_is_refused_with_what_it_has(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest(write_study(tmp_path / "in", planes="a"), tmp_path / "out") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no sagittal T1w series; found 6 slices: axial T2" in message
    assert not (tmp_path / "out").exists()


def test_a_bad_study_does_not_stop_the_others(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path / "in" / "good", uid="1.2.3", patient="P1")
    write_study(tmp_path / "in" / "bad", uid="1.2.4", patient="P2", planes="s")
    assert ingest(tmp_path / "in", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"studies": 1, "slices": 12, "refused": 6}


def test_a_lost_image_is_named(write_study: Callable[..., Path], tmp_path: Path) -> None:
    from tfspine.errors import DicomError

    ingest(write_study(tmp_path / "in"), tmp_path / "out")
    lost = next((tmp_path / "out" / "slices").iterdir())
    lost.unlink()
    with pytest.raises(DicomError, match=lost.name):
        load_slices(tmp_path / "out")


def test_window_by_hand() -> None:
    """Values 0..1000: percentiles 0.5 and 99.5 are 5 and 995; half way between them is 127.5, rounded to even."""
    pixels = np.arange(1001, dtype=np.float32).reshape(7, 143)
    low, high = window_limits([pixels])
    assert (low, high) == pytest.approx((5.0, 995.0))
    got = window(pixels, (low, high)).ravel()
    assert (got[0], got[5], got[500], got[995], got[1000]) == (0, 0, 128, 255, 255)
    assert window(np.full((2, 2), 7.0, np.float32), (7.0, 7.0)).tolist() == [[0, 0], [0, 0]]
