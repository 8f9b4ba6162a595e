"""Writing complete outputs only: under a temporary name first, then one rename; and one process per folder.

`ownership` decides what may be replaced; the former output is kept until the new one is complete.
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfspine.disk import disk_refusal
from tfspine.errors import OutputError, TfspineError
from tfspine.ownership import LOCK, added_files, require_folder, write_checksums

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def new_folder(target: Path, *, command: str, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the block succeeds, and is deleted when it fails.

    Args:
        target: the output; its former content is replaced only at the end, so that a failed run leaves it as it was.
        command: the verb that writes it, as in the manifest that the block writes.
        inputs: files and folders that the command reads.

    Raises:
        OutputError: `target` may not be written (see `ownership`), another process writes it, or the disk is full or
            read-only.
    """
    with _building(target, command=command, inputs=inputs) as partial:
        try:
            _empty(partial)
            yield partial
            _publish(partial, target.resolve(), command)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextlib.contextmanager
def resumable_folder(target: Path, *, command: str, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield a folder that becomes `target` when the block succeeds, and stays for the next run when it is stopped.

    It is deleted after an invalid input, because there is nothing to continue with.

    Raises:
        OutputError: as for `new_folder`.
    """
    with _building(target, command=command, inputs=inputs) as partial:
        try:
            yield partial
            _publish(partial, target.resolve(), command)
        except TfspineError as error:
            if not isinstance(error, OutputError):
                shutil.rmtree(partial, ignore_errors=True)
            raise


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target`, which must not exist yet, when the block succeeds.

    It is for folders that a command adds and never replaces, such as the next version of a model.

    Raises:
        OutputError: `target` exists, or the disk is full or read-only.
    """
    partial = target.parent / f".{target.name}.partial-{os.getpid()}"
    if target.exists():
        raise OutputError(f"{target}: already exists; expected a new folder")
    try:
        with explained(target):
            partial.mkdir(parents=True)
            yield partial
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def held(folder: Path, *, refusal: str = "another process works on it; wait for it, or end it") -> Iterator[None]:
    """Lock a folder, created if missing, against other processes; the lock ends with this process at the latest.

    A process that inherits open files (`subprocess.Popen` with `close_fds=False`) holds the lock too, until it ends.

    Args:
        folder: the folder to lock.
        refusal: the error message for other processes.

    Raises:
        OutputError: another process holds the lock, or the file system does not support locks.
    """
    path = folder / LOCK
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
    """Write a file under a temporary name and rename it; the folder is created if it is missing.

    Raises:
        OutputError: the file cannot be written.
    """
    partial = target.parent / f".{target.name}.partial-{os.getpid()}"
    with explained(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(target)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


def write_text(target: Path, content: str) -> None:
    """Write a UTF-8 text file as `write_bytes` does."""
    write_bytes(target, content.encode())


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn the operating system's write errors into one clear line.

    Raises:
        OutputError: in place of an `OSError`, or of a TensorFlow error caused by the disk.
    """
    try:
        yield
    except TfspineError:
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError | ConnectionError | TimeoutError):
            raise
        reason = disk_refusal(error)
        if reason is None and isinstance(error, OSError):
            reason = error.strerror or str(error)
        if reason is None:
            raise
        raise OutputError(f"{target}: cannot be written: {reason}; free space or name another --out") from error


@contextlib.contextmanager
def _building(target: Path, *, command: str, inputs: Iterable[Path]) -> Iterator[Path]:
    """Yield the folder in which `target` is built, locked against other processes."""
    target = target.resolve()
    if Path.cwd().is_relative_to(target):
        raise OutputError(f"{target}: is the folder you are in, which cannot be replaced whole; name a folder in it")
    require_folder(target, command=command, inputs=inputs)
    partial = target.parent / f".{target.name}.unfinished"
    with held(partial, refusal=f"another process writes {target}; wait for it, or name another --out"):
        _restore(target)
        with explained(target):
            yield partial


def _publish(partial: Path, target: Path, command: str) -> None:
    """Replace the former folder by the complete new one, and carry over files that others have put into it."""
    require_folder(target, command=command)  # again, because hours may have passed
    with explained(target):
        write_checksums(partial)
    _keep_added(partial, target, command)
    former = _former(target)
    if target.exists():
        target.rename(former)
    partial.rename(target)
    (target / LOCK).unlink(missing_ok=True)
    shutil.rmtree(former, ignore_errors=True)


def _keep_added(partial: Path, target: Path, command: str) -> None:
    """Move files that the command did not write, such as labels saved beside images, into the new folder."""
    added = added_files(target) if target.is_dir() else []
    for name in added:
        if os.path.lexists(partial / name):
            raise OutputError(
                f"{target / name}: tfspine {command} did not write it, and would overwrite it; move it elsewhere"
            )
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        if (target / name).is_symlink():
            (partial / name).symlink_to((target / name).readlink())
        else:
            shutil.copy2(target / name, partial / name)
    if added:
        logger.info("%s: %d files that tfspine %s did not write are kept", target, len(added), command)


def _restore(target: Path) -> None:
    """Clean up after a process that was killed while it replaced the former folder by the new one."""
    former = _former(target)
    if former.is_dir() and not target.exists():
        former.rename(target)
    shutil.rmtree(former, ignore_errors=True)


def _former(target: Path) -> Path:
    return target.parent / f".{target.name}.former"


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()
