"""Real vendor files, where they are at hand (TFSPINE_REAL_DATA; they are never committed)."""

import os
from pathlib import Path

import numpy as np
import pytest

from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.slice_headers import read_headers
from tfspine.errors import DicomError

pytestmark = pytest.mark.skipif(
    "TFSPINE_REAL_DATA" not in os.environ, reason="TFSPINE_REAL_DATA does not name the folder with real MR files"
)


def vendor_files(name: str) -> list[Path]:
    return sorted((Path(os.environ["TFSPINE_REAL_DATA"]) / "vendor_dicom" / name).rglob("*.dcm"))


def test_all_encodings_of_one_image_give_the_same_pixels() -> None:
    """The folder's README: one Siemens image in nine encodings."""
    files = vendor_files("dcm_qa_ts")
    assert len(files) == 9
    headers = [header for path in files for header in read_headers(path)]
    pixels = [values for _, values in read_pixels(headers)]
    for values in pixels:
        assert not isinstance(values, DicomError), values
        assert values.dtype.isnative
        np.testing.assert_array_equal(values, pixels[0])


def test_every_vendor_file_is_read_or_refused_with_a_reason() -> None:
    files = vendor_files("dicom2nifti")
    read = 0
    for path in files:
        try:
            headers = read_headers(path)
        except DicomError as error:
            assert str(error)
            continue
        assert min(headers[0].geometry.spacing_mm) > 0
        read += 1
    assert read > len(files) / 2
