"""The connection to a DICOMweb server: who we are, whom we trust, how long we wait, how much we take.

`dicomweb-client` speaks the protocol. What it leaves open is closed here: a bound on what is read, waits that end,
retries of broken connections, no redirects (they could carry a patient's ID elsewhere), no credentials but those
that were named, and errors of one line that repeat neither addresses nor answers, since both may name a patient.
Bounded are the silence between two packets and the number of bytes; a server that trickles is slow, not an error.
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
"""A server that answers one of these may answer otherwise in a while; 429 and 503 may say when (RFC 9110, 10.2.3)."""

TALKATIVE_LOGGERS = ("dicomweb_client", "urllib3")
"""They log addresses, and the address of a search holds the PatientID."""


@dataclass(frozen=True)
class Server:
    """A DICOMweb server and how to speak with it.

    Attributes:
        url: the root below which lies `/studies`.
        credentials: from `read_credentials`; None where the server asks for none.
        ca_file: certificates (PEM) to trust in place of those that requests ships.
        insecure_http: allow `http:` to other machines than this one.
        timeout_s: seconds for a connection, and of silence on it.
        attempts: how often a request is sent in all.
        first_wait_s: seconds before the second attempt, twice as many before each further one.
        longest_wait_s: bound of a wait, also of one that the server asks for.
        largest_answer_bytes: bound of one answer after decompression: of one series, or one page of a list.
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


def connect(server: Server) -> DICOMwebClient:
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
    # From the environment come the proxies alone: else requests would take logins from .netrc, and prefer the
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
    client.set_http_retry_params(retry=False)  # its waits have no bound, and it gives up on a broken connection
    return client


def patiently(server: Server, call: Callable[[], T]) -> T:
    """Call, and call again after a wait while the server is busy or the connection breaks.

    Raises:
        PacsLoginError: the server wants other credentials.
        PacsError: any other refusal, or the attempts are used up; the message is the reason.
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
        ConfigError: the text says something else; the message does not repeat it.
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
    """Sends a token that an identity provider gave (RFC 6750)."""

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
            f"{server.url}: http to another machine shows images and credentials to everyone between; "
            "use https, or say --insecure-http"
        )
    return address


def _is_loopback(address: SplitResult) -> bool:
    host = address.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _BoundedAdapter(HTTPAdapter):
    """Sends requests with the Host that HTTP asks for, and bounds what comes back."""

    def __init__(self, largest_bytes: int) -> None:
        super().__init__()
        self._largest_bytes = largest_bytes

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send without the Host of `dicomweb-client`, which lacks the port; http.client adds the whole one."""
        request.headers.pop("Host", None)
        response = super().send(request, *args, **kwargs)
        response.raw = _BoundedBody(response.raw, self._largest_bytes)
        return response


class _BoundedBody:
    """A body of urllib3 that refuses to be read past a number of bytes."""

    def __init__(self, body: Any, largest_bytes: int) -> None:
        self._body = body
        self._largest_bytes = largest_bytes

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Yield what the body yields while it is within the bound."""
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
    """Return the seconds that the server asks to be left alone for, a number or a date, or else ours."""
    asked = "" if error.response is None else error.response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # absent, or a date without its zone
        return otherwise_s


def _reason(error: requests.RequestException, server: Server) -> str:
    """Say what went wrong without requests' words: they repeat the address, with the patient's ID in it."""
    status = _status(error)
    match error:
        case _ if status == 401:
            given = "refuses the credentials" if server.credentials is not None else "asks for credentials"
            return f"HTTP 401: the server {given}; see --auth-file"
        case _ if status == 403:
            return "HTTP 403: these credentials may not do this; ask the server's keeper"
        case _ if status == 404:
            return "HTTP 404: not found at this server; is the address the root of its DICOMweb service?"
        case requests.TooManyRedirects():
            return "the server redirects elsewhere; name the final address"
        case _ if status is not None and status >= 400:
            return f"HTTP {status}"
        case requests.exceptions.SSLError():
            return "the server's certificate is not to be trusted; name its authority's with --ca-file"
        case requests.exceptions.ProxyError():
            return "the proxy that the environment names refuses or cannot be reached"
        case requests.Timeout():
            return f"no answer within {server.timeout_s:g} s"
        case requests.exceptions.InvalidJSONError():
            return "the answer is not DICOM JSON; is the address the root of a DICOMweb service?"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "the connection fails or breaks off"
        case _:
            return f"the request failed with {type(error).__name__}"
