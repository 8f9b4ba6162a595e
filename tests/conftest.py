"""What several test folders share."""

from collections.abc import Callable

import pytest
from tests_settings import TINY

from tfspine.config import Experiment, load_experiment


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Experiment]:
    """Return a function that makes an experiment with networks small enough for a test."""

    def make(*settings: str) -> Experiment:
        return load_experiment(None, [*TINY, *settings])

    return make
