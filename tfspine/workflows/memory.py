"""Measures how much memory a run takes: this process and all processes that it started."""

import threading
from contextlib import suppress

from tfspine.compat import Self


class MemoryWatch(threading.Thread):
    """Samples the resident memory of this process and its descendants once per second, within a `with` block."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_gib = 0.0
        self._is_over = threading.Event()

    @property
    def in_words(self) -> str:
        """Text about the memory, to follow the time in a message; empty if it could not be measured."""
        return f", at most {self.peak_gib:.1f} GiB of memory" if self.peak_gib else ""

    def run(self) -> None:
        """Sample until the block ends."""
        try:
            import psutil
        except ModuleNotFoundError:  # it is not in the light part of the installation
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
