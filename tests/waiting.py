"""Waits for what another thread or process does."""

import time
from collections.abc import Callable

from tests_settings import HANG_S


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; after `HANG_S` seconds it is taken to hang, and the test fails."""
    end = time.monotonic() + HANG_S
    while not is_so():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.01)
