"""Ingest: what is chosen, in which order, and what is said of the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_samples import AXIAL, PATIENT_ID, SYNTAXES, classic, enhanced, ramp, save
from PIL import Image

from tfspine.cli.main import main
from tfspine.dicom.pixels import window, window_limits
from tfspine.dicom.slices import load_slices
from tfspine.labels import Plane
from tfspine.structures import pseudonym


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


def test_where_nothing_can_be_used_the_commonest_reason_is_told(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_study(tmp_path / "in", planes="s")
    (source / "LICENCE").write_text("not an image")
    assert ingest(source, tmp_path / "out") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"7 files, no usable study; 6 of them: study {pseudonym('1.2.3')}: no axial T2w series" in message


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


def test_explain_prints_the_decision_on_each_series_and_why(
    write_study: Callable[..., Path],
    write_slice: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = write_study(tmp_path / "in")
    for number in range(6):
        write_slice(source / f"c{number}", SeriesInstanceUID="1.2.3.8", SeriesNumber=8, SeriesDescription="Doe T2 cor",
                    ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 0.0, -1.0],
                    ImagePositionPatient=[0.0, float(number), 0.0])  # fmt: skip
    assert ingest(source, tmp_path / "out", "--explain") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split() == list(pd.read_csv(tmp_path / "out" / "series.csv").columns)
    assert [line for line in lines if line.rstrip().endswith("coronal or too oblique; expected axial or sagittal")]
    assert [line for line in lines if line.rstrip().endswith("axial T2")]
    assert "Doe" not in out
    assert ingest(source, tmp_path / "out", "--explain", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["chosen_as"] for row in told["series"]] == ["axial", "sagittal", ""]
    assert [row["row_spacing_mm"] for row in told["series"]] == [0.8] * 3
    assert [row["column_spacing_mm"] for row in told["series"]] == [0.5] * 3


def test_explain_tells_of_a_study_that_cannot_be_used(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest(write_study(tmp_path / "in", planes="a"), tmp_path / "out", "--explain") == 2
    assert "axial T2" in capsys.readouterr().out


def test_workers_below_one_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert ingest(tmp_path / "in", tmp_path / "out", "--workers", "0") == 2
    assert "--workers 0; expected 1 or more" in capsys.readouterr().err


def write_in_every_encoding(folder: Path) -> Path:
    """Write a study whose axial slices each have another encoding, and whose sagittal series is one enhanced file."""
    for number, syntax in enumerate(SYNTAXES):
        save(classic(ImagePositionPatient=[0.0, 0.0, -5.0 * number]), folder / f"a{number}", syntax)
    shared = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.2"}
    ds = enhanced([ramp()] * 6, [(5.0 * number, 0.0, 0.0) for number in range(6)], **shared)
    groups = ds.SharedFunctionalGroupsSequence[0]
    groups.PlaneOrientationSequence[0].ImageOrientationPatient = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
    groups.MRTimingAndRelatedParametersSequence[0].RepetitionTime = 500.0
    groups.MREchoSequence[0].EffectiveEchoTime = 12.0
    save(ds, folder / "s", SYNTAXES[-1])
    return folder


def test_a_study_in_every_encoding(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One picture everywhere, and so one PNG; and nothing that the libraries say comes through."""
    assert ingest(write_in_every_encoding(tmp_path / "in"), tmp_path / "out") == 0
    slices = load_slices(tmp_path / "out")
    assert [slice_.plane for slice_ in slices] == [Plane.AXIAL] * len(SYNTAXES) + [Plane.SAGITTAL] * 6
    for slice_ in slices:
        np.testing.assert_array_equal(slice_.pixels, slices[0].pixels)
    assert PATIENT_ID not in "".join(capfd.readouterr())


def test_slices_are_hung_however_they_are_stored(tmp_path: Path) -> None:
    """One axial slice stored in all eight ways, on six places: every PNG and every row of the table agree."""
    stored = ramp()
    height_mm, width_mm = 33 * 0.8, 39 * 0.5
    right, down = AXIAL[:3], AXIAL[3:]
    for number, (is_transposed, is_mirrored, is_upside_down) in enumerate(np.ndindex(2, 2, 2)):
        picture = stored[:: -1 if is_upside_down else 1, :: -1 if is_mirrored else 1]
        row = [-value if is_mirrored else value for value in right]
        column = [-value if is_upside_down else value for value in down]
        position = [width_mm * is_mirrored, height_mm * is_upside_down, -5.0 * number]
        if is_transposed:
            picture, row, column = picture.T, column, row
        ds = classic(
            np.ascontiguousarray(picture),
            ImagePositionPatient=position,
            ImageOrientationPatient=[*row, *column],
            PixelSpacing=[0.5, 0.8] if is_transposed else [0.8, 0.5],
        )
        save(ds, tmp_path / "in" / f"a{number}")
    for name, path in ((f"s{number}", tmp_path / "in" / f"s{number}") for number in range(6)):
        number = int(name[1:])
        sagittal = {"ImageOrientationPatient": [0.0, 1.0, 0.0, 0.0, 0.0, -1.0], "RepetitionTime": 500, "EchoTime": 12}
        save(classic(ImagePositionPatient=[5.0 * number, 0.0, 0.0], SeriesInstanceUID="1.2.3.2", **sagittal), path)
    assert ingest(tmp_path / "in", tmp_path / "out") == 0
    axial = [slice_ for slice_ in load_slices(tmp_path / "out") if slice_.plane is Plane.AXIAL]
    assert len(axial) == 8
    for number, slice_ in enumerate(axial):
        np.testing.assert_array_equal(slice_.pixels, axial[0].pixels)
        assert slice_.geometry.position_mm == pytest.approx((0.0, 0.0, -5.0 * number))
        assert (*slice_.geometry.row_direction, *slice_.geometry.column_direction) == tuple(AXIAL)
        assert slice_.geometry.spacing_mm == (0.8, 0.5)


def test_copies_and_duplicates_are_refused_by_name(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    """A file copied under another name, and a slice sent twice under another SOPInstanceUID."""
    source = write_study(tmp_path / "in")
    (source / "copy").write_bytes((source / "a1").read_bytes())
    write_slice(source / "again", SeriesInstanceUID="1.2.3.1", InstanceNumber=99, ImagePositionPatient=[0.0, 0.0, 5.0])
    assert ingest(source, tmp_path / "out") == 0
    refused = pd.read_csv(tmp_path / "out" / "refused.csv").set_index("file").reason
    assert refused.to_dict() == {
        "copy": "same SOPInstanceUID as a1",
        "again": "lies at the same place as another slice of its stack",
    }
    series = pd.read_csv(tmp_path / "out" / "series.csv")
    assert series.duplicates.tolist() == [1, 0]


def test_a_window_spans_the_series_not_the_slice(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    """One bright slice among eight: the dark ones stay dark, as the eye compares them."""
    source = write_study(tmp_path / "in")
    for number in (6, 7):
        write_slice(source / f"a{number}", SeriesInstanceUID="1.2.3.1", ImagePositionPatient=[0.0, 0.0, 5.0 * number],
                    pixels=np.full((12, 16), 4000))  # fmt: skip
    assert ingest(source, tmp_path / "out") == 0
    table = pd.read_csv(tmp_path / "out" / "slices.csv")
    axial = table[table.plane == "axial"]
    assert axial.window_high.unique().tolist() == [4000.0]
    dark = np.array(Image.open(tmp_path / "out" / "slices" / f"{axial.key.iloc[-1]}.png"))
    assert dark.max() == round(191 / (4000 - axial.window_low.iloc[0]) * 255)
