"""Versions come and go while the server runs: load before unload; one that cannot be loaded changes nothing."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc
import tensorflow as tf

from tfspine.errors import ModelError, ServerError
from tfspine.server.catalogue import Catalogue, ServedModel, State, VersionState
from tfspine.server.config_file import ModelConfig
from tfspine.server.loading import LoadOptions, load_servable
from tfspine.server.request_error import RequestError, failed_precondition, invalid
from tfspine.server.version_folders import choose_versions, find_versions, pick_versions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LifecycleOptions:
    """How versions are loaded, and what labels may do.

    Attributes:
        load: threads, memory, batching, warm-up.
        retries: how often a failed load is tried again.
        retry_interval_s: how long after the failure, in seconds.
        labels_before_versions: whether a new label may point at a version that is not loaded yet.
    """

    load: LoadOptions = field(default_factory=LoadOptions)
    retries: int = 0
    retry_interval_s: float = 0.0
    labels_before_versions: bool = False


class Lifecycle:
    """Brings the catalogue in line with the configuration and the folders on disk."""

    def __init__(self, options: LifecycleOptions = LifecycleOptions()) -> None:
        self.catalogue = Catalogue()
        self._options = options
        self._configs: dict[str, ModelConfig] = {}
        self._failed: dict[tuple[str, Path], set[int]] = {}
        self._changing = threading.RLock()

    def start(self, configs: Sequence[ModelConfig]) -> None:
        """Load what the configuration asks for. One version that can be loaded is enough for each model.

        Paths and labels of all models are checked before the first is loaded, which takes seconds.

        Raises:
            ServerError: a base path or version is missing, or a label points at a version that is not served.
            ModelError: no version of a model can be loaded.
        """
        chosen = {config.name: choose_versions(config) for config in configs}
        for config in configs:
            self._check_labels_at_start(config, chosen[config.name])
        with self._changing:
            self._apply(configs)
        for config in configs:
            model = self.catalogue.get(config.name)
            if not model.versions:
                errors = [str(state.error) for _, state in sorted(model.states.items()) if state.error is not None]
                raise ModelError(errors[-1] if errors else f'model "{config.name}": no version could be loaded')

    def reload(self, configs: Sequence[ModelConfig]) -> None:
        """Replace the configuration while the server runs.

        Raises:
            RequestError: a base path is missing, a label points at a version that is not available, or no version of
                a new model could be loaded.
        """
        with self._changing:
            new = [config for config in configs if config.name not in self._configs]
            for config in configs:
                self._check_labels(config)
                if find_versions(config.base_path) is None:
                    raise invalid(f"Could not find base path {config.base_path} for servable {config.name}")
            self._apply(configs)
            lacking = [model for model in (self.catalogue.get(config.name) for config in new) if not model.versions]
            if lacking:
                raise RequestError(grpc.StatusCode.UNKNOWN, _unavailable(lacking))

    def poll(self) -> None:
        """Look at the base paths: load versions that have come, unload those that are gone."""
        with self._changing:
            for config in list(self._configs.values()):
                self._update(config)

    def _apply(self, configs: Sequence[ModelConfig]) -> None:
        gone = set(self._configs) - {config.name for config in configs}
        self._configs = {config.name: config for config in configs}
        for config in configs:
            self.catalogue.put(replace(self.catalogue.get(config.name), labels=dict(config.labels)))
        for config in configs:
            self._update(config)
        for name in gone:
            self.catalogue.put(replace(self.catalogue.get(name), labels={}))
            self._unload(name, keep=())

    def _check_labels_at_start(self, config: ModelConfig, chosen: Mapping[int, Path]) -> None:
        for label, version in config.labels.items():
            if version not in chosen and not self._options.labels_before_versions:
                raise ServerError(
                    f'model "{config.name}": label "{label}" points at version {version}; '
                    f"expected one that is served: {', '.join(map(str, chosen))}"
                )

    def _check_labels(self, config: ModelConfig) -> None:
        model = self.catalogue.get(config.name)
        for label, version in config.labels.items():
            is_new = model.labels.get(label, version) == version
            if version not in model.versions and not (self._options.labels_before_versions and is_new):
                raise failed_precondition(
                    f"Request to assign label to version {version} of model {config.name}, which is not currently "
                    "available for inference"
                )

    def _update(self, config: ModelConfig) -> None:
        """Load first, then unload; a version that fails is passed over, so that the next lower one stays or comes."""
        found = find_versions(config.base_path)
        if found is None:
            _log.warning("%s: no such folder; %s stays as it is", config.base_path, config.name)
            return
        failed = self._failed.setdefault((config.name, config.base_path), set())
        while True:
            wanted = pick_versions(found, config.policy, failed)
            missing = sorted(set(wanted) - set(self.catalogue.get(config.name).versions), reverse=True)
            if not missing:
                break
            if not self._load(config.name, missing[0], wanted[missing[0]]):
                failed.add(missing[0])
        self._unload(config.name, keep=tuple(wanted))

    def _load(self, name: str, version: int, folder: Path) -> bool:
        _log.info("loading %s version %d from %s", name, version, folder)
        self._set_state(name, version, VersionState(State.LOADING))
        for attempt in range(self._options.retries + 1):
            try:
                servable = load_servable(name, folder, self._options.load)
            except (ModelError, ServerError) as error:
                _log.error("%s version %d cannot be loaded: %s", name, version, error)
                self._set_state(name, version, VersionState(State.END, _load_error(error, folder)))
                if attempt < self._options.retries:
                    time.sleep(self._options.retry_interval_s)
                continue
            model = self.catalogue.get(name)
            states = dict(model.states) | {version: VersionState(State.AVAILABLE)}
            self.catalogue.put(replace(model, versions=dict(model.versions) | {version: servable}, states=states))
            return True
        return False

    def _unload(self, name: str, keep: Sequence[int]) -> None:
        model = self.catalogue.get(name)
        gone = [version for version in model.versions if version not in keep]
        if not gone:
            return
        _log.info("unloading %s version %s", name, ", ".join(map(str, gone)))
        states = dict(model.states) | {version: VersionState(State.END) for version in gone}
        versions = {version: servable for version, servable in model.versions.items() if version in keep}
        self.catalogue.put(replace(model, versions=versions, states=states))

    def _set_state(self, name: str, version: int, state: VersionState) -> None:
        model = self.catalogue.get(name)
        self.catalogue.put(replace(model, states=dict(model.states) | {version: state}))


def _load_error(error: Exception, folder: Path) -> RequestError:
    """Return what the status of a version says: the runtime's error where there is one."""
    cause = error.__cause__
    if isinstance(cause, RequestError):
        return RequestError(cause.code, str(error))
    if isinstance(cause, tf.errors.OpError):
        codes = {code.value[0]: code for code in grpc.StatusCode}
        return RequestError(codes.get(cause.error_code, grpc.StatusCode.UNKNOWN), str(error))
    if not (folder / "saved_model.pb").is_file():
        return RequestError(grpc.StatusCode.NOT_FOUND, str(error))
    return RequestError(grpc.StatusCode.UNKNOWN, str(error))


def _unavailable(models: Sequence[ServedModel]) -> str:
    parts = []
    for model in models:
        for version, state in model.states.items():
            reason = f" due to error: {state.error.code.name}: {state.error}" if state.error else ""
            parts.append(f"{{{{name: {model.name} version: {version}}}{reason}}}, ")
    return f"{len(models)} model(s) did not become available: {{{''.join(parts)}}}"
