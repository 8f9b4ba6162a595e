"""The doctor: names what is wrong and what to do."""

import socket

from tfspine.cli import doctor


def test_a_port_in_use_is_named_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        doctor.PORTS[port] = "test"
        try:
            findings = {finding.what: finding for finding in doctor._ports()}
        finally:
            del doctor.PORTS[port]
    assert findings[f"port {port} (test)"].found == "in use"
    assert "--port" in findings[f"port {port} (test)"].remedy


def test_every_compression_that_hospitals_send_can_be_decoded_here() -> None:
    findings = list(doctor._decoders())
    assert [finding.what for finding in findings] == ["decoder JPEG", "decoder JPEG-LS", "decoder JPEG 2000"]
    assert [finding.what for finding in findings if finding.remedy] == []


def test_installed_packages_satisfy_the_requirements() -> None:
    assert [finding for finding in doctor._packages() if finding.remedy] == []
