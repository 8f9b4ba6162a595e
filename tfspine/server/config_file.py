"""`models.config`, the text protocol buffer that TensorFlow Serving reads, read and checked before anything loads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tensorflow_serving.config import model_server_config_pb2

from tfspine.errors import ServerError
from tfspine.server.request_error import invalid
from tfspine.server.text_protos import read_text_message

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
    parsed = read_text_message(path, model_server_config_pb2.ModelServerConfig(), "serving/models.config")
    models = tuple(_model(item, path, model_root) for item in parsed.model_config_list.config)
    if not models:
        raise ServerError(f"{path}: names no model; expected model_config_list {{ config {{ ... }} }}")
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ServerError(f'{path}: model "{name}" is listed twice; give each its own name')
    return models


def requested_models(
    config: model_server_config_pb2.ModelServerConfig, *, model_root: Path | None = None
) -> tuple[ModelConfig, ...]:
    """Return the models of a HandleReloadConfigRequest.

    Args:
        config: what was sent.
        model_root: as in `read_models_config`; other base paths than those under ``/models`` are taken as they stand.

    Raises:
        RequestError: TensorFlow Serving refuses the configuration; the message is its own.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    items = list(config.model_config_list.config)
    for number, item in enumerate(items):
        if item.name in {other.name for other in items[:number]}:
            raise invalid(f"Illegal to list model {item.name} multiple times in config list")
    for item in items:
        if not PurePosixPath(item.base_path).is_absolute():
            raise invalid(
                f"Expected model {item.name} to have an absolute path or URI; got base_path()={item.base_path}"
            )
    for item in items:
        _check_platform(item)
    return tuple(_requested(item, model_root) for item in items)


def single_model(name: str, base_path: Path) -> ModelConfig:
    """Return the configuration of one model, its latest version."""
    return ModelConfig(name, base_path, LatestVersions(), {})


def _check_platform(item: model_server_config_pb2.ModelConfig) -> None:
    if not item.model_platform and not item.model_type:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform."
        )
    if item.model_platform and item.model_platform != "tensorflow":
        raise invalid(f"Model {item.name} requests unsupported platform {item.model_platform}")


def _requested(item: model_server_config_pb2.ModelConfig, model_root: Path | None) -> ModelConfig:
    try:
        policy = _policy(item, f'model "{item.name}"')
    except ServerError as error:
        raise invalid(str(error)) from None
    pure = PurePosixPath(item.base_path)
    mapped = model_root is not None and pure.is_relative_to(CONTAINER_ROOT)
    base = _base_path(item.base_path, "", model_root if mapped else None)
    return ModelConfig(item.name, base, policy, {label: int(value) for label, value in item.version_labels.items()})


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
