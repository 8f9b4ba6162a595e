"""The parts of de-identification: dates, pseudonyms, descriptions, the search; and names planted anywhere."""

import datetime
import io
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import private_dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from tfspine.dicom.deidentify.actions import SAFE_PRIVATE, Action, action_for
from tfspine.dicom.deidentify.dates import cap_age, renderings, shift_date, shift_date_time
from tfspine.dicom.deidentify.descriptors import clean_descriptor
from tfspine.dicom.deidentify.folder import deidentify_source
from tfspine.dicom.deidentify.identifiers import Identifiers
from tfspine.dicom.deidentify.jpeg import comments
from tfspine.dicom.deidentify.looks import looks_right
from tfspine.dicom.deidentify.needles import Needles, find_date
from tfspine.dicom.deidentify.options import DEFAULT_OPTIONS
from tfspine.dicom.deidentify.pseudonyms import FEWEST_DAYS, MOST_DAYS, Salt
from tfspine.dicom.deidentify.transform import Rules
from tfspine.dicom.many import in_this_process
from tfspine.dicom.sources import open_source

SALT = Salt(b"a salt of more than sixteen bytes")


@pytest.mark.parametrize(
    ("vr", "sound", "unsound"),
    [
        ("DS", "-1.25e-3", "Jane"),
        ("IS", "12", "12345678901234567"),
        ("CS", "DERIVED", "Doe^Jane"),
        ("DA", "20160309", "Jane"),
        ("TM", "101530.5", "tomorrow"),
        ("UI", "1.2.840.10008.1.2", "1.2.Doe"),
        ("AS", "045Y", "Jane"),
    ],
)
def test_a_name_does_not_look_like_a_value(vr: str, sound: str, unsound: str) -> None:
    """PS3.5, Table 6.2-1: the characters and the lengths of each representation."""
    assert looks_right(vr, sound) and not looks_right(vr, unsound)
    assert looks_right("LO", unsound), "free text may be anything"


@pytest.mark.parametrize(
    ("value", "shifted"),
    [("20160309", "20150309"), ("2016.03.09", "20150309"), ("20160230", ""), ("201603", ""), ("Jane", ""), ("", "")],
)
def test_dates_move_by_days(value: str, shifted: str) -> None:
    """366 days before 9 March 2016 is 9 March 2015: 29 February lies between."""
    assert shift_date(value, -366) == shifted


def test_date_times_keep_time_and_zone() -> None:
    assert shift_date_time("20160309091629.240000+0800", -366) == "20150309091629.240000+0800"
    assert shift_date_time("20160309", -366) == "20150309"
    assert shift_date_time("2016", -366) == ""
    assert shift_date_time("00010102", -366) == ""


@pytest.mark.parametrize(
    ("age", "capped"), [("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("018M", "018M"), ("95", ""), ("", "")]
)
def test_ages_over_89_become_90(age: str, capped: str) -> None:
    assert cap_age(age) == capped


@given(st.text(), st.text())
def test_pseudonyms_depend_on_salt_and_value_alone(first: str, second: str) -> None:
    assert (SALT.patient(first) == SALT.patient(second)) == (first == second)
    assert Salt(b"another salt of sixteen bytes").uid(f"9.{first}") != SALT.uid(f"9.{first}")
    assert FEWEST_DAYS <= -SALT.days(first) <= MOST_DAYS


def test_the_salt_does_not_show_itself() -> None:
    assert "salt of more" not in f"{SALT} {SALT!r}"


@pytest.mark.parametrize(("place", "vr"), SAFE_PRIVATE.items(), ids=lambda value: str(value))
def test_private_elements_that_stay_are_numbers_that_other_tables_know(place: tuple[int, str, int], vr: str) -> None:
    """Expected representations are those of pydicom's private dictionary, which comes from GDCM."""
    group, creator, element = place
    assert vr == private_dictionary_VR(group << 16 | 0x1000 | element, creator)
    assert vr in ("IS", "FL", "FD")


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"])
def test_uids_of_the_standard_stay_and_others_are_uuids(uid: str) -> None:
    assert SALT.uid(uid) == uid
    mapped = SALT.uid(f"{uid}.12345678")
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{1,38}", mapped)


def test_descriptions_keep_the_words_of_imaging() -> None:
    assert clean_descriptor("T2_TSE_SAG_384 L-spine Mrs Doe 09.03.2016") == "T2 TSE SAG L SPINE"
    assert clean_descriptor("Doe^Jane") == ""


@pytest.mark.parametrize(
    ("keyword", "vr", "action"),
    [
        ("PatientName", "PN", Action.REPLACE),
        ("PatientTelephoneNumbers", "SH", Action.REMOVE),
        ("ReferringPhysicianName", "PN", Action.EMPTY),
        ("SOPInstanceUID", "UI", Action.MAP),
        ("RequestAttributesSequence", "SQ", Action.REMOVE),
        ("SourceImageSequence", "SQ", Action.DESCEND),
        ("OriginalAttributesSequence", "SQ", Action.REMOVE),
        ("EncryptedAttributesSequence", "SQ", Action.REMOVE),
        ("DigitalSignaturesSequence", "SQ", Action.REMOVE),
        ("PixelSpacing", "DS", Action.KEEP),
        ("RepetitionTime", "DS", Action.KEEP),
        ("ImageOrientationPatient", "DS", Action.KEEP),
        ("PerFrameFunctionalGroupsSequence", "SQ", Action.DESCEND),
    ],
)
def test_actions_of_table_e_1_1(keyword: str, vr: str, action: Action) -> None:
    """As PS3.15 Table E.1-1 is understood here, not copied from it; what it does not list goes by representation."""
    assert action_for(Tag(keyword), vr, DEFAULT_OPTIONS) is action


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("seen by DR. TRAN", True),
        ("TRANSVERSE", False),
        ("Anna_Tran", True),
        ("tran-anna", True),
        ("1234 mm", True),
        ("12345", False),
        ("山田", True),
    ],
)
def test_short_identifiers_are_whole_words(text: str, is_found: bool) -> None:
    needles = Needles(Identifiers(texts=frozenset({"Tran", "Tran^Anna", "1234", "山田"})))
    assert needles.in_text(text) is is_found


@pytest.mark.parametrize("encoding", ["utf-8", "iso2022_jp", "euc_jp", "gb18030", "utf-16-le"])
def test_names_are_found_in_every_encoding(encoding: str) -> None:
    needles = Needles(Identifiers(texts=frozenset({"山田太郎"})))
    assert needles.in_bytes(b"\0\1" + "山田太郎".encode(encoding) + b"\0") is not None
    assert needles.in_bytes(b"\0\1" + "田中太郎".encode(encoding) + b"\0") is None


def test_numbers_are_found_whole_and_short_texts_not_in_pixels() -> None:
    needles = Needles(Identifiers(texts=frozenset({"88412735", "Thrupp"}), uids=frozenset({"1.2.3.4.5.6"})))
    assert needles.in_bytes(b"ID 88412735 ") is not None
    assert needles.in_bytes(b"0.88412735") is None
    assert needles.in_bytes(b"188412735") is None
    assert needles.in_bytes(b"..THRUPP..") is not None
    assert needles.in_bytes(b"..THRUPP..", pixels=(0, 10)) is None
    assert needles.in_bytes(b"1.2.3.4.5.61") is None


def test_uids_are_found_where_length_and_next_tag_look_like_digits() -> None:
    """48 bytes are 0x0030 and a big endian length ends in "0"; group 0032 starts with "2" in little endian."""
    uid = "1.2.840.113619." + "7" * 33
    needles = Needles(Identifiers(uids=frozenset({uid})))
    assert len(uid) == 48
    assert needles.in_bytes(b"UI\0\x30" + uid.encode() + b"\0\x20") is not None
    assert needles.in_bytes(b"UI\x30\0" + uid.encode() + b"\x32\0") is not None
    assert needles.in_bytes(b"UI\0\0" + uid.encode() + b"11") is None


def test_days_are_found_unless_another_was_moved_there() -> None:
    first, second = datetime.date(2016, 3, 9), datetime.date(2017, 3, 10)
    assert find_date(b"DA 09-MAR-2016", {first}, days=-400) is not None
    assert find_date(b"DA\x08\x0020160309", {first, second}, days=-366) is None  # 10 March 2017 less 366 days
    assert find_date(b"DA\x08\x0020160309", {first, second}, days=-367) is not None
    assert find_date(b"0.20160309", {first}, days=-400) is None
    assert "2016-03-09" in set(renderings(first))


def test_comments_of_jpeg_headers_are_texts() -> None:
    """Segments by hand (ISO/IEC 10918-1 B.1.1.4): the length counts itself and its text; data are not read."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    jpeg = b"\xff\xd8\xff\xe0\0\5abc\xff\xdb\0\4xx\xff\xfe\0\7Jane!\xff\xda\0\4xx\xff\xfe\0\5zzz\xff\xd9"
    ds.PixelData = pydicom.encaps.encapsulate([jpeg + b"\0" * (len(jpeg) % 2)])
    assert list(comments(ds)) == [b"abc", b"Jane!"]


# Names without vowels: no word of the standard, of English or of our own output looks like one.
LETTERS = st.text("bcdfghjkmnpqrtvwxz", min_size=6, max_size=12)
PLACES = (
    ("ImageComments", "LT"), ("TextValue", "UT"), ("Manufacturer", "LO"), ("CodeMeaning", "LO"), ("ImageType", "CS"),
    ("ReceiveCoilName", "SH"), ("SeriesDescription", "LO"), ("PerformingPhysicianName", "PN"),
    ("SoftwareVersions", "LO"),
    ("RetrieveURL", "UR"), ("LongCodeValue", "UC"), ("StationAETitle", "AE"), ("LUTData", "OW"), ("SequenceName", "SH"),
    ("EthnicGroup", "SH"), ("DeviceSerialNumber", "LO"), ("PulseSequenceName", "SH"), ("PersonName", "PN"),
)  # fmt: skip
SEQUENCES = (
    "ReferencedImageSequence",
    "MRImagingModifierSequence",
    "RequestAttributesSequence",
    "SharedFunctionalGroupsSequence",
)


@st.composite
def planted(draw: st.DrawFn) -> tuple[Dataset, list[str]]:
    """Draw a data set with a patient's identifiers in any places, and those identifiers."""
    family, given_name, patient_id = (
        draw(LETTERS),
        draw(LETTERS),
        draw(LETTERS) + draw(st.from_regex("[0-9]{4}", fullmatch=True)),
    )
    ideographs = draw(st.text("山田太郎木村花子", min_size=3, max_size=6))
    words = [family, given_name, patient_id, ideographs, f"{family}^{given_name}", f"Mx {given_name} {family.upper()}"]
    ds = Dataset()
    ds.SpecificCharacterSet = draw(st.sampled_from(["ISO_IR 192", "GB18030", ["", "ISO 2022 IR 87"]]))
    ds.PatientName, ds.PatientID = f"{family}^{given_name}={ideographs}", patient_id
    plant(ds, words, draw, depth=3)
    return ds, [family, given_name, patient_id, ideographs]


def plant(ds: Dataset, words: list[str], draw: st.DrawFn, *, depth: int) -> None:
    for keyword, vr in draw(st.lists(st.sampled_from(PLACES), max_size=6)):
        text = draw(st.sampled_from(words))
        if not text.isascii() and vr in ("CS", "UR", "AE", "OW"):
            continue
        around = draw(st.sampled_from(["{}", "by {}", "{}, seen", "xx{}xx"]))
        value: Any = around.format(text)[:64]
        ds.add_new(Tag(keyword), vr, value.encode().ljust(64) if vr == "OW" else value)
    if draw(st.booleans()):
        creator = draw(st.sampled_from(["SIEMENS MR HEADER", "ACME 1.1", words[0]]))
        block = ds.private_block(draw(st.sampled_from([0x0019, 0x0029, 0x2005])), creator, create=True)
        element = draw(st.sampled_from([0x0C, 0x0E, 0x10]))
        vr = draw(st.sampled_from(["LO", "UN", "OB", "PN", "IS"]))
        text = draw(st.sampled_from(words))
        block.add_new(element, vr, text.encode().ljust(32) if vr in ("UN", "OB") else ("7" if vr == "IS" else text))
    if depth:
        for keyword in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
            item = Dataset()
            plant(item, words, draw, depth=depth - 1)
            ds.add_new(Tag(keyword), "SQ", Sequence([item]))


def written(ds: Dataset, *, implicit: bool) -> bytes:
    """Return a whole MR image with the elements of `ds`."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3.4.5.6"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2.3.4.5.7"
    ds.Modality, ds.PhotometricInterpretation = "MR", "MONOCHROME2"
    ds.Rows = ds.Columns = 2
    ds.SamplesPerPixel, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 1, 16, 12, 11, 0
    ds.add_new(Tag("PixelData"), "OW", bytes(range(8)))
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom names the values that are planted against the rules
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(planted(), st.booleans())
def test_identifiers_planted_anywhere_never_survive(case: tuple[Dataset, list[str]], implicit: bool) -> None:
    """Looked for here by plain search of the bytes, in the encodings that the data set could have used."""
    ds, secrets = case
    with pydicom.config.disable_value_validation():
        content = written(ds, implicit=implicit)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        (folder / "in" / "image").write_bytes(content)
        rules = Rules(DEFAULT_OPTIONS, SALT)
        with open_source(folder / "in") as source:
            outcome = deidentify_source(
                source, folder / "out", rules, runner=in_this_process, track=lambda items, *_: items
            )
        (path,) = (folder / "out").rglob("*.dcm")
        result = path.read_bytes()
    assert not outcome.refused
    forms = Counter(s.encode(code) for s in secrets for code in ("utf-8", "gb18030", "iso2022_jp", "utf-16-le"))
    assert [form for form in forms if form.lower() in result.lower()] == []
    assert pydicom.dcmread(io.BytesIO(result)).get("PixelData") == bytes(range(8))
