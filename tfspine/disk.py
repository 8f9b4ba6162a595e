"""Errors that speak of the disk, whoever raises them: Python, HDF5, TensorFlow, or one of them on behalf of another.

TensorFlow has error classes of its own, in which "no space left" is the same class as "out of memory": the system's
words are in the message (POSIX errno.h, as the C library words them).
"""

import errno
import os
import re
from collections.abc import Iterator

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Disk or quota full, a file larger than allowed, a file system that cannot be written."""

_WORDS = re.compile("|".join(re.escape(os.strerror(number)) for number in DISK))


def disk_refusal(error: BaseException) -> str | None:
    """Return what the system said of the disk, such as "No space left on device", or None if it is no such error."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in DISK:
            return os.strerror(cause.errno)
        if isinstance(cause, OSError) or type(cause).__module__.startswith("tensorflow"):
            found = _WORDS.search(str(cause))
            if found:
                return found.group()
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
