"""The doctor: names what is wrong and what to do."""

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from importlib import metadata

import pytest

from tfspine.cli import doctor as command
from tfspine.workflows import doctor
from tfspine.workflows.doctor import SystemCheck


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the import of TensorFlow, of which nothing here asks anything."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)


def packages() -> list[SystemCheck]:
    """Return what the doctor finds of packages: all but the machine."""
    machine = ("python", "decoder", "devices", "free", "port")
    return [finding for finding in doctor.doctor() if not finding.what.startswith(machine)]


def test_a_port_in_use_is_named_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        doctor.PORTS[port] = "test"
        try:
            findings = {finding.what: finding for finding in doctor.doctor()}
        finally:
            del doctor.PORTS[port]
    assert findings[f"port {port} (test)"].found == "in use"
    assert "--port" in findings[f"port {port} (test)"].remedy


def test_every_compression_that_hospitals_send_can_be_decoded_here() -> None:
    findings = [finding for finding in doctor.doctor() if finding.what.startswith("decoder")]
    assert [finding.what for finding in findings] == ["decoder JPEG", "decoder JPEG-LS", "decoder JPEG 2000"]
    assert [finding.what for finding in findings if finding.remedy] == []


def test_installed_packages_satisfy_the_requirements() -> None:
    assert [finding for finding in packages() if finding.remedy] == []


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    version = metadata.version

    def fake(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", fake)


def _ended(monkeypatch: pytest.MonkeyPatch, findings: Sequence[SystemCheck]) -> int:
    monkeypatch.setattr(command, "doctor", lambda: iter(findings))
    return command.run(argparse.Namespace(json=False))


def test_what_is_optional_is_called_so_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _without(monkeypatch, "ray", "aiohttp", "SimpleITK")
    found = packages()
    marks = {finding.what: (finding.mark, finding.optional) for finding in found if finding.remedy}
    assert marks == {
        "aiohttp": ("optional", "for tfspine serve"),
        "SimpleITK": ("optional", "for tfspine import"),
        "ray": ("optional", "for tfspine ingest --cluster"),
    }
    assert len({finding.what for finding in found}) == len(found)
    assert _ended(monkeypatch, found) == 0
    told = capsys.readouterr().out
    assert "optional  ray" in told
    assert "!!" not in told


def test_what_every_command_wants_is_not_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "pydicom")
    [wrong] = [finding for finding in packages() if finding.remedy]
    assert (wrong.what, wrong.mark) == ("pydicom", "!!")
    assert _ended(monkeypatch, [wrong]) == 1


def test_it_fits_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    remedy = "pip install -c constraints.txt " + "'something>=1' " * 9
    assert _ended(monkeypatch, [SystemCheck("a", "b", remedy, "for tfspine serve"), SystemCheck("c" * 22, "9.9")]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert told.count("'something>=1'") == 9


def test_a_program_is_told_what_is_optional(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "doctor", lambda: iter([SystemCheck("port", "in use", "another", "for tfspine serve")])
    )
    assert command.run(argparse.Namespace(json=True)) == 0
    assert json.loads(capsys.readouterr().out)[0]["optional"] == "for tfspine serve"
