"""The models that are served, found by name and by version or label, and the state of their versions."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow_serving.apis import get_model_status_pb2

from tfspine.errors import ServerError
from tfspine.server.config_file import AllVersions, LatestVersions, ModelConfig, SpecificVersions, VersionPolicy
from tfspine.server.request_error import Reason, RequestError
from tfspine.server.servables import Servable, load_servable

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """Which model a request names. Without version and label the highest version answers."""

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class ServedModel:
    """The loaded versions of one model, and the labels that point at some of them."""

    name: str
    versions: Mapping[int, Servable]
    labels: Mapping[str, int]


@dataclass(frozen=True)
class Catalogue:
    """Every model that is served, by name."""

    models: Mapping[str, ServedModel]

    def find(self, asked: Asked) -> Servable:
        """Return the version that answers a request.

        Raises:
            RequestError: no such model, version or label.
        """
        model = self._model(asked)
        version = asked.version
        if asked.label is not None:
            if asked.label not in model.labels:
                raise RequestError(Reason.INVALID, f"Unrecognized servable version label: {asked.label}")
            version = model.labels[asked.label]
        if version is None:
            version = max(model.versions)
        if version not in model.versions:
            raise _not_found(asked)
        return model.versions[version]

    def listed(self, asked: Asked) -> list[int]:
        """Return the versions that a status request asks about: one, or all; a label means all, too.

        Raises:
            RequestError: no such model or version.
        """
        if asked.name not in self.models:
            raise RequestError(Reason.NOT_FOUND, f"Could not find any versions of model {asked.name}")
        versions = self.models[asked.name].versions
        if asked.version is None:
            return sorted(versions, reverse=True)
        if asked.version not in versions:
            raise RequestError(Reason.NOT_FOUND, f"Could not find version {asked.version} of model {asked.name}")
        return [asked.version]

    def _model(self, asked: Asked) -> ServedModel:
        if asked.name not in self.models:
            raise _not_found(asked)
        return self.models[asked.name]


def status_of(versions: Iterable[int]) -> get_model_status_pb2.GetModelStatusResponse:
    """Return the status of `versions`: all are loaded before a port opens, so each is available."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        item = response.model_version_status.add(
            version=version, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE
        )
        # An empty submessage, so that "OK" is printed.
        item.status.SetInParent()
    return response


def load_catalogue(configs: Sequence[ModelConfig]) -> Catalogue:
    """Load every version that the configuration asks for.

    Paths and labels of all models are checked before the first is loaded, which takes seconds.

    Raises:
        ServerError: a base path or version is missing, or a label points at a version that is not served.
        ModelError: a SavedModel cannot be loaded.
    """
    chosen = {config.name: choose_versions(config) for config in configs}
    for config in configs:
        for label, version in config.labels.items():
            if version not in chosen[config.name]:
                raise ServerError(
                    f'model "{config.name}": label "{label}" points at version {version}; '
                    f"expected one that is served: {', '.join(map(str, chosen[config.name]))}"
                )
    return Catalogue({config.name: _load(config, chosen[config.name]) for config in configs})


def choose_versions(config: ModelConfig) -> dict[int, Path]:
    """Return the version folders that the policy picks, by number.

    Folders whose name is not a number of 63 bits are versions still being copied, and are passed over.

    Raises:
        ServerError: the base path is missing, holds no version, or lacks one that is named.
    """
    where = f'model "{config.name}": {config.base_path}'
    if not config.base_path.is_dir():
        raise ServerError(f"{where}: no such folder; run tfspine export, or point at the folder it wrote")
    found = {
        int(path.name): path
        for path in sorted(config.base_path.iterdir())
        if path.is_dir() and path.name.isascii() and path.name.isdigit() and int(path.name) < 2**63
    }
    if not found:
        raise ServerError(f"{where}: no version in it; expected a folder named 1 with a SavedModel: run tfspine export")
    return _pick(found, config.policy, where)


def _pick(found: dict[int, Path], policy: VersionPolicy, where: str) -> dict[int, Path]:
    match policy:
        case AllVersions():
            return found
        case SpecificVersions(versions):
            missing = [version for version in versions if version not in found]
            if missing:
                raise ServerError(f"{where}: no version {missing[0]}; expected one of {', '.join(map(str, found))}")
            return {version: found[version] for version in versions}
        case LatestVersions(count):
            return {version: found[version] for version in sorted(found)[-count:]}


def _load(config: ModelConfig, folders: Mapping[int, Path]) -> ServedModel:
    versions = {}
    for version, folder in folders.items():
        _log.info("loading %s version %d from %s", config.name, version, folder)
        versions[version] = load_servable(config.name, folder)
    return ServedModel(config.name, versions, config.labels)


def _not_found(asked: Asked) -> RequestError:
    which = f"Latest({asked.name})" if asked.version is None else f"Specific({asked.name}, {asked.version})"
    return RequestError(Reason.NOT_FOUND, f"Servable not found for request: {which}")
