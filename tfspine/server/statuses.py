"""The state of versions, as ModelService reports it."""

from collections.abc import Iterable

from tensorflow_serving.apis import get_model_status_pb2


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
