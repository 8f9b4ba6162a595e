"""The order of the README, de-identify and then ingest, gives the study that ingest alone gives, slice for slice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from varied_studies import write_study

from tfspine.dicom.deidentify.folder import deidentify_source
from tfspine.dicom.deidentify.options import DEFAULT_OPTIONS
from tfspine.dicom.deidentify.pseudonyms import Salt
from tfspine.dicom.deidentify.rules import Rules
from tfspine.dicom.descriptions import read_description
from tfspine.dicom.many import in_this_process
from tfspine.dicom.series import choose_series
from tfspine.dicom.slice_headers import SliceHeader, read_headers
from tfspine.dicom.sources import open_source
from tfspine.errors import DicomError
from tfspine.labels import Plane

SALT = Salt(b"a salt of more than sixteen bytes")
Choice = dict[tuple[str, int], tuple[Plane | None, int]]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the values that are written


def headers_of(folder: Path) -> dict[str, list[SliceHeader]]:
    """Return the slices of each study that ingest can read."""
    studies: dict[str, list[SliceHeader]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            headers = read_headers(path)
        except DicomError:
            continue
        for header in headers:
            studies.setdefault(header.study_instance_uid, []).append(header)
    return studies


def choice(headers: list[SliceHeader], *, new_uid: Any = str) -> Choice:
    """Return the plane that each slice serves, if any, and which it is there."""
    found: Choice = {}
    places: Counter[Plane | None] = Counter()
    for decision in sorted(choose_series(headers), key=lambda one: new_uid(one.part.slices[0].series_instance_uid)):
        for header in decision.part.slices:
            places[decision.plane] += 1
            place = places[decision.plane] if decision.plane else 0
            found[new_uid(header.sop_instance_uid), header.frame] = (decision.plane, place)
        for header in (*decision.repeated, *decision.part.duplicates):
            found[new_uid(header.sop_instance_uid), header.frame] = (None, 0)
    return found


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(10, 100, 10))])
def test_a_study_is_the_same_before_and_after(first: int, tmp_path: Path) -> None:
    """A hundred studies, ten at a time: vendors, languages, agents, negations, absurd and empty values, many frames."""
    for seed in range(first, first + 10):
        write_study(tmp_path / "in" / str(seed), seed)
    rules = Rules(DEFAULT_OPTIONS, SALT)
    with open_source(tmp_path / "in") as source:
        outcome = deidentify_source(
            source, tmp_path / "out", rules, runner=in_this_process, track=lambda items, *_: items
        )
    before, after = headers_of(tmp_path / "in"), headers_of(tmp_path / "out")
    expected = {SALT.uid(study): choice(headers, new_uid=SALT.uid) for study, headers in before.items()}
    got = {study: choice(headers) for study, headers in after.items()}
    assert set(got) == set(expected)
    for study in before:
        new = SALT.uid(study)
        assert got[new] == expected[new], _difference(before[study], after[new])
    assert {item.reason.split(" cannot be kept")[0] for item in outcome.refused} <= {"RepetitionTime", "EchoTime"}


def _difference(before: list[SliceHeader], after: list[SliceHeader]) -> str:
    lines = []
    for headers in (before, after):
        for decision in choose_series(headers):
            header = decision.part.slices[0]
            typed = (header.described, header.protocol, header.study_described, header.body_part_examined)
            lines.append(f"{decision.plane} {decision.reason} {typed} {header.image_type} {header.sequence}")
    return "\n".join(lines)


def test_the_studies_are_varied(tmp_path: Path) -> None:
    """Otherwise the test above would show nothing: both planes are chosen, and every kind of reason is given."""
    reasons: Counter[str] = Counter()
    chosen: Counter[Plane | None] = Counter()
    for seed in range(100):
        for headers in headers_of(write_study(tmp_path / str(seed), seed)).values():
            for decision in choose_series(headers):
                chosen[decision.plane] += 1
                reasons[decision.reason.split(":")[0].split(" ")[0]] += 1
    assert min(chosen[plane] for plane in Plane) >= 20
    for word in ("post-contrast", "fat-suppressed", "described", "ImageType", "BodyPartExamined", "another", "study"):
        assert reasons[word] >= 3, reasons


@pytest.mark.parametrize(
    "text", ["T1 SAG+GD Mrs Quibblewick", "NO Quibblewick FS", "LWS n. KM", "L-SPINE W/O (Doe) KM"]
)
def test_a_cleaned_description_says_the_same(text: str) -> None:
    from tfspine.dicom.deidentify.descriptors import clean_descriptor

    cleaned = clean_descriptor(text)
    assert read_description(cleaned) == read_description(text)
    assert "QUIBBLEWICK" not in cleaned
    assert clean_descriptor(cleaned) == cleaned
