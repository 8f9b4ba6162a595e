"""The models that are served, found by name and by version or label, and the state of their versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorflow_serving.apis import get_model_status_pb2, model_pb2

from tfspine.server.request_error import RequestError, invalid, not_found
from tfspine.server.servables import Servable

State = get_model_status_pb2.ModelVersionStatus


@dataclass(frozen=True)
class Asked:
    """Which model a request names. Without version and label the highest version answers."""

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class VersionState:
    """How far a version is: a number of `ModelVersionStatus.State`, and why it could not be loaded."""

    state: int
    error: RequestError | None = None


@dataclass(frozen=True)
class ServedModel:
    """The loaded versions of one model, the labels that point at some of them, and what happened to each version."""

    name: str
    versions: Mapping[int, Servable] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[int, VersionState] = field(default_factory=dict)


class Catalogue:
    """Every model that is served, by name. A model is replaced as a whole, so that readers need no lock."""

    def __init__(self, models: Mapping[str, ServedModel] | None = None) -> None:
        self._models = dict(models or {})

    def get(self, name: str) -> ServedModel:
        """Return a model, without any version where the name is new."""
        return self._models.get(name, ServedModel(name))

    def put(self, model: ServedModel) -> None:
        """Replace a model."""
        self._models[model.name] = model

    def find(self, asked: Asked) -> Servable:
        """Return the version that answers a request.

        Raises:
            RequestError: no such model, version or label.
        """
        if not asked.name:
            raise invalid("ModelSpec has no name specified.")
        model = self.get(asked.name)
        version = asked.version
        if asked.label is not None:
            if asked.label not in model.labels:
                raise invalid(f"Unrecognized servable version label: {asked.label}")
            version = model.labels[asked.label]
        if version is None:
            if not model.versions:
                raise not_found(f"Servable not found for request: Latest({asked.name})")
            return model.versions[max(model.versions)]
        if version not in model.versions:
            raise not_found(f"Servable not found for request: Specific({asked.name}, {version})")
        return model.versions[version]

    def status(self, asked: Asked) -> get_model_status_pb2.GetModelStatusResponse:
        """Return the state of the version that is asked about, or of all, highest first; a label means all, too.

        Raises:
            RequestError: no such model or version.
        """
        model = self.get(asked.name)
        states = {version: VersionState(State.AVAILABLE) for version in model.versions} | dict(model.states)
        if asked.version is not None:
            if asked.version not in states:
                raise not_found(f"Could not find version {asked.version} of model {asked.name}")
            states = {asked.version: states[asked.version]}
        if not states:
            raise not_found(f"Could not find any versions of model {asked.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, state in sorted(states.items(), reverse=True):
            item = response.model_version_status.add(version=version, state=state.state)
            # An empty submessage, so that "OK" is printed.
            item.status.SetInParent()
            if state.error is not None:
                item.status.error_code = state.error.code.value[0]
                item.status.error_message = str(state.error)
        return response


def asked_by(spec: model_pb2.ModelSpec) -> Asked:
    """Return which model a gRPC request names."""
    choice = spec.WhichOneof("version_choice")
    return Asked(
        spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
    )
