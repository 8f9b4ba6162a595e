"""Two versions of a tiny model on disk, and one running server for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bright_model import BrightModel, save

from tfspine.server.config_file import AllVersions, LatestVersions, ModelConfig
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.running import Ports, running
from tfspine.server.service import Service


@pytest.fixture(scope="session")
def models() -> dict[int, BrightModel]:
    """The models in memory, by version."""
    return {1: BrightModel(0.0), 2: BrightModel(0.25)}


@pytest.fixture(scope="session")
def model_root(models: dict[int, BrightModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bright/1`, `bright/2`, and a version that is still being copied."""
    root = tmp_path_factory.mktemp("models")
    for version, model in models.items():
        save(model, root / "bright" / str(version))
    (root / "bright" / "3.partial").mkdir()
    return root


@pytest.fixture(scope="session")
def ports(model_root: Path) -> Iterator[Ports]:
    """A server of `bright` (both versions, 1 is called stable) and `newest` (the latest version)."""
    path = model_root / "bright"
    configs = [
        ModelConfig("bright", path, AllVersions(), {"stable": 1}),
        ModelConfig("newest", path, LatestVersions(), {}),
    ]
    lifecycle = Lifecycle()
    lifecycle.start(configs)
    with running(Service(lifecycle.catalogue), port=0, rest_port=0) as opened:
        yield opened
