"""A model behind the REST port of TensorFlow Serving, or of ``tfspine serve``."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

import requests
from google.protobuf import json_format
from numpy.typing import ArrayLike

from tfspine.client.json_values import from_json, to_json
from tfspine.client.metadata import newest_available, read_signatures
from tfspine.client.signature_check import check_inputs, find_signature
from tfspine.client.tensors import Array
from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError
from tfspine.signatures import Signature


class RestPredictor:
    """One model of a server, by REST. Keeps its connection, and the signatures once asked for.

    Images travel as JSON numbers, several bytes a pixel: for anything but small images gRPC is quicker.
    """

    def __init__(self, url: str, model: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # Patient images take no detour through a proxy named in the environment.
        self._session.trust_env = False

    def predict(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """Call a signature: see `protocol.Predictor.predict`."""
        called = find_signature(self._signatures, signature, self._where)
        arrays = check_inputs(called, inputs, self._where)
        body = {"signature_name": signature, "inputs": {name: to_json(array) for name, array in arrays.items()}}
        # No spaces: a quarter less to send. NaN and Infinity are bare tokens, as the server reads them.
        answer = self._ask("POST", ":predict", json.dumps(body, separators=(",", ":")).encode())
        outputs = answer.get("outputs")
        if len(called.outputs) == 1:
            outputs = {called.outputs[0].name: outputs}
        missing = [spec.name for spec in called.outputs if not isinstance(outputs, dict) or spec.name not in outputs]
        if not isinstance(outputs, dict) or missing:
            raise ServerError(f"{self._where}: {signature}: the answer lacks {', '.join(missing)}")
        return {
            spec.name: from_json(outputs[spec.name], spec, f"{self._where}: {signature}: {spec.name}")
            for spec in called.outputs
        }

    def model_version(self) -> int:
        """Return the version that answers: the highest that is ready."""
        status = self._parse(self._ask("GET", ""), wire.GetModelStatusResponse())
        return newest_available(status, self._where)

    def signatures(self) -> Mapping[str, Signature]:
        """Return names, types and shapes of what each signature takes and gives."""
        return self._signatures

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @cached_property
    def _signatures(self) -> dict[str, Signature]:
        metadata = self._ask("GET", "/metadata").get("metadata", {})
        return read_signatures(self._parse(metadata.get("signature_def", {}), wire.SignatureDefMap()))

    @property
    def _where(self) -> str:
        return f"{self._url}: model {self._model}"

    def _parse(self, content: dict[str, Any], message: Any) -> Any:
        try:
            return json_format.ParseDict(content, message, ignore_unknown_fields=True)
        except json_format.ParseError as error:
            raise ServerError(f"{self._where}: not an answer of TensorFlow Serving: {error}") from None

    def _ask(self, method: str, suffix: str, body: bytes | None = None) -> dict[str, Any]:
        """Send one request and return the JSON object of the answer.

        Raises:
            ServerError: one line with the URL, the model and what to do.
        """
        url = f"{self._url}/v1/models/{quote(self._model, safe='')}{suffix}"
        try:
            answer = self._session.request(
                method, url, data=body, headers={"Content-Type": "application/json"}, timeout=self._timeout_s
            )
        except requests.Timeout:
            raise ServerError(
                f"{self._where}: no answer within {self._timeout_s:g} s; allow more time or send fewer images"
            ) from None
        except requests.RequestException as error:
            reason = " ".join(str(error).split())
            raise ServerError(
                f"nothing listens at {self._url}; start it with tfspine serve, or name another server ({reason})"
            ) from None
        try:
            content = answer.json()
        except requests.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            raise ServerError(f"{url}: answered {answer.status_code}, not JSON; is it the REST port of a model server?")
        if answer.status_code != requests.codes.ok:
            said = " ".join(str(content.get("error", "no reason given")).split())
            raise ServerError(f"{self._where}: {answer.status_code}: {said}")
        return content
