"""Finds problems of this installation, and how to solve them."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfspine.extras import EXTRAS

PORTS = {8500: "gRPC", 8501: "REST"}
MEMORY_GIB = 8
DISK_GIB = 5

CODECS = {"JPEG": "JPEG8", "JPEG-LS": "JPEGLS", "JPEG 2000": "JPEG2K"}
"""Compressions of MR pixels, and the codec of imagecodecs that reads each; pydicom itself reads RLE."""


@dataclass(frozen=True)
class SystemCheck:
    """One check; `remedy` is empty if there is no problem.

    `optional` names the only feature that needs the remedy, and is empty if every command needs it.
    """

    what: str
    found: str
    remedy: str = ""
    optional: str = ""

    @property
    def mark(self) -> str:
        """The word printed before the finding."""
        if not self.remedy:
            return "ok"
        return "optional" if self.optional else "!!"


def doctor() -> Iterator[SystemCheck]:
    """Check Python, packages, decoders, devices, memory, disk and ports, in that order."""
    yield _python()
    yield from _packages()
    yield from _decoders()
    yield _devices()
    yield _memory()
    yield _disk()
    yield from _ports()


def _python() -> SystemCheck:
    version: tuple[int, ...] = sys.version_info[:2]
    found = ".".join(map(str, sys.version_info[:3]))
    if version == (3, 11):
        return SystemCheck("python", found)
    optional = f"for {EXTRAS['train'].purpose}" if (3, 10) <= version <= (3, 13) else ""
    return SystemCheck("python", found, "make a virtual environment with Python 3.11", optional)


def _packages() -> Iterator[SystemCheck]:
    """Compare the installed packages with the requirements in tfspine's metadata."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        required = metadata.requires("tfspine") or []
    except metadata.PackageNotFoundError:
        yield SystemCheck("tfspine", "not installed", "pip install -e . -c constraints.txt")
        return
    parts = {"": "", **{name: f"for {extra.purpose}" for name, extra in EXTRAS.items()}}
    seen: set[str] = set()
    for requirement in map(Requirement, required):
        marker = requirement.marker
        of_parts = [reason for extra, reason in parts.items() if not marker or marker.evaluate({"extra": extra})]
        if not of_parts or requirement.name in seen:
            continue  # for testing and developing
        seen.add(requirement.name)
        optional = "" if "" in of_parts else " and ".join(of_parts)
        install = f"pip install -c constraints.txt '{requirement.name}{requirement.specifier}'"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield SystemCheck(requirement.name, "missing", install, optional)
            continue
        yield SystemCheck(
            requirement.name, version, "" if requirement.specifier.contains(version) else install, optional
        )


def _decoders() -> Iterator[SystemCheck]:
    """Report for each compression of MR pixels whether it can be decoded here."""
    try:
        import imagecodecs
    except ImportError:
        return  # `_packages` has reported it
    for name, codec_name in CODECS.items():
        codec = getattr(imagecodecs, codec_name)
        remedy = "" if codec.available else "pip install --force-reinstall -c constraints.txt imagecodecs"
        yield SystemCheck(f"decoder {name}", "imagecodecs" if codec.available else "no decoder", remedy)


def _devices() -> SystemCheck:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        return SystemCheck("devices", f"no TensorFlow, {os.cpu_count()} CPU cores")  # `_packages` has reported it
    except ImportError as error:
        return SystemCheck("devices", f"TensorFlow does not load: {error}", "install tensorflow from constraints.txt")
    names = [device.name for device in tf.config.list_physical_devices("GPU")]
    gpus = f"{len(names)} GPU" if names else "no GPU (optional)"
    return SystemCheck("devices", f"{gpus}, {os.cpu_count()} CPU cores")


def _memory() -> SystemCheck:
    gib = available_memory_gib()
    if gib is None:
        return SystemCheck("free memory", "not known on this system")
    remedy = "" if gib >= MEMORY_GIB else f"it needs {MEMORY_GIB} GiB; close other programs"
    return SystemCheck("free memory", f"{gib:.1f} GiB", remedy, "for make demo")


def available_memory_gib() -> float | None:
    """Return the memory that a new program could use according to the kernel, in GiB; None if unknown."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) / 2**20 if found else None


def _disk() -> SystemCheck:
    gib = shutil.disk_usage(Path.cwd()).free / 2**30
    remedy = "" if gib >= DISK_GIB else f"it needs {DISK_GIB} GiB here; free some space"
    return SystemCheck("free disk", f"{gib:.1f} GiB", remedy, "for make demo")


def _ports() -> Iterator[SystemCheck]:
    for port, protocol in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                yield SystemCheck(f"port {port} ({protocol})", "free")
            except OSError:
                yield SystemCheck(
                    f"port {port} ({protocol})",
                    "in use",
                    "choose others with --port and --rest-api-port",
                    f"for {EXTRAS['serve'].purpose}",
                )
