"""Temporary folders for unpacked files. These are identified patient data and must not remain when a command ends.

Such a folder is hidden and lies next to the output, where its owner looks, not in the system's temporary folder. It is
locked while a process uses it. It is removed on SIGHUP and SIGTERM; if its process was killed outright, the next
command that writes to the same place removes it.
"""

import contextlib
import fcntl
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

from tfspine.errors import OutputError

PREFIX = ".tfspine-unpacked-"
LOCK = ".lock"
CONTENT = "files"

_ENDINGS = (signal.SIGHUP, signal.SIGTERM)


@contextlib.contextmanager
def scratch_folder(out: Path | None) -> Iterator[Path]:
    """Yield an empty folder next to `out` (None: in the system's temporary folder), and remove it at the end.

    Raises:
        OutputError: nothing can be written there.
    """
    parent = scratch_parent(out)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as error:
        raise OutputError(f"{parent}: cannot be written: {error.strerror}; name another --out") from None
    try:
        with (folder / LOCK).open("w") as lock, _ending_orderly():
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / CONTENT).mkdir()
            yield folder / CONTENT
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned(out: Path | None) -> None:
    """Remove the folders that killed processes left next to `out`."""
    for folder in scratch_parent(out).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (folder / LOCK).open("r+") as lock:
            if _is_free(lock):
                shutil.rmtree(folder, ignore_errors=True)


def scratch_parent(out: Path | None) -> Path:
    """Return the folder that contains the temporary folders: the nearest existing parent of `out`."""
    if out is None:
        return Path(tempfile.gettempdir())
    return next(folder for folder in out.absolute().parents if folder.is_dir())


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _ending_orderly() -> Iterator[None]:
    """Turn SIGHUP and SIGTERM into an exit that runs every clean-up, unless they already have a handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in _ENDINGS}
    ours = [number for number, handler in former.items() if handler is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
