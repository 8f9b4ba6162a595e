"""Writing without ever leaving half an output: a temporary name first, then one rename; and one process a folder."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfspine.errors import OutputError, TfspineError


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the block ends well, and vanishes when it does not.

    An existing `target` is replaced only at the end, so that a failed run leaves the former output as it was.

    Raises:
        OutputError: the disk is full, read-only, or `target` is a file.
    """
    partial = target.parent / f".{target.name}.partial-{os.getpid()}"
    former = target.parent / f".{target.name}.former-{os.getpid()}"
    try:
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is a file; expected a folder to write; name another --out")
        with _explained(target):
            partial.mkdir(parents=True)
        with _explained(target):
            yield partial
        with _explained(target):
            if target.exists():
                target.rename(former)
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


@contextlib.contextmanager
def resumable_folder(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes `target` when the block ends well, and stays for the next run when it is stopped.

    A wrong input does not leave it behind: there is nothing to go on with.

    Raises:
        OutputError: as `new_folder`.
    """
    partial = target.parent / f".{target.name}.unfinished"
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file; expected a folder to write; name another --out")
    with _explained(target):
        partial.mkdir(parents=True, exist_ok=True)
    try:
        with new_folder(target) as folder:
            folder.rmdir()
            yield partial
            with _explained(target):
                partial.rename(folder)
    except TfspineError as error:
        if not isinstance(error, OutputError):
            shutil.rmtree(partial, ignore_errors=True)
        raise


@contextlib.contextmanager
def held(
    folder: Path, *, lock: str = ".lock", refusal: str = "another process works on it; wait for it, or end it"
) -> Iterator[None]:
    """Hold a folder, made where it is missing, against others; the system lets go when this process ends.

    A process that inherits open files (`subprocess.Popen` with `close_fds=False`) holds it too, until it ends.

    Args:
        folder: to hold.
        lock: name of the file in it that says so, the same for all who would disturb one another.
        refusal: what the others are told.

    Raises:
        OutputError: another process holds it, or the file system knows no locks.
    """
    path = folder / lock
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; name another --out") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{folder}: {refusal}") from None
        except OSError as error:
            raise OutputError(f"{path}: cannot be locked: {error.strerror}; name an --out on another disk") from error
        os.set_inheritable(file.fileno(), True)
        yield


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it; the folder is made where it is missing.

    Raises:
        OutputError: the file cannot be written.
    """
    partial = target.parent / f".{target.name}.partial-{os.getpid()}"
    with _explained(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def write_text(target: Path, content: str) -> None:
    """Write a UTF-8 text file as `write_bytes` does."""
    write_bytes(target, content.encode())


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write into one clear line."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError | ConnectionError | TimeoutError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"{target}: cannot be written: {reason}; free space or name another --out") from error
