"""A person's series map: what it overrules, what it refuses, and the template that gives back the same choice."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from header_samples import series

from tfspine.cli.main import main
from tfspine.dicom.series import choose_series
from tfspine.dicom.series_map import SeriesMap, read_series_map, unmatched
from tfspine.errors import FormatError
from tfspine.formats.series_map_csv import MapRow, Use
from tfspine.labels import Plane

AXIAL, SAGITTAL = Plane.AXIAL, Plane.SAGITTAL


def written(folder: Path, text: str) -> Path:
    path = folder / "map.csv"
    path.write_text(text)
    return path


def planes(series_map: SeriesMap) -> dict[str, Plane | None]:
    """Return what is chosen of a plain and a post-contrast T1 and of an axial T2, by SeriesInstanceUID."""
    headers = [
        *series(AXIAL, uid="1.1", described="T2 TRA"),
        *series(SAGITTAL, uid="1.2", described="T1_TSE_SAG", series_number=2),
        *series(SAGITTAL, uid="1.3", described="T1 TSE SAG KM", series_number=3),
    ]
    return {d.part.slices[0].series_instance_uid: d.plane for d in choose_series(headers, series_map)}


def test_without_a_map_the_rules_decide() -> None:
    assert planes(SeriesMap()) == {"1.1": AXIAL, "1.2": SAGITTAL, "1.3": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("series,use\n1.3,sagittal_t1\n", {"1.1": AXIAL, "1.2": None, "1.3": SAGITTAL}),
        ("series;use\n1.3;Sagittal T1\n", {"1.1": AXIAL, "1.2": None, "1.3": SAGITTAL}),
        ("series,use\n1.2,ignore\n", {"1.1": AXIAL, "1.2": None, "1.3": None}),
        ("series,use\n1.2,\n", {"1.1": AXIAL, "1.2": SAGITTAL, "1.3": None}),
        ("description,use\n*KM*,sagittal_t1\n", {"1.1": AXIAL, "1.2": None, "1.3": SAGITTAL}),
        ("description,use\nt1 tse_sag,ignore\n", {"1.1": AXIAL, "1.2": None, "1.3": None}),
        ("description,use\nt1*,ignore\n", {"1.1": AXIAL, "1.2": None, "1.3": None}),
        ("series,description,use\n,t1*,ignore\n1.3,,sagittal_t1\n", {"1.1": AXIAL, "1.2": None, "1.3": SAGITTAL}),
        ("series,part,use\n1.1,2,ignore\n", {"1.1": AXIAL, "1.2": SAGITTAL, "1.3": None}),
        ("series,part,use\n1.1,1,ignore\n", {"1.1": None, "1.2": SAGITTAL, "1.3": None}),
    ],
)
def test_a_map_overrules_the_rules(text: str, expected: dict[str, Plane | None], tmp_path: Path) -> None:
    assert planes(read_series_map(written(tmp_path, text))) == expected


def test_series_that_a_map_names_are_taken_whatever_the_rules_say() -> None:
    """Three slices, fat-suppressed, in another frame of reference."""
    small = series(AXIAL, uid="1.9", at_mm=[60, 65, 70], is_fat_suppressed=True, frame_of_reference_uid="1.8")
    both = SeriesMap((MapRow("1.1", "", None, Use.AXIAL_T2), MapRow("1.9", "", None, Use.AXIAL_T2)))
    decisions = choose_series([*series(AXIAL), *small], both)
    assert [(d.plane, d.reason) for d in decisions] == [(AXIAL, "axial T2 by the series map")] * 2


def test_a_map_cannot_turn_a_slice() -> None:
    (decision,) = choose_series(series(SAGITTAL), SeriesMap((MapRow("1.2", "", None, Use.AXIAL_T2),)))
    assert (decision.plane, decision.reason) == (None, "axial_t2 by the series map, but its slices lie sagittal")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("series,use\n1.2,coronal\n", "line 2: use coronal; expected axial_t2, sagittal_t1, ignore, or nothing"),
        ("series,use\n,ignore\n", "line 2: neither series nor description"),
        ("series,part,use\n1.2,first,ignore\n", "line 2: part first; expected a number from 1"),
        ("series,plane\n1.2,axial\n", "no column use"),
        ("", "empty"),
    ],
)
def test_a_map_that_is_none_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=said):
        read_series_map(written(tmp_path, text))


def test_rows_that_fit_no_series_are_found() -> None:
    rows = (MapRow("1.2", "", None, Use.IGNORE), MapRow("1.77", "", None, None), MapRow("", "T3*", None, Use.IGNORE))
    assert unmatched(SeriesMap(rows), series(SAGITTAL)) == list(rows[1:])


def test_the_template_gives_back_the_same_choice_and_another_when_edited(
    write_study: Callable[..., Path],
    write_slice: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = write_study(tmp_path / "in")
    for number in range(6):
        write_slice(source / f"k{number}", SeriesInstanceUID="1.2.3.8", SeriesNumber=8, SeriesDescription="T1 KM Doe",
                    ImageOrientationPatient=[0.0, 1.0, 0.0, 0.0, 0.0, -1.0], RepetitionTime=500, EchoTime=12,
                    ImagePositionPatient=[5.0 * number, 0.0, 0.0])  # fmt: skip
    out, again, other = tmp_path / "out", tmp_path / "again", tmp_path / "other"
    assert main(["ingest", str(source), "--out", str(out), "--explain"]) == 0
    template = pd.read_csv(out / "series_map.csv", dtype=str)
    assert dict(zip(template.series, template.use, strict=True)) == {
        "1.2.3.1": "axial_t2", "1.2.3.2": "sagittal_t1", "1.2.3.8": "ignore",
    }  # fmt: skip
    assert template.words.tolist()[-1] == "T1 KM"
    assert "Doe" not in (out / "series_map.csv").read_text()
    slices = (out / "slices.csv").read_text()
    assert main(["ingest", str(source), "--out", str(again), "--series-map", str(out / "series_map.csv")]) == 0
    assert (again / "slices.csv").read_text() == slices
    template.use = template.use.replace({"sagittal_t1": "ignore", "ignore": "sagittal_t1"})
    template.to_csv(out / "series_map.csv", index=False)
    assert main(["ingest", str(source), "--out", str(other), "--series-map", str(out / "series_map.csv")]) == 0
    chosen = pd.read_csv(other / "slices.csv")
    assert set(chosen[chosen.plane == "sagittal"].series_instance_uid) == {"1.2.3.8"}
    capsys.readouterr()
    assert main(["ingest", str(source), "--out", str(out), "--series-map", str(out / "series_map.csv")]) == 0
    assert (out / "slices.csv").read_text() == (other / "slices.csv").read_text()
    assert pd.read_csv(out / "series_map.csv", dtype=str).equals(template)  # the user's, and kept
