"""What made an artefact: versions, configuration, seed, commit and hashes of the inputs, written beside it."""

import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

import tfspine
from tfspine.outputs import write_text

FILE_NAME = "manifest.json"
PACKAGES = ("tensorflow", "tf-models-official", "tf-keras", "keras", "keras-tuner", "pydicom", "numpy", "pandas")
_STARTED = time.monotonic()


class RunKind(StrEnum):
    """What a run trained: `kind` among the details of its manifest."""

    DETECTOR = "detector"
    GRADER = "grader"
    GRADER_VERSIONS = "grader_versions"
    SWEEP = "sweep"


VERSIONS_FOLDER = "versions"
"""Where a run of `RunKind.GRADER_VERSIONS` has a run of `RunKind.GRADER` for each of them."""


@dataclass(frozen=True)
class Manifest:
    """Read-only view of a `manifest.json`; `details` holds what only that command has to say."""

    command: str
    config: Mapping[str, Any]
    details: Mapping[str, Any]


def write_manifest(
    folder: Path,
    *,
    command: str,
    config: Mapping[str, Any] | None = None,
    inputs: Iterable[Path] = (),
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write `folder/manifest.json`.

    Args:
        folder: where the artefact lies.
        command: the verb, for example ``"records"``.
        config: the experiment, or the sections of it that the artefact depends on.
        inputs: files that were read, or folders with a manifest of their own; each is recorded by name and SHA-256.
        details: anything else a reader or a later command needs: counts, seed, what was refused.
    """
    content = {
        "command": command,
        "tfspine": tfspine.__version__,
        "commit": _commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - _STARTED, 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": _versions(),
        "config": dict(config or {}),
        "inputs": {path.name: hash_input(path) for path in inputs},
        "details": dict(details or {}),
    }
    write_text(folder / FILE_NAME, json.dumps(content, indent=2, default=str) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """Read `folder/manifest.json`; None where there is none."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    content = json.loads(path.read_text())
    return Manifest(content["command"], content.get("config", {}), content.get("details", {}))


def hash_input(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's manifest and file names with their sizes."""
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    else:
        for file in sorted(path.rglob("*")):
            if file.is_file() and file.name != FILE_NAME:
                digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Return the commit of the checkout that tfspine runs from, or None outside one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return None
    return done.stdout.strip() or None
