"""What several test folders share."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import settings
from tests_settings import TINY
from trainings import DetectorsTrainedOnce

from tfspine.config import Experiment
from tfspine.experiment_file import load_experiment
from tfspine.workflows.own_process import call_with_progress

# How long an example takes says more about what else the machine is doing than about the code.
settings.register_profile("tfspine", deadline=None)
settings.load_profile("tfspine")

LONGEST_FIRST = (
    "test_experiments.py",
    "test_devices_commands.py",
    "test_study.py",
    "test_demo.py",
    "test_project.py",
    "test_api.py",
    "test_train_cluster.py",
    "test_train_detector.py",
    "test_preemption.py",
    "test_terminal.py",
    "test_conformance.py",
    "test_export_plane.py",
    "test_tune.py",
    "test_ray_cluster.py",
)
"""Files of more than half a minute. Two workers that take them last would wait for each other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the order within a file, and of all others, stays."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Experiment]:
    """Return a function that makes an experiment with networks small enough for a test."""

    def make(*settings: str) -> Experiment:
        return load_experiment(None, [*TINY, *settings])

    return make


@pytest.fixture(scope="session")
def detectors_trained_once(tmp_path_factory: pytest.TempPathFactory) -> DetectorsTrainedOnce:
    return DetectorsTrainedOnce(tmp_path_factory.mktemp("detectors"))


@pytest.fixture
def steps_here(detectors_trained_once: DetectorsTrainedOnce, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Call steps that would run in processes of their own in this one, and train each kind of detector once.

    A process that trains a detector takes half a minute to import TensorFlow and to convert the Model Garden's code to
    graphs, before its first step.
    """
    from tfspine.training import runtime

    def call_here(call: "partial[object]", **environment: object) -> object:
        return call_with_progress(call)

    monkeypatch.setattr("tfspine.workflows.steps.run_in_own_process", call_here)
    monkeypatch.setattr("tfspine.training.detector.train_detector", detectors_trained_once)
    yield
    runtime.prepare(Experiment())
