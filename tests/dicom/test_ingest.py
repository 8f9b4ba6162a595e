"""Ingest: what is chosen, in which order, and what is said of the rest."""

import json
import os
import shutil
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


def test_labels_beside_the_pictures_survive_another_ingest(write_study: Callable[..., Path], tmp_path: Path) -> None:
    """LabelImg saves in the folder of the pictures by default."""
    out = tmp_path / "out"
    ingest(write_study(tmp_path / "in"), out)
    key = pd.read_csv(out / "slices.csv")["key"][0]
    (out / "slices" / f"{key}.xml").write_text("<annotation/>")
    (out / "slices" / "classes.txt").write_text("central_canal")
    write_study(tmp_path / "in" / "more", uid="1.2.4", patient="P2")
    assert ingest(tmp_path / "in", out) == 0
    assert pd.read_csv(out / "slices.csv")["study"].nunique() == 2
    assert (out / "slices" / f"{key}.xml").read_text() == "<annotation/>"
    assert (out / "slices" / "classes.txt").read_text() == "central_canal"


def test_the_originals_are_never_the_output(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_study(tmp_path / "in")
    before = sorted(path.name for path in source.rglob("*"))
    for out in (source, source / "slices", tmp_path):
        assert ingest(source, out) == 2
        assert "name another --out" in capsys.readouterr().err
    assert sorted(path.name for path in source.rglob("*")) == before


def test_both_spacings_are_kept_and_nobody_is_named(write_study: Callable[..., Path], tmp_path: Path) -> None:
    ingest(write_study(tmp_path / "in"), tmp_path / "out")
    slice_ = load_slices(tmp_path / "out")[0]
    assert slice_.geometry.spacing_mm == (0.8, 0.5)
    assert slice_.plane is Plane.AXIAL
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"Doe" not in path.read_bytes()
            assert "P1" not in path.name


def test_slices_know_their_frame_of_reference(write_study: Callable[..., Path], tmp_path: Path) -> None:
    """Positions of two series can be compared in one frame alone (PS3.3 C.7.4.1); levels are doubted otherwise."""
    ingest(write_study(tmp_path / "in"), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "slices.csv", dtype=str)
    frames = dict(zip(table["key"], table["frame_of_reference_uid"].fillna(""), strict=True))
    assert {item.key: item.frame_of_reference_uid for item in load_slices(tmp_path / "out")} == frames
    # 1.10 is no number, and nothing is no frame.
    table["frame_of_reference_uid"] = ["1.10", *[""] * (len(table) - 1)]
    table.to_csv(tmp_path / "out" / "slices.csv", index=False)
    assert [item.frame_of_reference_uid for item in load_slices(tmp_path / "out")][:2] == ["1.10", ""]


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


def test_where_nothing_can_be_used_the_commonest_reason_is_told_and_the_tables_are_written(
    write_study: Callable[..., Path],
    write_slice: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    for number in range(6):
        write_slice(source / f"a{number}", ScanningSequence="GR", ImagePositionPatient=[0.0, 0.0, 5.0 * number])
    (source / "LICENCE").write_text("not an image")
    assert ingest(source, out) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"7 files, no usable study; 6 of them: study {pseudonym('1.2.3')}: neither an axial T2w nor a" in message
    assert f"refused.csv and series.csv in {out} list every file" in message
    assert len(pd.read_csv(out / "refused.csv")) == 7
    assert pd.read_csv(out / "series.csv").reason.tolist() == ["gradient echo; expected spin echo"]
    assert not (out / "slices.csv").exists()
    shutil.rmtree(source)
    assert ingest(write_study(source), out) == 0  # what tells of nothing usable may be replaced
    assert len(load_slices(out)) == 12


def test_where_nothing_can_be_used_a_former_output_stays(
    write_study: Callable[..., Path],
    write_slice: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = write_study(tmp_path / "in"), tmp_path / "out"
    assert ingest(source, out) == 0
    before = (out / "slices.csv").read_bytes()
    write_slice(tmp_path / "other" / "one", ScanningSequence="GR")
    assert ingest(tmp_path / "other", out) == 2
    assert (out / "slices.csv").read_bytes() == before
    assert f"{out} is left as it was" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "out.refused" / "refused.csv")) == 1


def test_an_empty_folder_is_one_line_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert ingest(tmp_path / "in", tmp_path / "out") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(tmp_path / "in") in message
    assert "0 files" in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("planes", "kept", "said"),
    [("a", "axial", "1 studies without a sagittal T1w"), ("s", "sagittal", "1 studies without an axial T2w")],
)
def test_a_study_of_one_plane_is_read_for_what_it_has(
    planes: str,
    kept: str,
    said: str,
    write_study: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ingest(write_study(tmp_path / "in", planes=planes), tmp_path / "out") == 0
    assert f"warning: {said}" in capsys.readouterr().err
    assert {str(slice_.plane) for slice_ in load_slices(tmp_path / "out")} == {kept}


def test_a_bad_study_does_not_stop_the_others(
    write_study: Callable[..., Path],
    write_slice: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_study(tmp_path / "in" / "good", uid="1.2.3", patient="P1")
    for number in range(6):
        write_slice(tmp_path / "in" / "bad" / f"{number}", StudyInstanceUID="1.2.4", ScanningSequence="GR")
    assert ingest(tmp_path / "in", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"studies": 1, "slices": 12, "refused": 6}


def test_slice_for_slice_series_are_joined_and_share_one_window(
    write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(8):
        write_slice(tmp_path / "in" / f"{number}", SeriesInstanceUID=f"1.2.3.{number + 10}",
                    ImagePositionPatient=[0.0, 0.0, 5.0 * number], pixels=np.full((12, 16), 100 * number))  # fmt: skip
    assert ingest(tmp_path / "in", tmp_path / "out") == 0
    table = pd.read_csv(tmp_path / "out" / "slices.csv")
    assert table.position_z_mm.tolist() == [35, 30, 25, 20, 15, 10, 5, 0]
    assert table.window_high.unique().tolist() == [700.0]


def test_of_copies_the_whole_one_counts(write_study: Callable[..., Path], tmp_path: Path) -> None:
    """A transfer broke off, and the study was sent again: the file that is cut comes first by name."""
    source = write_study(tmp_path / "in")
    whole = (source / "a1").read_bytes()
    (source / "z1").write_bytes(whole)
    (source / "a1").write_bytes(whole[:-100])
    (source / "b1").write_bytes(whole[:-200])
    assert ingest(source, tmp_path / "out") == 0
    assert len(load_slices(tmp_path / "out")) == 12
    refused = pd.read_csv(tmp_path / "out" / "refused.csv").set_index("file").reason
    assert refused.to_dict() == {"a1": "same SOPInstanceUID as z1", "b1": "same SOPInstanceUID as z1"}


def test_a_slice_sent_again_under_another_uid_counts_where_the_first_is_cut(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in")
    (source / "a1").write_bytes((source / "a1").read_bytes()[:-100])
    write_slice(source / "again", SeriesInstanceUID="1.2.3.1", InstanceNumber=99, ImagePositionPatient=[0.0, 0.0, 5.0])
    assert ingest(source, tmp_path / "out") == 0
    assert len(load_slices(tmp_path / "out")) == 12
    refused = pd.read_csv(tmp_path / "out" / "refused.csv").set_index("file").reason
    assert list(refused.index) == ["a1"]
    assert "pixels cannot be decoded" in refused["a1"]


def test_the_next_series_counts_where_the_best_cannot_be_decoded(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in")
    for number in range(7):
        path = write_slice(source / f"b{number}", SeriesInstanceUID="1.2.3.5", ImagePositionPatient=[0, 0, 5 * number])
        path.write_bytes(path.read_bytes()[:-100])
    assert ingest(source, tmp_path / "out") == 0
    axial = pd.read_csv(tmp_path / "out" / "slices.csv").query("plane == 'axial'")
    assert axial.series_instance_uid.unique().tolist() == ["1.2.3.1"]
    assert len(pd.read_csv(tmp_path / "out" / "refused.csv")) == 7


def test_images_that_share_a_uid_and_lie_elsewhere_are_no_copies(
    write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in", planes="s")
    for number in range(6):
        write_slice(source / f"a{number}", SOPInstanceUID="1.2.9", ImagePositionPatient=[0.0, 0.0, 5.0 * number])
    assert ingest(source, tmp_path / "out") == 0
    assert len(load_slices(tmp_path / "out")) == 12


def test_a_file_whose_name_is_not_utf8_is_refused_by_a_name_that_can_be_written(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in")
    Path(os.fsdecode(os.fsencode(source) + b"/K\xf6nig.txt")).write_text("not an image")
    assert ingest(source, tmp_path / "out") == 0
    refused = pd.read_csv(tmp_path / "out" / "refused.csv")
    assert refused.reason.tolist() == ["not a DICOM file"]
    assert refused.file.str.contains("nig.txt").all()


def test_two_ingests_into_one_output_are_kept_apart(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tfspine.outputs import resumable_folder

    source = write_study(tmp_path / "in")
    with resumable_folder(tmp_path / "out", command="ingest") as folder:
        (folder / "kept").write_text("of the first")
        assert ingest(source, tmp_path / "out") == 2
        assert "another process writes" in capsys.readouterr().err
        assert (folder / "kept").read_text() == "of the first"


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


def test_explain_tells_of_a_study_that_cannot_be_used_and_leaves_a_map(
    write_slice: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        write_slice(tmp_path / "in" / f"{number}", ScanningSequence="GR", ImagePositionPatient=[0, 0, 5 * number])
    assert ingest(tmp_path / "in", tmp_path / "out", "--explain") == 2
    assert "gradient echo" in capsys.readouterr().out
    series_map = pd.read_csv(tmp_path / "out" / "series_map.csv")
    series_map.use = "axial_t2"
    series_map.to_csv(tmp_path / "map.csv", index=False)
    assert ingest(tmp_path / "in", tmp_path / "out", "--series-map", str(tmp_path / "map.csv")) == 0
    assert len(load_slices(tmp_path / "out")) == 6


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
