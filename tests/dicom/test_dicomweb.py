"""Fetching from a small server that misbehaves on purpose: waits, bounds, credentials, and what is never said."""

import contextlib
import ipaddress
import json
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pydicom
import pytest

from tfspine.cli.main import main
from tfspine.compat import UTC
from tfspine.dicom.dicomweb import Pacs, Query
from tfspine.dicom.pacs_connection import Server, connect_pacs, read_credentials
from tfspine.errors import ConfigError, PacsError
from tfspine.structures import pseudonym
from tfspine.workflows.fetch import credentials

PATIENT = "SECRET-77"
STUDY = "1.2.3"

Answer = Callable[[BaseHTTPRequestHandler], bool]
"""Answers a request in place of the ordinary answer; False leaves it to that."""


class Fake:
    """A DICOMweb server over the files of a folder; `misbehave` is asked first, at every request."""

    def __init__(self, files: list[Path]) -> None:
        self.instances = [(path, pydicom.dcmread(path)) for path in files]
        self.misbehave: Answer = lambda request: False
        self.page = 1000
        self.requests: list[tuple[str, str]] = []
        self.root = ""
        self.http: ThreadingHTTPServer

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, request.headers.get("Authorization", "")))
        if self.misbehave(request):
            return
        address = urlsplit(request.path)
        asked = {key: values[0] for key, values in parse_qs(address.query).items()}
        parts = address.path.strip("/").split("/")[1:]
        if parts == ["studies"]:
            self._list(request, asked, "StudyInstanceUID", self.instances)
        elif len(parts) == 3:
            chosen = [item for item in self.instances if item[1].StudyInstanceUID == parts[1]]
            self._list(request, asked, "SeriesInstanceUID", chosen)
        else:
            chosen = [item for item in self.instances if item[1].SeriesInstanceUID == parts[3]]
            reply_multipart(request, [path.read_bytes() for path, _ in chosen])

    def _list(
        self,
        request: BaseHTTPRequestHandler,
        asked: dict[str, str],
        level: str,
        found: list[tuple[Path, pydicom.Dataset]],
    ) -> None:
        groups: dict[str, list[pydicom.Dataset]] = {}
        for _, ds in found:
            asked_of_it = {
                keyword: value for keyword, value in asked.items() if keyword in ("StudyInstanceUID", "PatientID")
            }
            if all(str(ds[keyword].value) == value for keyword, value in asked_of_it.items()):
                groups.setdefault(str(ds[level].value), []).append(ds)
        entries = [
            {
                "0020000D": {"vr": "UI", "Value": [group[0].StudyInstanceUID]},
                "0020000E": {"vr": "UI", "Value": [group[0].SeriesInstanceUID]},
                "00080060": {"vr": "CS", "Value": [group[0].Modality]},
                "00100020": {"vr": "LO", "Value": [group[0].PatientID]},
                "00201209": {"vr": "IS", "Value": [len(group)]},
            }
            for group in groups.values()
        ]
        first = int(asked.get("offset", 0))
        count = min(int(asked.get("limit", self.page)), self.page)
        reply(request, json.dumps(entries[first : first + count]).encode(), "application/dicom+json")


def reply(
    request: BaseHTTPRequestHandler, body: bytes, kind: str = "text/html", status: int = 200, **headers: str
) -> bool:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)
    return True


def reply_multipart(request: BaseHTTPRequestHandler, parts: list[bytes]) -> bool:
    body = b"".join(b"\r\n--cut\r\nContent-Type: application/dicom\r\n\r\n" + part for part in parts) + b"\r\n--cut--"
    return reply(request, body, 'multipart/related; type="application/dicom"; boundary=cut')


@pytest.fixture
def fake(write_study: Callable[..., Path], tmp_path: Path) -> Iterator[Fake]:
    """Run the server over two studies of one patient, twelve images each."""
    write_study(tmp_path / "in" / "1", uid=STUDY, patient=PATIENT)
    write_study(tmp_path / "in" / "2", uid="1.2.4", patient=PATIENT)
    server = Fake(sorted(path for path in (tmp_path / "in").rglob("*") if path.is_file()))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                server.answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.http = http
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        server.root = f"http://127.0.0.1:{http.server_address[1]}/dicom-web"
        yield server
        http.shutdown()


def pacs(fake: Fake, **settings: object) -> Pacs:
    return Pacs(Server(fake.root, **{"timeout_s": 5.0, "first_wait_s": 0.01, **settings}))  # type: ignore[arg-type]


def is_image_request(request: BaseHTTPRequestHandler) -> bool:
    return re.fullmatch(r"/dicom-web/studies/[0-9.]+/series/[0-9.]+", request.path) is not None


def test_a_busy_server_is_asked_again_after_the_wait_that_it_names(fake: Fake, tmp_path: Path) -> None:
    busy = iter([(429, "1"), (503, None)])

    def misbehave(request: BaseHTTPRequestHandler) -> bool:
        if not is_image_request(request) or (answer := next(busy, None)) is None:
            return False
        status, wait_s = answer
        return reply(request, b"", status=status, **({"Retry_After": wait_s} if wait_s else {}))

    fake.misbehave = misbehave
    started = time.monotonic()
    fetched = pacs(fake).fetch_study(STUDY, tmp_path / "out", query=Query())
    assert fetched.instances == 12
    assert time.monotonic() - started > 1
    assert next(busy, None) is None


def test_a_wait_is_bounded_whatever_the_server_asks_for(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tfspine.dicom.pacs_connection.time.sleep", waits.append)
    fake.misbehave = lambda request: reply(request, b"", status=503, Retry_After="86400")
    with pytest.raises(PacsError, match="HTTP 503, 3 times"):
        pacs(fake, attempts=3, longest_wait_s=0.05).find_studies(Query(limit=1))
    assert waits == [0.05, 0.05]
    assert len(fake.requests) == 3


def test_a_silent_server_is_given_up(fake: Fake) -> None:
    def misbehave(request: BaseHTTPRequestHandler) -> bool:
        time.sleep(1)
        return True

    fake.misbehave = misbehave
    with pytest.raises(PacsError, match=re.escape("no answer within 0.2 s, 2 times")):
        pacs(fake, timeout_s=0.2, attempts=2).find_studies(Query(limit=1))


def test_a_refused_connection_is_tried_so_often_and_no_more() -> None:
    with pytest.raises(PacsError, match="the connection fails or breaks off, 3 times"):
        Pacs(Server("http://127.0.0.1:9", first_wait_s=0.01, attempts=3)).find_studies(Query(limit=1))


def test_an_answer_that_breaks_off_is_fetched_anew(fake: Fake, tmp_path: Path) -> None:
    broken = iter([True])

    def misbehave(request: BaseHTTPRequestHandler) -> bool:
        if not is_image_request(request) or not next(broken, False):
            return False
        request.send_response(200)
        request.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=cut')
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        request.wfile.write(b"\r\n--cut\r\nContent-Type: application/dicom\r\n\r\n" + fake.instances[0][0].read_bytes())
        request.close_connection = True
        return True

    fake.misbehave = misbehave
    fetched = pacs(fake).fetch_study(STUDY, tmp_path / "out", query=Query())
    assert (fetched.instances, len(list(fetched.folder.rglob("*.dcm")))) == (12, 12)
    assert next(broken, None) is None


def test_an_answer_without_end_is_cut_off_at_the_bound(fake: Fake, tmp_path: Path) -> None:
    sent = 0

    def misbehave(request: BaseHTTPRequestHandler) -> bool:
        nonlocal sent
        if not is_image_request(request):
            return False
        request.send_response(200)
        request.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=cut')
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while sent < 1 << 30:
            request.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            sent += 1 << 16
        return True

    fake.misbehave = misbehave
    with pytest.raises(PacsError, match="larger than 2 MiB; raise --largest-study-mib"):
        pacs(fake, largest_answer_bytes=2 << 20).fetch_study(STUDY, tmp_path / "out", query=Query())
    assert sent < 1 << 28
    assert list((tmp_path / "out").iterdir()) == []


def test_a_study_larger_than_the_bound_in_all_is_refused(fake: Fake, tmp_path: Path) -> None:
    """Each of the two series is within the bound, their sum is not: six files of about 1100 bytes each."""
    bound = sum(path.stat().st_size for path, ds in fake.instances if ds.StudyInstanceUID == STUDY) * 3 // 4
    with pytest.raises(PacsError, match="the study is larger"):
        pacs(fake, largest_answer_bytes=bound).fetch_study(STUDY, tmp_path / "out", query=Query())


@pytest.mark.parametrize("body", [b"not DICOM", b"\0" * 128 + b"DICM" + b"\xff" * 64])
def test_damaged_images_refuse_their_study_alone(fake: Fake, tmp_path: Path, body: bytes) -> None:
    fake.misbehave = lambda request: f"/{STUDY}/series/" in request.path and reply_multipart(request, [body])
    words = ["--study-uid", STUDY, "--study-uid", "1.2.4", "--out", str(tmp_path / "out")]
    assert main(["fetch", fake.root, *words]) == 1
    assert [path.name for path in (tmp_path / "out" / "dicom").iterdir()] == [pseudonym("1.2.4")]
    refused = pd.read_csv(tmp_path / "out" / "refused.csv", dtype=str)
    assert refused.study_instance_uid.tolist() == [STUDY]
    assert "not DICOM" in refused.reason[0]


def test_an_image_of_another_study_is_not_taken(fake: Fake, tmp_path: Path) -> None:
    foreign = next(path for path, ds in fake.instances if ds.StudyInstanceUID == "1.2.4").read_bytes()
    fake.misbehave = lambda request: is_image_request(request) and reply_multipart(request, [foreign])
    with pytest.raises(PacsError, match="an image of another series"):
        pacs(fake).fetch_study(STUDY, tmp_path / "out", query=Query())


def test_a_server_that_ignores_the_question_hands_over_nobody_else(fake: Fake) -> None:
    fake.instances = [(path, ds) for path, ds in fake.instances if ds.StudyInstanceUID == STUDY]
    entry = {"0020000D": {"vr": "UI", "Value": [STUDY]}, "00100020": {"vr": "LO", "Value": ["SOMEBODY ELSE"]}}
    fake.misbehave = lambda request: reply(request, json.dumps([entry]).encode(), "application/dicom+json")
    found = pacs(fake).find_studies(Query(patient_ids=(PATIENT,)))
    assert found.study_instance_uids == ()
    assert [item.reason for item in found.missing] == ["the server has no such study; entry 1 of the patients"]


def test_short_pages_are_not_the_end(fake: Fake) -> None:
    fake.page = 1
    assert pacs(fake).find_studies(Query(limit=9)).study_instance_uids == (STUDY, "1.2.4")


def test_a_server_that_ignores_offset_ends_too(fake: Fake) -> None:
    entry = {"0020000D": {"vr": "UI", "Value": [STUDY]}}
    fake.misbehave = lambda request: reply(request, json.dumps([entry]).encode(), "application/dicom+json")
    assert pacs(fake).find_studies(Query(limit=9)).study_instance_uids == (STUDY,)
    assert len(fake.requests) == 2


def test_a_redirect_is_not_followed(fake: Fake) -> None:
    fake.misbehave = lambda request: reply(request, b"", status=302, Location="http://127.0.0.1:9/elsewhere")
    with pytest.raises(PacsError, match="the server redirects"):
        pacs(fake).find_studies(Query(patient_ids=(PATIENT,)))
    assert len(fake.requests) == 1


def test_a_page_for_people_is_not_an_answer(fake: Fake) -> None:
    fake.misbehave = lambda request: reply(request, b"<html>Please log in</html>")
    with pytest.raises(PacsError, match="not DICOM JSON"):
        pacs(fake).find_studies(Query(limit=1))


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("bearer abc.def", "Bearer abc.def"),
        ("Basic Aladdin:open sesame\n", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # the example of RFC 7617, section 2
        ("basic test:123\u00a3", "Basic dGVzdDoxMjPCow=="),  # its example of UTF-8, section 2.1
    ],
)
def test_credentials_from_a_file_or_the_environment(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, header: str
) -> None:
    (tmp_path / "auth").write_text(text, encoding="utf-8")
    words = ["fetch", fake.root, "--study-uid", STUDY]
    assert main([*words, "--out", str(tmp_path / "one"), "--auth-file", str(tmp_path / "auth")]) == 0
    monkeypatch.setenv("TFSPINE_PACS_CREDENTIALS", text)
    assert main([*words, "--out", str(tmp_path / "two")]) == 0
    assert {sent for _, sent in fake.requests} == {header}


def test_an_empty_variable_holds_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFSPINE_PACS_CREDENTIALS", "")
    assert credentials() is None


def test_a_login_of_another_program_is_not_used(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    pacs(fake).find_studies(Query(limit=1))
    assert {sent for _, sent in fake.requests} == {""}


@pytest.mark.parametrize("text", ["", "hunter2", "basic hunter2", "bearer", "bearer hunter2\nbasic a:b", "digest a:b"])
def test_unusable_credentials_are_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match=r"auth\.txt: expected one line") as raised:
        read_credentials(text, source="auth.txt")
    assert "hunter2" not in str(raised.value)


def test_credentials_show_in_no_representation() -> None:
    server = Server("https://pacs/dicom-web", credentials=read_credentials("bearer hunter2", source="auth.txt"))
    assert "hunter2" not in repr(server)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://pacs.example/dicom-web", "use https, or give --insecure-http"),
        ("http://127.0.0.1.example/dicom-web", "use https"),
        ("ftp://127.0.0.1/dicom-web", "expected the root"),
        ("pacs.example", "expected the root"),
        ("https://pacs.example/dicom-web?a=b", "expected the root"),
        ("https://reader:hunter2@pacs.example/dicom-web", "put them into a file"),
    ],
)
def test_addresses_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        connect_pacs(Server(url))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://localhost:1/d", "http://127.8.8.8/d", "http://[::1]:8042/d", "https://pacs/d"])
def test_addresses_that_are_taken(url: str) -> None:
    connect_pacs(Server(url))


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that its own key has signed, and that key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "server.pem", folder / "key.pem"


def test_certificates_are_checked_and_ca_file_is_the_remedy(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    fake.http.socket = context.wrap_socket(fake.http.socket, server_side=True)
    fake.root = fake.root.replace("http:", "https:")
    with pytest.raises(PacsError, match=r"certificate is not trusted; name that of its authority with --ca-file$"):
        pacs(fake).find_studies(Query(limit=1))
    # requests would prefer this variable to what the program says.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    assert len(pacs(fake, ca_file=certificate).find_studies(Query(limit=9)).study_instance_uids) == 2


def test_plain_http_is_taken_where_it_is_asked_for() -> None:
    connect_pacs(Server("http://pacs.example/dicom-web", insecure_http=True))


def test_nothing_that_is_logged_or_printed_names_the_patient(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "patients").write_text(f"{PATIENT}\nNOBODY-88\n")
    out = ["--out", str(tmp_path / "out"), "--patient-id-file", str(tmp_path / "patients")]
    with caplog.at_level(logging.DEBUG):
        assert main(["fetch", fake.root, *out, "--verbose"]) == 1  # NOBODY-88 is not there
    fake.misbehave = lambda request: reply(request, b"", status=500)
    assert main(["fetch", fake.root, *out, "--verbose"]) == 2
    assert any(PATIENT in path for path, _ in fake.requests)
    captured = capsys.readouterr()
    listed = (tmp_path / "out" / "refused.csv").read_text() + (tmp_path / "out" / "manifest.json").read_text()
    for text in (captured.out, captured.err, caplog.text, listed):
        for name in (PATIENT, "NOBODY-88", "Doe"):
            assert name not in text
    assert "entry 2 of the patients" in listed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "choose studies with"),
        (["--date", "2024-01-01"], "expected YYYYMMDD-YYYYMMDD"),
        (["--date", "20240230-20240301"], "expected YYYYMMDD-YYYYMMDD"),
        (["--date", "20240301-20240201"], "ends before it begins"),
        (["--date", "-"], "one end at least"),
        (["--limit", "0"], "--limit 0; expected 1 or more"),
        (["--study-uid", "../1"], "expected numbers with dots between"),
        (["--limit", "1", "--attempts", "0"], "--attempts 0; expected a number above 0"),
        (["--limit", "1", "--ca-file", "/nowhere.pem"], "/nowhere.pem: no such file"),
        (["--limit", "1", "--auth-file", "/nowhere"], "/nowhere: cannot be read"),
        (["--patient-id-file", "/nowhere"], "/nowhere: cannot be read"),
    ],
)
def test_wrong_usage_is_one_line_and_asks_nothing(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["fetch", fake.root, "--out", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert fake.requests == []
    assert not (tmp_path / "out").exists()


def test_a_wildcard_among_the_patients_is_refused_by_its_line(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "patients").write_text("A-1\nA-*\n")
    words = ["--out", str(tmp_path / "out"), "--patient-id-file", str(tmp_path / "patients")]
    assert main(["fetch", fake.root, *words]) == 2
    line = capsys.readouterr().err
    assert "line 2" in line and "A-*" not in line


def test_two_fetches_into_one_folder_do_not_mix(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl

    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["fetch", fake.root, "--out", str(tmp_path / "out"), "--study-uid", STUDY]) == 2
    assert "another tfspine fetch is writing there" in capsys.readouterr().err


def test_when_nothing_can_be_had_the_first_reason_is_told(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.misbehave = lambda request: is_image_request(request) and reply(request, b"", status=410)
    assert main(["fetch", fake.root, "--out", str(tmp_path / "out"), "--limit", "5"]) == 2
    assert "no study could be fetched; HTTP 410" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "out" / "refused.csv")) == 2
