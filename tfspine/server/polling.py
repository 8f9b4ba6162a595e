"""Work that is repeated while the server runs: looking at base paths and at the configuration file."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from tfspine.errors import TfspineError

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def repeated(work: Callable[[], None], *, every_s: float, name: str) -> Iterator[None]:
    """Call a function again and again in a thread while the block runs.

    An error is logged, once as long as it stays the same.

    Args:
        work: the function.
        every_s: seconds between two calls; 0 or less: it is never called.
        name: of the thread, and in the log.
    """
    if every_s <= 0:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_repeat, args=(work, every_s, name, ended), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(every_s + 5)


def _repeat(work: Callable[[], None], every_s: float, name: str, ended: threading.Event) -> None:
    told = ""
    while not ended.wait(every_s):
        try:
            work()
            told = ""
        except TfspineError as error:
            if str(error) != told:
                _log.error("%s: %s", name, error)
            told = str(error)
        except Exception:
            _log.exception("%s failed", name)
