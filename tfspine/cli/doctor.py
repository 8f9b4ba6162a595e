"""``tfspine doctor``: what is wrong with this installation, and what to do about it."""

import argparse
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PORTS = {8500: "gRPC", 8501: "REST"}
MEMORY_GIB = 8
DISK_GIB = 5

CODECS = {"JPEG": "JPEG8", "JPEG-LS": "JPEGLS", "JPEG 2000": "JPEG2K"}
"""What MR pixels are compressed as, and the codec of imagecodecs that reads it; pydicom itself reads RLE."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` is empty where all is well."""

    what: str
    found: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine doctor``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if something needs a remedy."""
    findings = list(examine())
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            mark, remedy = ("!!", f"  -> {finding.remedy}") if finding.remedy else ("ok", "")
            print(f"{mark}  {finding.what:<{width}}  {finding.found}{remedy}")
    return int(any(finding.remedy for finding in findings))


def examine() -> Iterator[Finding]:
    """Look at Python, packages, decoders, devices, memory, disk and ports, in that order."""
    yield _python()
    yield from _packages()
    yield from _decoders()
    yield _devices()
    yield _memory()
    yield _disk()
    yield from _ports()


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    is_right = sys.version_info[:2] == (3, 11)
    return Finding("python", found, "" if is_right else "make a virtual environment with Python 3.11")


def _packages() -> Iterator[Finding]:
    """Compare what is installed with what tfspine's own metadata asks for."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        required = metadata.requires("tfspine") or []
    except metadata.PackageNotFoundError:
        yield Finding("tfspine", "not installed", "pip install -e . -c constraints.txt")
        return
    for text in required:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": "server"}):
            continue
        install = f"pip install -c constraints.txt '{requirement.name}{requirement.specifier}'"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(requirement.name, "missing", install)
            continue
        yield Finding(requirement.name, version, "" if requirement.specifier.contains(version) else install)


def _decoders() -> Iterator[Finding]:
    """Say for each way in which MR pixels are compressed whether it can be decoded here."""
    try:
        import imagecodecs
    except ImportError:
        return  # `_packages` has said so
    for name, codec_name in CODECS.items():
        codec = getattr(imagecodecs, codec_name)
        remedy = "" if codec.available else "pip install --force-reinstall -c constraints.txt imagecodecs"
        yield Finding(f"decoder {name}", "imagecodecs" if codec.available else "no decoder", remedy)


def _devices() -> Finding:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError as error:
        return Finding("devices", f"TensorFlow does not load: {error}", "install tensorflow from constraints.txt")
    names = [device.name for device in tf.config.list_physical_devices("GPU")]
    return Finding("devices", f"{len(names)} GPU, {os.cpu_count()} CPU cores")


def _memory() -> Finding:
    import psutil

    gib = psutil.virtual_memory().available / 2**30
    remedy = "" if gib >= MEMORY_GIB else f"make demo needs {MEMORY_GIB} GiB; close other programs"
    return Finding("free memory", f"{gib:.1f} GiB", remedy)


def _disk() -> Finding:
    gib = shutil.disk_usage(Path.cwd()).free / 2**30
    remedy = "" if gib >= DISK_GIB else f"make demo needs {DISK_GIB} GiB here; free some space"
    return Finding("free disk", f"{gib:.1f} GiB", remedy)


def _ports() -> Iterator[Finding]:
    for port, protocol in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                yield Finding(f"port {port} ({protocol})", "free")
            except OSError:
                yield Finding(
                    f"port {port} ({protocol})", "in use", "tfspine serve --port / --rest-api-port takes others"
                )
