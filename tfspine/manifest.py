"""How an artefact was made: versions, configuration, seed, commit and hashes of the inputs, written beside it."""

import json
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tfspine
from tfspine.compat import UTC, StrEnum
from tfspine.errors import FormatError
from tfspine.hashes import MANIFEST, hash_file, hash_input, package_hash
from tfspine.outputs import write_bytes, write_text
from tfspine.ownership import record_path, require_file, require_folder

PACKAGES = ("tensorflow", "tf-models-official", "tf-keras", "keras", "keras-tuner", "pydicom", "numpy", "pandas")
_STARTED = time.monotonic()


class RunKind(StrEnum):
    """What a run trained: `kind` in the details of its manifest."""

    DETECTOR = "detector"
    GRADER = "grader"
    GRADER_MEMBERS = "grader_members"
    SWEEP = "sweep"


MEMBERS_FOLDER = "members"
"""Where a run of `RunKind.GRADER_MEMBERS` keeps one run of `RunKind.GRADER` for each member."""


CLAIM_FILE = "run.json"
"""What a run trains, written when it begins; `manifest.json` follows when it is complete."""


@dataclass(frozen=True)
class Manifest:
    """Read-only view of a `manifest.json`; fields that an older one lacks are empty.

    Attributes:
        command: the verb.
        config: the experiment, or the sections of it that the command depends on.
        details: information that is specific to the command.
        tfspine: version of the package.
        commit: commit of the checkout, 40 hexadecimal digits.
        created: date and time, ISO 8601.
        packages: versions of the libraries that matter.
    """

    command: str
    config: Mapping[str, Any]
    details: Mapping[str, Any]
    tfspine: str = ""
    commit: str = ""
    created: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return str(self.config.get("name") or "")

    @property
    def seed(self) -> int | None:
        """Seed of the experiment."""
        return self.config.get("seed")

    @property
    def kind(self) -> str:
        """What a run trained, a `RunKind`."""
        return str(self.details.get("kind", ""))

    @property
    def split_hash(self) -> str:
        """SHA-256 of the division of patients behind records, a run or an exported model."""
        return "" if self.command == "predict" else str(self.details.get("split") or "")

    @property
    def split_read(self) -> str:
        """The split that predict read: train, validation or test."""
        return str(self.details.get("split") or "") if self.command == "predict" else ""

    @property
    def models(self) -> Mapping[str, int]:
        """Names and versions of the models that predict used."""
        models: Mapping[str, int] = self.details.get("models", {})
        return models

    @property
    def source(self) -> str:
        """Location of the models that predict used."""
        return str(self.details.get("source") or "")

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a section of the experiment, empty where the command does not depend on it."""
        section: Mapping[str, Any] = self.config.get(name, {})
        return section


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
        details: anything else that a reader or a later command needs: counts, seed, refused files.
    """
    content = _content(command, config=config, inputs=inputs, details=details)
    write_text(folder / MANIFEST, json.dumps(content, indent=2, default=str) + "\n")


def split_of(folder: Path) -> str:
    """Return the SHA-256 of the division of patients behind a folder (`formats.splits_csv.split_hash`).

    Args:
        folder: of records, of a run, or of a version of an exported model.

    Returns:
        64 hexadecimal digits, or an empty text where the folder does not say.
    """
    claim = folder / CLAIM_FILE
    if claim.is_file():
        return str(json.loads(claim.read_text()).get("split_hash", ""))
    manifest = read_manifest(folder)
    return manifest.split_hash if manifest else ""


def claim_folder(folder: Path, *, command: str, config: Mapping[str, Any], inputs: Iterable[Path] = ()) -> None:
    """Make a folder in which a command works in many steps, or continue in one that it began before.

    Raises:
        OutputError: the folder holds something else, or an input.
    """
    inputs = [*inputs]
    require_folder(folder, command=command, inputs=inputs)
    write_manifest(folder, command=command, config=config, inputs=inputs)


def write_file(
    target: Path,
    content: str | bytes,
    *,
    command: str,
    config: Mapping[str, Any] | None = None,
    inputs: Iterable[Path] = (),
    force: bool = False,
) -> None:
    """Write the single file that a command makes, and `FILE.manifest.json` beside it.

    Args:
        target: the file; an existing one is replaced only as `ownership` allows.
        content: a text is written in UTF-8.
        command: the verb, for example ``"split"``.
        config: the sections of the experiment that it depends on.
        inputs: files and folders that were read.
        force: also replace a file that the command did not write.

    Raises:
        OutputError: the file may not or cannot be written.
    """
    inputs = [*inputs]
    require_file(target, command=command, inputs=inputs, force=force)
    made = _content(command, config=config, inputs=inputs, details=None)
    write_bytes(target, content.encode() if isinstance(content, str) else content)
    record = {**made, "sha256": hash_file(target)}
    write_text(record_path(target), json.dumps(record, indent=2, default=str) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """Read `folder/manifest.json`; None if it does not exist.

    Raises:
        FormatError: the file is invalid, as in `require_manifest`.
    """
    return require_manifest(folder) if (folder / MANIFEST).is_file() else None


def require_manifest(folder: Path) -> Manifest:
    """Read `folder/manifest.json`.

    Raises:
        FormatError: the file does not exist, cannot be read, or is not a manifest.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
        return Manifest(
            command=content["command"],
            config=content.get("config", {}),
            details=content.get("details", {}),
            tfspine=content.get("tfspine") or "",
            commit=content.get("commit") or "",
            created=content.get("created") or "",
            packages=content.get("packages", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FormatError(f"{path}: not a readable manifest; name a folder that a tfspine command wrote") from None


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


def _content(
    command: str, *, config: Mapping[str, Any] | None, inputs: Iterable[Path], details: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "command": command,
        "tfspine": tfspine.__version__,
        "commit": _commit(),
        "code": package_hash(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - _STARTED, 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": _versions(),
        "config": dict(config or {}),
        "inputs": _hash_inputs(inputs),
        "details": dict(details or {}),
    }


def _hash_inputs(inputs: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each input by its name; inputs with the same name get as much of the path as needed."""
    paths = list(dict.fromkeys(path.absolute() for path in inputs))
    hashes = {}
    for path in paths:
        others = [other for other in paths if other != path]
        length = 1
        while any(other.parts[-length:] == path.parts[-length:] for other in others):
            length += 1
        hashes["/".join(path.parts[-length:])] = hash_input(path) if path.exists() else "deleted after it was read"
    return hashes
