"""The connection to a DICOMweb server: credentials, certificates, time limits and size limits.

`dicomweb-client` implements the protocol. This module adds a limit on the bytes read, limited waits, retries of broken
connections, no redirects (they could send a patient's ID elsewhere), no credentials other than the given ones, and
one-line errors that quote neither addresses nor answers, since both may identify a patient. The time without data and
the number of bytes are limited; a server that sends slowly is not an error.
"""

import ipaddress
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import requests
from dicomweb_client.web import DICOMwebClient
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from tfspine.compat import UTC
from tfspine.errors import ConfigError, PacsError, PacsLoginError

T = TypeVar("T")

CHUNK_BYTES = 1 << 16
PASSING_STATUSES = frozenset({408, 429, 502, 503, 504})
"""Status codes after which a later attempt may succeed; 429 and 503 may say when (RFC 9110, 10.2.3)."""

TALKATIVE_LOGGERS = ("dicomweb_client", "urllib3")
"""These loggers log addresses, and the address of a search contains the PatientID."""


@dataclass(frozen=True)
class Server:
    """A DICOMweb server and the settings of the connection to it.

    Attributes:
        url: the root URL, to which `/studies` is appended.
        credentials: from `read_credentials`; None if the server requires none.
        ca_file: certificates (PEM) to trust in place of those that requests ships.
        insecure_http: allow `http:` to other machines than this one.
        timeout_s: seconds to wait for a connection, and for data on it.
        attempts: total number of times that a request is sent.
        first_wait_s: seconds before the second attempt, doubled before each further one.
        longest_wait_s: limit of a wait, even if the server requests a longer one.
        largest_answer_bytes: limit of one answer after decompression: of one series, or one page of a list.
    """

    url: str
    credentials: AuthBase | None = field(default=None, repr=False)
    ca_file: Path | None = None
    insecure_http: bool = False
    timeout_s: float = 30.0
    attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    largest_answer_bytes: int = 4 << 30


def connect_pacs(server: Server) -> DICOMwebClient:
    """Return a client of the server; nothing is sent yet.

    Raises:
        ConfigError: the address or the file of certificates cannot be used.
    """
    address = _checked_address(server)
    if server.ca_file is not None and not server.ca_file.is_file():
        raise ConfigError(f"{server.ca_file}: no such file; expected certificates in PEM")
    for name in TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    # Only the proxies are taken from the environment; otherwise requests would read logins from .netrc and prefer the
    # environment's certificates to ours.
    session.trust_env = False
    session.proxies.update({} if _is_loopback(address) else requests.utils.get_environ_proxies(server.url))
    session.auth = server.credentials
    session.verify = True if server.ca_file is None else str(server.ca_file)
    session.max_redirects = 0
    session.mount(f"{address.scheme}://", _BoundedAdapter(server.largest_answer_bytes))
    client = DICOMwebClient(
        server.url.rstrip("/"), session=session, chunk_size=CHUNK_BYTES, timeout=(server.timeout_s, server.timeout_s)
    )
    client.set_http_retry_params(retry=False)  # its retries wait without a limit and give up on a broken connection
    return client


def patiently(server: Server, call: Callable[[], T]) -> T:
    """Call, and call again after a wait if the server is busy or the connection breaks.

    Raises:
        PacsLoginError: the server requires other credentials.
        PacsError: any other refusal, or all attempts failed; the message is the reason.
    """
    for attempt in itertools.count(1):
        try:
            return call()
        except requests.RequestException as error:
            if not _may_pass(error) or attempt >= server.attempts:
                tried = f", {attempt} times" if attempt > 1 else ""
                kind = PacsLoginError if _status(error) == 401 else PacsError
                raise kind(f"{_reason(error, server)}{tried}") from None
            time.sleep(min(_wait_s(error, server.first_wait_s * 2 ** (attempt - 1)), server.longest_wait_s))
    raise AssertionError("unreachable")


def read_credentials(text: str, *, source: str) -> AuthBase:
    """Read the line `bearer TOKEN` or `basic USER:PASSWORD`; `source` names its file or variable in messages.

    Raises:
        ConfigError: the text has another form; the message does not quote it.
    """
    scheme, _, secret = text.strip().partition(" ")
    secret = secret.strip()
    if secret and "\n" not in secret:
        if scheme.lower() == "bearer":
            return BearerAuth(secret)
        user, colon, password = secret.partition(":")
        if scheme.lower() == "basic" and colon:
            return HTTPBasicAuth(user.encode(), password.encode())
    raise ConfigError(f"{source}: expected one line, bearer TOKEN or basic USER:PASSWORD")


class BearerAuth(AuthBase):
    """Sends a token issued by an identity provider (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _checked_address(server: Server) -> SplitResult:
    address = urlsplit(server.url)
    if address.scheme not in ("http", "https") or not address.hostname or address.query or address.fragment:
        raise ConfigError(f"{server.url}: expected the root of a DICOMweb server, such as https://pacs:8443/dicom-web")
    if address.username or address.password:
        raise ConfigError("the address holds credentials, which others can see; put them into a file: --auth-file")
    if address.scheme == "http" and not server.insecure_http and not _is_loopback(address):
        raise ConfigError(
            f"{server.url}: http to another machine sends images and credentials unencrypted; "
            "use https, or give --insecure-http"
        )
    return address


def _is_loopback(address: SplitResult) -> bool:
    host = address.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _BoundedAdapter(HTTPAdapter):
    """Sends requests with the Host header that HTTP requires, and limits the size of the answers."""

    def __init__(self, largest_bytes: int) -> None:
        super().__init__()
        self._largest_bytes = largest_bytes

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send without the Host header of `dicomweb-client`, which lacks the port; http.client adds a complete one."""
        request.headers.pop("Host", None)
        response = super().send(request, *args, **kwargs)
        response.raw = _BoundedBody(response.raw, self._largest_bytes)
        return response


class _BoundedBody:
    """A urllib3 response body that raises an error beyond a number of bytes."""

    def __init__(self, body: Any, largest_bytes: int) -> None:
        self._body = body
        self._largest_bytes = largest_bytes

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Yield the body's data up to the limit."""
        taken = 0
        for chunk in self._body.stream(*args, **kwargs):
            taken += len(chunk)
            if taken > self._largest_bytes:
                self._body.close()
                raise PacsError(f"the answer is larger than {self._largest_bytes >> 20} MiB; raise --largest-study-mib")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _may_pass(error: requests.RequestException) -> bool:
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return False
    broken = requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
    return isinstance(error, broken) or _status(error) in PASSING_STATUSES


def _status(error: requests.RequestException) -> int | None:
    return None if error.response is None else error.response.status_code


def _wait_s(error: requests.RequestException, otherwise_s: float) -> float:
    """Return the seconds to wait that the server requests, as a number or a date, or else our own default."""
    asked = "" if error.response is None else error.response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # absent, or a date without its zone
        return otherwise_s


def _reason(error: requests.RequestException, server: Server) -> str:
    """Describe the error without the message of requests, which contains the address and in it the patient's ID."""
    status = _status(error)
    match error:
        case _ if status == 401:
            given = "refuses the credentials" if server.credentials is not None else "asks for credentials"
            return f"HTTP 401: the server {given}; see --auth-file"
        case _ if status == 403:
            return "HTTP 403: these credentials do not permit this; ask the server's administrator"
        case _ if status == 404:
            return "HTTP 404: not found at this server; is the address the root of its DICOMweb service?"
        case requests.TooManyRedirects():
            return "the server redirects elsewhere; name the final address"
        case _ if status is not None and status >= 400:
            return f"HTTP {status}"
        case requests.exceptions.SSLError():
            return "the server's certificate is not trusted; name that of its authority with --ca-file"
        case requests.exceptions.ProxyError():
            return "the proxy set in the environment refuses or cannot be reached"
        case requests.Timeout():
            return f"no answer within {server.timeout_s:g} s"
        case requests.exceptions.InvalidJSONError():
            return "the answer is not DICOM JSON; is the address the root of a DICOMweb service?"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "the connection fails or breaks off"
        case _:
            return f"the request failed with {type(error).__name__}"
