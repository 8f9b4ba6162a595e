"""What several test folders share."""

from collections.abc import Callable

import pytest
from hypothesis import settings
from tests_settings import TINY

from tfspine.config import Experiment
from tfspine.experiment_file import load_experiment

# How long an example takes says more about what else the machine is doing than about the code.
settings.register_profile("tfspine", deadline=None)
settings.load_profile("tfspine")


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Experiment]:
    """Return a function that makes an experiment with networks small enough for a test."""

    def make(*settings: str) -> Experiment:
        return load_experiment(None, [*TINY, *settings])

    return make
