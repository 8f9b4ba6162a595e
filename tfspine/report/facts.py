"""Facts about the run for the head of the report, read from the manifests beside its inputs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tfspine.compat import UTC
from tfspine.hashes import MANIFEST

SHOWN_PACKAGES = {"tensorflow": "TensorFlow", "tf-models-official": "Model Garden", "keras": "Keras"}
COMMIT_DIGITS = 10
DONE = {"ingest": "Slices ingested", "predict": "Studies read", "evaluate": "Evaluated", "explain": "Explained"}


def run_facts(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """Return pairs of a name and a text; what no manifest says is left out.

    Args:
        folders: outputs of commands, in the order in which they were made.
    """
    manifests = [manifest for folder in folders if (manifest := _read(folder)) is not None]
    facts: list[tuple[str, str]] = []
    for name, key in (("Experiment", "name"), ("Seed", "seed")):
        values = _distinct(manifest.get("config", {}).get(key) for manifest in manifests)
        facts += [(name, ", ".join(values))] if values else []
    for manifest in manifests:
        details = manifest.get("details", {})
        if manifest.get("command") == "predict":
            models = ", ".join(f"{model} version {version}" for model, version in details.get("models", {}).items())
            facts += [("Models", models)] if models else []
            facts += [("Model at", str(details["source"]))] if details.get("source") else []
            facts += [("Split", str(details["split"]))] if details.get("split") else []
    versions = _distinct(manifest.get("tfspine") for manifest in manifests)
    commits = _distinct((manifest.get("commit") or "")[:COMMIT_DIGITS] for manifest in manifests)
    if versions:
        facts.append(("tfspine", ", ".join(versions) + (f" ({', '.join(commits)})" if commits else "")))
    packages = manifests[-1].get("packages", {}) if manifests else {}
    libraries = [f"{title} {packages[name]}" for name, title in SHOWN_PACKAGES.items() if name in packages]
    facts += [("Libraries", ", ".join(libraries))] if libraries else []
    facts += [
        (DONE[manifest["command"]], _minute(manifest["created"]))
        for manifest in manifests
        if manifest.get("command") in DONE and "created" in manifest
    ]
    return facts


def _read(folder: Path) -> Mapping[str, Any] | None:
    """Return all of a manifest, versions and dates included; None where there is none to read."""
    try:
        content: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return content


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _minute(created: str) -> str:
    """Write a manifest's time to the minute."""
    return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
