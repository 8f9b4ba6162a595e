"""`models.config`, the text protocol buffer that TensorFlow Serving reads, read and checked before anything loads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfspine.errors import ServerError

CONTAINER_ROOT = PurePosixPath("/models")
"""Where the container finds the models, and what `model_root` stands in for on this machine."""


@dataclass(frozen=True)
class LatestVersions:
    """Serve the `count` highest version numbers."""

    count: int = 1


@dataclass(frozen=True)
class AllVersions:
    """Serve every version there is."""


@dataclass(frozen=True)
class SpecificVersions:
    """Serve the versions named."""

    versions: tuple[int, ...]


VersionPolicy = LatestVersions | AllVersions | SpecificVersions


@dataclass(frozen=True)
class ModelConfig:
    """One model: its name, where its version folders lie, which of them to serve, and names for some of them."""

    name: str
    base_path: Path
    policy: VersionPolicy
    labels: Mapping[str, int]


def read_models_config(path: Path, *, model_root: Path | None = None) -> tuple[ModelConfig, ...]:
    """Read a `models.config`.

    Args:
        path: the file.
        model_root: a folder that stands in for the leading ``/models`` of every base path, so that the file of the
            container serves on this machine too; None takes the base paths as they stand.

    Raises:
        ServerError: the file is missing, is no such protocol buffer, or names what cannot be served.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"{path}: cannot be read: {error}; see serving/models.config") from None
    parsed = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(text, parsed)
    except text_format.ParseError as error:
        raise ServerError(f"{path}: line {error}; see serving/models.config") from None
    models = tuple(_model(item, path, model_root) for item in parsed.model_config_list.config)
    if not models:
        raise ServerError(f"{path}: names no model; expected model_config_list {{ config {{ ... }} }}")
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ServerError(f'{path}: model "{name}" is listed twice; give each its own name')
    return models


def _model(item: model_server_config_pb2.ModelConfig, path: Path, model_root: Path | None) -> ModelConfig:
    where = f'{path}: model "{item.name}"'
    if not item.name:
        raise ServerError(f"{path}: a model has no name; expected name: ...")
    if item.model_platform != "tensorflow":
        # Without it TensorFlow Serving starts, but refuses every later reload (docs/serving.md, Measured).
        raise ServerError(f'{where}: model_platform "{item.model_platform}"; expected "tensorflow"')
    if not PurePosixPath(item.base_path).is_absolute():
        raise ServerError(f'{where}: base_path "{item.base_path}"; expected an absolute path')
    labels = {label: int(version) for label, version in item.version_labels.items()}
    return ModelConfig(item.name, _base_path(item.base_path, where, model_root), _policy(item, where), labels)


def _base_path(base_path: str, where: str, model_root: Path | None) -> Path:
    if model_root is None:
        return Path(base_path)
    pure = PurePosixPath(base_path)
    if not pure.is_relative_to(CONTAINER_ROOT):
        raise ServerError(f'{where}: base_path "{base_path}"; with --model-root it must lie under {CONTAINER_ROOT}')
    return model_root / pure.relative_to(CONTAINER_ROOT)


def _policy(item: model_server_config_pb2.ModelConfig, where: str) -> VersionPolicy:
    policy = item.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return AllVersions()
        case "specific":
            if not policy.specific.versions:
                raise ServerError(f"{where}: specific lists no version; expected versions: 1")
            return SpecificVersions(tuple(sorted(policy.specific.versions)))
        case _:
            return LatestVersions(max(1, policy.latest.num_versions))
