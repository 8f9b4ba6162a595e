"""Where DICOM files come from: a folder, one file, a DICOMDIR, or a zip archive unpacked within limits."""

import contextlib
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pydicom

from tfspine.dicom.files import read_dataset, refusing
from tfspine.errors import DicomError

DICOMDIR = "DICOMDIR"

MOST_MEMBERS = 100_000
LARGEST_UNPACKED_BYTES = 64 << 30
LARGEST_MEMBER_BYTES = 4 << 30
HIGHEST_RATIO = 200
"""MR slices shrink to a half or a third; a member that unpacks to this many times its size is a bomb."""

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Refusal:
    """One file, or one series or study by its pseudonym, that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Source:
    """Files to read, each with the name that messages and tables give it: its path below the source."""

    names: Mapping[Path, str]
    refused: tuple[Refusal, ...]


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Yield the files of a folder, a zip archive, a DICOMDIR or one DICOM file, sorted by name.

    Zip archives in a folder are opened too. What is unpacked is deleted when the block ends.

    Raises:
        DicomError: there is no such file or folder, or an archive given by name cannot be unpacked.
    """
    if not path.exists():
        raise DicomError(f"{path}: no such file or folder; expected DICOM files, a DICOMDIR or a zip archive")
    with tempfile.TemporaryDirectory(prefix="tfspine-") as unpacked:
        if path.is_dir():
            yield _folder(path, Path(unpacked))
        elif path.name.upper() == DICOMDIR:
            yield _listed(path)
        elif zipfile.is_zipfile(path):
            try:
                refused = unpack(path, Path(unpacked))
            except DicomError as error:
                raise DicomError(f"{path}: {error}") from None
            inner = _plain_folder(Path(unpacked))
            yield Source(inner.names, (*refused, *inner.refused))
        else:
            yield Source({path: path.name}, ())


def unpack(archive: Path, target: Path) -> tuple[Refusal, ...]:
    """Unpack a zip archive below `target` and return the members that were left out, with the reason.

    Links, encrypted members, names that lead outside, and members that unpack beyond the limits are left out.

    Raises:
        DicomError: not a readable archive, or more members or bytes than the limits allow in all.
    """
    refused = []
    with refusing("zip archive"), zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        total = sum(member.file_size for member in members)
        if len(members) > MOST_MEMBERS or total > min(LARGEST_UNPACKED_BYTES, shutil.disk_usage(target).free):
            raise DicomError(
                f"{len(members)} members of {total} bytes; expected at most {MOST_MEMBERS} that fit on the disk and "
                f"into {LARGEST_UNPACKED_BYTES} bytes; unpack it yourself and name the folder"
            )
        for number, member in enumerate(members):
            try:
                _unpack_member(opened, member, target, number)
            except (DicomError, RuntimeError, NotImplementedError, OSError, zipfile.BadZipFile, EOFError) as error:
                refused.append(Refusal(_printable(member.filename), f"not unpacked: {_printable(str(error))}"))
            except Exception as error:  # zlib, lzma and bz2 each meet damage with their own
                refused.append(Refusal(_printable(member.filename), f"not unpacked: damaged ({type(error).__name__})"))
    return tuple(refused)


def _unpack_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, number: int) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename or not name.parts:
        raise DicomError("its name leads outside the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DicomError("a link; expected a file")
    if member.flag_bits & 1:
        raise DicomError("encrypted; unpack the archive yourself and name the folder")
    if member.file_size > LARGEST_MEMBER_BYTES or member.file_size > HIGHEST_RATIO * max(member.compress_size, 1024):
        raise DicomError(f"{member.compress_size} bytes that unpack to {member.file_size}; expected MR images")
    path = target / _short(name, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    try:
        with opened.open(member) as packed, path.open("xb") as file:
            while chunk := packed.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise DicomError("unpacks to more than it says")
                file.write(chunk)
    except FileExistsError:
        raise DicomError("a second member of this name") from None
    except Exception:
        path.unlink(missing_ok=True)
        raise


def _short(name: PurePosixPath, number: int) -> str:
    """Return a member's path where the file system takes it, else a number: names may be of any length."""
    fits = all(0 < len(part.encode()) < 200 and part.isprintable() for part in name.parts) and len(str(name)) < 1000
    return str(name) if fits else f"member-{number:06d}"


def _folder(root: Path, unpacked: Path) -> Source:
    """Return the files of a folder, and those of the archives in it, unpacked one folder each."""
    plain = _plain_folder(root)
    names, refused = dict(plain.names), list(plain.refused)
    for number, (path, name) in enumerate(plain.names.items()):
        if path.suffix.lower() != ".zip":
            continue
        del names[path]
        target = unpacked / str(number)
        target.mkdir()
        try:
            refused += [Refusal(f"{name}/{item.file}", item.reason) for item in unpack(path, target)]
        except DicomError as error:
            refused.append(Refusal(name, str(error)))
        inner = _plain_folder(target)
        names |= {file: f"{name}/{inside}" for file, inside in inner.names.items()}
        refused += [Refusal(f"{name}/{item.file}", item.reason) for item in inner.refused]
    return Source(names, tuple(refused))


def _plain_folder(root: Path) -> Source:
    names: dict[Path, str] = {}
    refused: list[Refusal] = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(path.relative_to(root))
        if path.name.upper() == DICOMDIR:
            refused += [Refusal(name, "lists files, which are read by themselves"), *_missing(path, root)]
        else:
            names[path] = name
    return Source(names, tuple(refused))


def _listed(dicomdir: Path) -> Source:
    """Return the files that a DICOMDIR lists (PS3.3 F.3), those that are there."""
    root = dicomdir.parent
    there = sorted({path for path in _referenced(dicomdir) if path.is_file()})
    return Source({path: str(path.relative_to(root)) for path in there}, tuple(_missing(dicomdir, root)))


def _missing(dicomdir: Path, root: Path) -> Iterator[Refusal]:
    try:
        listed = _referenced(dicomdir)
    except DicomError as error:
        yield Refusal(str(dicomdir.relative_to(root)), str(error))
        return
    for path in listed:
        if not path.is_file():
            yield Refusal(str(path.relative_to(root)), f"{dicomdir.relative_to(root)} lists it, but it is not there")


def _referenced(dicomdir: Path) -> list[Path]:
    """Return the paths that a DICOMDIR refers to; those that lead outside its folder are left out."""
    ds = read_dataset(dicomdir)
    with refusing("DICOMDIR"):
        named = [_components(record) for record in ds.get("DirectoryRecordSequence") or ()]
    return [dicomdir.parent.joinpath(*parts) for parts in named if parts and not {"..", "/", ""} & set(parts)]


def _components(record: pydicom.Dataset) -> list[str]:
    value = record.get("ReferencedFileID") or []
    parts = [value] if isinstance(value, str) else [str(part) for part in value]
    return [part for part in parts if "/" not in part and "\\" not in part and "\0" not in part]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
