"""Recognising disk errors, whether Python, HDF5 or TensorFlow raises them, directly or as the cause of another error.

TensorFlow has its own error classes, in which "no space left" is the same class as "out of memory": the system's
text is in the message (POSIX errno.h, in the wording of the C library).
"""

import errno
import os
import re
from collections.abc import Iterator

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Disk or quota full, a file larger than allowed, a file system that cannot be written."""

_WORDS = re.compile("|".join(re.escape(os.strerror(number)) for number in DISK))


def disk_refusal(error: BaseException) -> str | None:
    """Return the system's message, such as "No space left on device", or None if it is not a disk error."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in DISK:
            return os.strerror(cause.errno)
        if isinstance(cause, OSError) or type(cause).__module__.startswith("tensorflow"):
            found = _WORDS.search(str(cause))
            if found:
                return found.group()
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
