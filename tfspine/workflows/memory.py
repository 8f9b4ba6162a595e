"""How much memory a run took: this process and all that it started."""

import threading
from contextlib import suppress

from tfspine.compat import Self


class MemoryWatch(threading.Thread):
    """Samples the resident memory of this process and all it started, once a second, within a `with` block."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_gib = 0.0
        self._is_over = threading.Event()

    @property
    def in_words(self) -> str:
        """How much it was, to follow the time; nothing where nobody could look."""
        return f", at most {self.peak_gib:.1f} GiB of memory" if self.peak_gib else ""

    def run(self) -> None:
        """Sample until the block ends."""
        try:
            import psutil
        except ModuleNotFoundError:  # the light part of the installation has none
            return

        me = psutil.Process()
        while not self._is_over.wait(1.0):
            total = 0
            for process in (me, *me.children(recursive=True)):
                with suppress(psutil.Error):
                    total += process.memory_info().rss
            self.peak_gib = max(self.peak_gib, total / 2**30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
