"""Facts about the run for the head of the report, read from the manifests next to its inputs."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tfspine.compat import UTC
from tfspine.errors import FormatError
from tfspine.manifest import Manifest, read_manifest

SHOWN_PACKAGES = {"tensorflow": "TensorFlow", "tf-models-official": "Model Garden", "keras": "Keras"}
COMMIT_DIGITS = 10
DONE = {"ingest": "Slices ingested", "predict": "Studies read", "evaluate": "Evaluated", "explain": "Explained"}


def run_facts(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """Return pairs of a name and a text; facts that no manifest contains are left out.

    Args:
        folders: outputs of commands, in the order in which they were made.
    """
    manifests = [manifest for folder in folders if (manifest := _read(folder)) is not None]
    facts: list[tuple[str, str]] = []
    for name, values in (
        ("Experiment", _distinct(manifest.experiment for manifest in manifests)),
        ("Seed", _distinct(manifest.seed for manifest in manifests)),
    ):
        facts += [(name, ", ".join(values))] if values else []
    for manifest in manifests:
        if manifest.command == "predict":
            models = ", ".join(f"{model} version {version}" for model, version in manifest.models.items())
            facts += [
                (name, said)
                for name, said in (("Models", models), ("Model at", manifest.source), ("Split", manifest.split_read))
                if said
            ]
    versions = _distinct(manifest.tfspine for manifest in manifests)
    commits = _distinct(manifest.commit[:COMMIT_DIGITS] for manifest in manifests)
    if versions:
        facts.append(("tfspine", ", ".join(versions) + (f" ({', '.join(commits)})" if commits else "")))
    packages = manifests[-1].packages if manifests else {}
    libraries = [f"{title} {packages[name]}" for name, title in SHOWN_PACKAGES.items() if name in packages]
    facts += [("Libraries", ", ".join(libraries))] if libraries else []
    facts += [
        (DONE[manifest.command], _minute(manifest.created))
        for manifest in manifests
        if manifest.command in DONE and manifest.created
    ]
    return facts


def _read(folder: Path) -> Manifest | None:
    """Return a manifest; None if the folder has none that can be read."""
    try:
        return read_manifest(folder)
    except FormatError:
        return None


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _minute(created: str) -> str:
    """Write a manifest's time to the minute."""
    return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
