"""Values longer than their representation allows, de-identified: carried, or the file is refused by name."""

from pathlib import Path

import pandas as pd
import pydicom
import pytest
from dicom_samples import classic, save
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from tfspine.cli.main import main
from tfspine.dicom.slice_headers import read_headers

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the values written here

UIDS = {
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1111",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.2222",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.3333",
}


def deidentified(tmp_path: Path, **texts: str) -> Path:
    """De-identify one file that has these values as they stand here, byte for byte; return the output."""
    ds = classic(**UIDS)
    for keyword, text in texts.items():
        value = text.encode() + b" " * (len(text) % 2)
        tag = Tag(tag_for_keyword(keyword) or 0)
        ds[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)
    save(ds, tmp_path / "in" / "one")
    save(classic(**UIDS), tmp_path / "in" / "two")
    salt = tmp_path / "salt"
    words = [
        "deidentify",
        str(tmp_path / "in"),
        "--out",
        str(tmp_path / "out"),
        "--salt-file",
        str(salt),
        "--create-salt",
    ]
    assert main(words) == 0
    return tmp_path / "out"


def refusals(out: Path) -> dict[str, str]:
    table = pd.read_csv(out / "refused.csv", dtype=str)
    return dict(zip(table.iloc[:, 0], table["reason"], strict=True))


def read_back(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file() and path.read_bytes()[128:132] == b"DICM"]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("ImagePositionPatient", "-107.123456789012345\\12.0000000000000001\\3.50000000000000000000"),
        ("PixelSpacing", "0.687500000000000001\\0.68750000000000000"),
        ("ImageOrientationPatient", "1.0000000000000000001\\0\\0\\0\\1.00000000000000000000\\-0.0000000000000001e-17"),
        ("RepetitionTime", "4000.00000000000000"),
        ("EchoTime", "89.9999999999999999999"),
        ("EchoTime", "90,5"),
        ("ImageType", "DERIVED_SECONDARY_REFORMATTED\\PRIMARY"),
        ("ImageType", "ORIGINAL\\PRIMARY\\PROJECTION IMAGE AND MORE"),
    ],
)
def test_what_is_too_long_is_carried(keyword: str, text: str, tmp_path: Path) -> None:
    out = deidentified(tmp_path, **{keyword: text})
    assert len(read_back(out)) == 2
    kept = []
    for path in read_back(out):
        with pydicom.config.disable_value_validation():
            ds = pydicom.dcmread(path)
            raw = ds.get_item(keyword)
        assert isinstance(raw, RawDataElement)
        kept.append((raw.value or b"").decode().strip())
        read_headers(path)
    assert text in kept


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RepetitionTime", "four seconds"),
        ("EchoTime", "90 ms"),
        ("InversionTime", "160ms"),
        ("RescaleSlope", "one"),
        ("ImagePositionPatient", "1\\2\\here"),
    ],
)
def test_what_cannot_be_carried_and_decides_refuses_the_file_by_name(keyword: str, text: str, tmp_path: Path) -> None:
    out = deidentified(tmp_path, **{keyword: text})
    (reason,) = refusals(out).values()
    assert reason.startswith(f"{keyword} cannot be kept")
    assert text not in reason
    assert len(read_back(out)) == 1


@pytest.mark.parametrize("text", ["DERIVED#SECONDARY\\PRIMARY", "DERIVED\\" + "X" * 80])
def test_of_a_code_that_cannot_be_carried_its_known_words_are(text: str, tmp_path: Path) -> None:
    """A derived series stays one."""
    types = [
        header.image_type for path in read_back(deidentified(tmp_path, ImageType=text)) for header in read_headers(path)
    ]
    assert ["DERIVED" in image_type for image_type in types].count(True) == 1


def test_what_decides_nothing_is_left_out_and_counted(tmp_path: Path) -> None:
    out = deidentified(tmp_path, InstanceNumber="A1")
    assert len(read_back(out)) == 2
