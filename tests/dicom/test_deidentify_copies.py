"""Files that share a SOPInstanceUID: complete copies are used; images at other places are not copies."""

import csv
from collections.abc import Callable
from pathlib import Path

import dicom_samples as samples
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from tfspine.cli.main import main

UID = "1.2.826.0.1.3680043.8.498.77.1.1"


@pytest.fixture
def deidentify(tmp_path: Path) -> Callable[[], tuple[list[Path], list[str]]]:
    """Return a function that de-identifies ``in`` and gives the images written and the reasons of those refused."""

    def run() -> tuple[list[Path], list[str]]:
        words = ("--out", str(tmp_path / "out"), "--salt-file", str(tmp_path / "salt"), "--create-salt")
        assert main(["deidentify", str(tmp_path / "in"), *words]) == 0
        with (tmp_path / "out" / "refused.csv").open() as file:
            reasons = [row["reason"] for row in csv.DictReader(file)]
        return sorted((tmp_path / "out").rglob("*.dcm")), reasons

    return run


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("first", ["a", "b"])
def test_of_copies_the_whole_one_counts(
    tmp_path: Path, deidentify: Callable[[], tuple[list[Path], list[str]]], syntax: str, first: str
) -> None:
    """One was cut off while it was sent; the sender then sent it again."""
    whole = samples.save(samples.classic(SOPInstanceUID=UID), tmp_path / "in" / "b", syntax)
    content = whole.read_bytes()
    whole.unlink()
    cut = content[:-60]
    for name in ("a", "b"):
        (tmp_path / "in" / name).write_bytes(cut if name == first else content)
    (written,), reasons = deidentify()
    assert len(reasons) == 1
    assert reasons[0].startswith("same SOPInstanceUID as a ")
    np.testing.assert_array_equal(pydicom.dcmread(written).pixel_array, samples.ramp())


def test_one_uid_in_images_of_several_places_loses_none(
    tmp_path: Path, deidentify: Callable[[], tuple[list[Path], list[str]]]
) -> None:
    for number in range(3):
        ds = samples.classic(SOPInstanceUID=UID, ImagePositionPatient=[0.0, 0.0, 4.0 * number])
        samples.save(ds, tmp_path / "in" / str(number))
    written, reasons = deidentify()
    assert reasons == []
    images = [pydicom.dcmread(path) for path in written]
    assert sorted(float(ds.ImagePositionPatient[2]) for ds in images) == [0.0, 4.0, 8.0]
    assert len({ds.SOPInstanceUID for ds in images}) == 3
    assert all(ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID for ds in images)
    assert all(UID.encode() not in path.read_bytes() for path in written)
