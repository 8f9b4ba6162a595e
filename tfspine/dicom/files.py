"""Open one DICOM file that may be damaged or hostile: every refusal is a `DicomError`, and memory use is limited.

What a file declares is checked before memory is allocated: frames, rows and columns, the unpacked size of a deflated
file, and the size in the header of a compressed image (`codestream.py`).
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
"""Start of a data set that was stored without the preamble (before PS3.10, or removed by a faulty export)."""

LARGEST_INFLATED_BYTES = 1 << 30
"""A deflated file that unpacks to more is refused; a whole study of MR slices is about a tenth of this."""

LARGEST_FILE_BYTES = 4 << 30
"""No MR object is larger; a file that declares more is damaged."""

CHUNK_BYTES = 1 << 20

META_GROUP = 0x0002
"""The group of the file meta information (PS3.10 7.1)."""

ZIP_PREFIX = b"PK\x03\x04"

TALKATIVE = ("pydicom", "imagecodecs")
"""Loggers of the reading libraries; their messages quote header values, which may identify the patient."""


def read_dataset(path: Path) -> pydicom.Dataset:
    """Read one file without its pixels.

    Raises:
        DicomError: not DICOM, unreadable, damaged, or larger than the limits; the message is the reason, without the
            path and without any header value.
    """
    with refusing("header"):
        return _read(path, stop_before_pixels=True)


def read_whole(path: Path) -> pydicom.Dataset:
    """Read one file as `read_dataset` does, but with its pixels."""
    with refusing("file"):
        return _read(path, stop_before_pixels=False)


def printable(text: str) -> str:
    """Return the beginning of a text on one line, for a message or a table; damaged files may hold any characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


@contextlib.contextmanager
def refusing(part: str) -> Iterator[None]:
    """Turn any exception that damaged data raises inside the block into a `DicomError`; `part` is what was being read.

    Warnings and log lines of the reading libraries are silenced, because they quote header values, which may identify
    the patient. Values are accepted even if they are invalid for their value representation.
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
    except Exception as error:  # damaged data raise nearly every kind of exception
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
    """Read a deflated file by way of an unnamed temporary file; return None if the file is not deflated.

    pydicom would unpack it in memory, twice and without a limit. The temporary file disappears when this process ends,
    in whatever way.
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
