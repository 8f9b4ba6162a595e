"""Opening one DICOM file that may be damaged or hostile: every refusal is a `DicomError`, nothing is unbounded.

What a file claims is checked before memory is asked for: frames, rows and columns, the size of what a deflated file
unpacks to, and the size that a compressed picture's own header gives (`codestream.py`).
"""

import contextlib
import logging
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomFileLike
from pydicom.filereader import read_dataset as read_elements
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tfspine.errors import DicomError

PREAMBLE_BYTES = 128
PREFIX = b"DICM"

FIRST_GROUPS = (b"\x08\x00", b"\x02\x00")
"""How a data set starts that was stored without the preamble (before PS3.10, or cut off by a careless export)."""

LARGEST_INFLATED_BYTES = 1 << 30
"""A deflated file that unpacks to more is refused; a study of MR slices is a tenth of this."""

LARGEST_FILE_BYTES = 4 << 30
"""No MR object is larger; a claim of more is damage."""

CHUNK_BYTES = 1 << 20

META_GROUP = 0x0002
"""The group of the file meta information (PS3.10 7.1)."""

ZIP_PREFIX = b"PK\x03\x04"

TALKATIVE = ("pydicom", "imagecodecs")
"""Loggers of the libraries that read; their messages quote the header, and that is the patient's."""


def read_dataset(path: Path) -> pydicom.Dataset:
    """Read everything of one file but its pixels.

    Raises:
        DicomError: not DICOM, unreadable, damaged, or larger than the limits; the message is the reason, without the
            path and without any value of the header.
    """
    with refusing("header"):
        return _read(path, stop_before_pixels=True)


def read_whole(path: Path) -> pydicom.Dataset:
    """Read everything of one file, pixels included, as `read_dataset` does."""
    with refusing("file"):
        return _read(path, stop_before_pixels=False)


def printable(text: str) -> str:
    """Return the beginning of a text that a message or a table quotes, on one line: damaged bytes hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


@contextlib.contextmanager
def refusing(part: str) -> Iterator[None]:
    """Turn whatever damaged bytes raise inside the block into one `DicomError`; `part` is what was being read.

    Warnings and log lines of the libraries that read are silenced: they quote values of the header, and those are the
    patient's. Values are taken as they are, whether or not their representation allows them.
    """
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in TALKATIVE}
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield
    except DicomError:
        raise
    except InvalidDicomError:
        raise DicomError("not a DICOM file") from None
    except OSError as error:
        raise DicomError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except Exception as error:  # damaged bytes raise nearly every kind there is
        raise DicomError(f"damaged {part}: {type(error).__name__}; export the file again") from None
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def _read(path: Path, *, stop_before_pixels: bool) -> pydicom.Dataset:
    head = _first_bytes(path)
    if head[PREAMBLE_BYTES:][:4] == PREFIX:
        unpacked = _read_deflated(path, stop_before_pixels=stop_before_pixels)
        return pydicom.dcmread(path, stop_before_pixels=stop_before_pixels) if unpacked is None else unpacked
    if head[:2] in FIRST_GROUPS:
        return _without_preamble(path, stop_before_pixels=stop_before_pixels)
    if head.startswith(ZIP_PREFIX):
        raise DicomError("a zip archive, without the ending .zip or inside another archive; unpack it yourself")
    raise DicomError("not a DICOM file")


def _first_bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise DicomError(f"{size} bytes; expected at most {LARGEST_FILE_BYTES}")
    with path.open("rb") as file:
        return file.read(PREAMBLE_BYTES + len(PREFIX))


def _without_preamble(path: Path, *, stop_before_pixels: bool) -> pydicom.Dataset:
    ds = pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, force=True)
    if "SOPClassUID" not in ds:
        raise DicomError("not a DICOM file")
    if "TransferSyntaxUID" not in ds.file_meta:
        is_implicit, _ = ds.original_encoding
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    return ds


def _read_deflated(path: Path, *, stop_before_pixels: bool) -> pydicom.Dataset | None:
    """Read a deflated file by way of one on disk that has no name; return None where a file is none.

    pydicom would unpack it in memory, twice and however large. What is unpacked is gone with this process, however it
    ends.
    """
    with path.open("rb") as file:
        file.seek(PREAMBLE_BYTES + len(PREFIX))
        meta = read_elements(file, is_implicit_VR=False, is_little_endian=True, stop_when=_is_past_meta)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return None
        with tempfile.TemporaryFile() as unpacked:
            plain = FileMetaDataset()
            plain.TransferSyntaxUID = ExplicitVRLittleEndian
            unpacked.write(bytes(PREAMBLE_BYTES) + PREFIX)
            write_file_meta_info(DicomFileLike(unpacked), plain, enforce_standard=False)
            _inflate(file, unpacked)
            unpacked.seek(0)
            ds = pydicom.dcmread(unpacked, stop_before_pixels=stop_before_pixels)
    ds.file_meta = FileMetaDataset(meta)
    return ds


def _inflate(packed: IO[bytes], unpacked: IO[bytes]) -> None:
    """Unpack the rest of a file, within the limit."""
    inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (left := inflater.unconsumed_tail or packed.read(CHUNK_BYTES)):
        content = inflater.decompress(left, CHUNK_BYTES)
        total += len(content)
        if total > LARGEST_INFLATED_BYTES:
            raise DicomError(f"unpacks to more than {LARGEST_INFLATED_BYTES} bytes; expected an MR image")
        unpacked.write(content)
    if not inflater.eof:
        raise DicomError("a deflated file that is cut off; export the file again")


def _is_past_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != META_GROUP
