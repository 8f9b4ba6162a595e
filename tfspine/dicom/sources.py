"""Where DICOM files come from: a folder, one file, a DICOMDIR, or a zip archive unpacked within limits.

Reasons for leaving out a file never contain its name, which may be the patient's: de-identification saves them.
"""

import contextlib
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfspine.dicom.files import CHUNK_BYTES, printable, read_dataset, refusing
from tfspine.dicom.scratch import PREFIX, clear_abandoned, scratch_folder
from tfspine.errors import DicomError
from tfspine.structures import Refusal

DICOMDIR = "DICOMDIR"

MOST_MEMBERS = 100_000
LARGEST_UNPACKED_BYTES = 64 << 30
LARGEST_MEMBER_BYTES = 4 << 30
HIGHEST_RATIO = 200
"""MR slices compress to a half or a third; a member that unpacks to this many times its size is a zip bomb."""

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Other methods may allocate gigabytes of memory before they return the first byte."""

ZIP_SUFFIX = ".zip"

DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Source:
    """Files to read, each with its name in messages and tables: its path relative to the source."""

    names: Mapping[Path, str]
    refused: tuple[Refusal, ...]


@contextlib.contextmanager
def open_source(path: Path, *, beside: Path | None = None) -> Iterator[Source]:
    """Yield the files of a folder, a zip archive, a DICOMDIR or one DICOM file, sorted by name.

    Zip archives in a folder are opened too. Unpacked files are deleted when the block ends, or at the next start.

    Args:
        path: what to open.
        beside: the output; archives are unpacked next to it (`scratch.py`). None: in the system's temporary folder.

    Raises:
        DicomError: there is no such file or folder, or `path` is an archive that cannot be unpacked.
    """
    if not path.exists():
        raise DicomError(f"{path}: no such file or folder; expected DICOM files, a DICOMDIR or a zip archive")
    clear_abandoned(beside)
    if path.is_dir():
        with contextlib.ExitStack() as stack:
            yield _folder(path, lambda: stack.enter_context(scratch_folder(beside)))
    elif path.name.upper() == DICOMDIR:
        yield _listed(path, path.parent)
    elif path.suffix.lower() == ZIP_SUFFIX or zipfile.is_zipfile(path):
        with scratch_folder(beside) as unpacked:
            try:
                refused = unpack(path, unpacked)
            except DicomError as error:
                raise DicomError(f"{path}: {error}") from None
            inner = _plain_folder(unpacked)
            yield Source(inner.names, (*refused, *inner.refused))
    else:
        yield Source({path: path.name}, ())


def unpack(archive: Path, target: Path) -> tuple[Refusal, ...]:
    """Unpack a zip archive below `target` and return the members that were left out, with the reason.

    Links, encrypted members, paths that lead outside, and members that unpack beyond the limits are left out.

    Raises:
        DicomError: not a readable archive, or the total of members or bytes exceeds the limits.
    """
    refused = []
    with refusing("zip archive"), zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        wrong = {member: reason for member in members if (reason := _wrong_with(member))}
        total = sum(member.file_size for member in members if member not in wrong)
        limit = min(
            LARGEST_UNPACKED_BYTES,
            shutil.disk_usage(target).free,
            HIGHEST_RATIO * max(archive.stat().st_size, CHUNK_BYTES),  # members may overlap and share the same bytes
        )
        if len(members) > MOST_MEMBERS or total > limit:
            raise DicomError(
                f"{len(members)} members that unpack to {total} bytes; expected at most {MOST_MEMBERS} and {limit} "
                "bytes; unpack it yourself and name the folder"
            )
        for number, member in enumerate(members):
            reason = wrong.get(member) or _unpack_member(opened, member, target, number)
            if reason is not None:
                refused.append(Refusal(printable(member.filename), f"not unpacked: {reason}"))
    return tuple(refused)


def _wrong_with(member: zipfile.ZipInfo) -> str | None:
    """Return why a member must not be unpacked, from its entry in the archive, or None."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or DRIVE.match(member.filename) or not name.parts:
        return "its name leads outside the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link; expected a file"
    if member.flag_bits & 1:
        return "encrypted; unpack the archive yourself and name the folder"
    if member.compress_type not in COMPRESSIONS:
        return f"compression method {member.compress_type}; expected stored or deflated; unpack the archive yourself"
    if member.file_size > LARGEST_MEMBER_BYTES or member.file_size > HIGHEST_RATIO * max(member.compress_size, 1024):
        return f"{member.compress_size} bytes that unpack to {member.file_size}; expected MR images"
    return None


def _unpack_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, number: int) -> str | None:
    """Unpack one member, or return why this is not possible; a partly written file is removed."""
    path = target / _short(PurePosixPath(member.filename.replace("\\", "/")), number)
    left = member.file_size
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file, opened.open(member) as packed:
            while chunk := packed.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise DicomError("unpacks to more than its entry states")
                file.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return "a second member of this name"
    except Exception as error:  # zipfile and zlib each raise their own errors for damaged data
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            return f"cannot be written: {error.strerror or type(error).__name__}"
        return str(error) if isinstance(error, DicomError) else f"damaged ({type(error).__name__})"
    return None


def _short(name: PurePosixPath, number: int) -> str:
    """Return a member's path if the file system accepts it, else a number: names may be of any length."""
    fits = all(0 < len(part.encode()) < 200 and part.isprintable() for part in name.parts) and len(str(name)) < 1000
    return str(name) if fits else f"member-{number:06d}"


def _folder(root: Path, new_scratch: Callable[[], Path]) -> Source:
    """Return the files of a folder, and those of the archives in it, unpacked one folder each."""
    plain = _plain_folder(root)
    names, refused = dict(plain.names), list(plain.refused)
    archives = [(path, name) for path, name in plain.names.items() if path.suffix.lower() == ZIP_SUFFIX]
    unpacked = new_scratch() if archives else root
    for number, (path, name) in enumerate(archives):
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
    for path in _files_below(root, refused):
        name = str(path.relative_to(root))
        if path.name.upper() == DICOMDIR:
            refused += [Refusal(name, "lists files, which are read directly"), *_listed(path, root).refused]
        else:
            names[path] = name
    return Source(names, tuple(refused))


def _files_below(root: Path, refused: list[Refusal]) -> list[Path]:
    """Return all files below a folder, sorted, and add folders that cannot be opened to `refused`."""

    def note(error: OSError) -> None:
        name = os.path.relpath(error.filename, root)
        refused.append(Refusal(name, f"folder cannot be read: {error.strerror}"))

    found = []
    for folder, folders, files in os.walk(root, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(PREFIX)]  # of another running command
        links = [Path(folder, name) for name in folders if os.path.islink(Path(folder, name))]
        refused += [Refusal(str(path.relative_to(root)), "a link to a folder; name that folder") for path in links]
        for path in (Path(folder, name) for name in files):
            if path.is_file():
                found.append(path)
            else:
                refused.append(Refusal(str(path.relative_to(root)), "not a file"))
    return sorted(found)


def _listed(dicomdir: Path, root: Path) -> Source:
    """Return the files that a DICOMDIR lists (PS3.3 F.3), and the missing ones; names are relative to `root`."""
    name = str(dicomdir.relative_to(root))
    try:
        listed = _referenced(dicomdir)
    except DicomError as error:
        return Source({}, (Refusal(name, str(error)),))
    names: dict[Path, str] = {}
    refused: list[Refusal] = []
    entries: dict[Path, dict[str, str]] = {}
    for parts in dict.fromkeys(listed):
        path = _found(dicomdir.parent, parts, entries)
        if ".." in parts:
            refused.append(Refusal(printable("/".join(parts)), "leads outside the folder of its DICOMDIR"))
        elif path is None:
            missing = dicomdir.parent.joinpath(*parts).relative_to(root)
            refused.append(Refusal(printable(str(missing)), "a DICOMDIR lists it, but it does not exist"))
        else:
            names[path] = str(path.relative_to(root))
    return Source(dict(sorted(names.items())), tuple(refused))


def _referenced(dicomdir: Path) -> list[tuple[str, ...]]:
    """Return the files that a DICOMDIR refers to, each as the components of its path."""
    ds = read_dataset(dicomdir)
    with refusing("DICOMDIR"):
        named = [record.get("ReferencedFileID") or "" for record in ds.get("DirectoryRecordSequence") or ()]
        # Each component is a separate value (PS3.11), but some writers put separators inside a value.
        paths = ["/".join([value] if isinstance(value, str) else map(str, value)) for value in named]
        return [parts for path in paths if (parts := tuple(part for part in path.split("/") if part))]


def _found(folder: Path, parts: tuple[str, ...], entries: dict[Path, dict[str, str]]) -> Path | None:
    """Return the file with this path below a folder, ignoring case: copying may have changed capitals to small letters.

    `entries` caches the names in each folder by their upper-case form.
    """
    path = folder
    for part in parts:
        if not os.path.exists(path / part):
            if path not in entries:
                names = sorted(os.listdir(path)) if path.is_dir() else []
                entries[path] = {name.upper(): name for name in names}
            part = entries[path].get(part.upper(), part)
        path = path / part
    return path if os.path.isfile(path) else None
