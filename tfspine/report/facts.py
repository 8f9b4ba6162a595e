"""Facts about the run for the head of the report, read from the manifests beside its inputs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfspine.manifest import FILE_NAME

SHOWN_PACKAGES = {"tensorflow": "TensorFlow", "tf-models-official": "Model Garden", "keras": "Keras"}
COMMIT_DIGITS = 10


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
            facts += [("Read by", str(details["source"]))] if details.get("source") else []
            facts += [("Split", str(details["split"]))] if details.get("split") else []
    versions = _distinct(manifest.get("tfspine") for manifest in manifests)
    commits = _distinct((manifest.get("commit") or "")[:COMMIT_DIGITS] for manifest in manifests)
    if versions:
        facts.append(("tfspine", ", ".join(versions) + (f" ({', '.join(commits)})" if commits else "")))
    packages = manifests[-1].get("packages", {}) if manifests else {}
    libraries = [f"{title} {packages[name]}" for name, title in SHOWN_PACKAGES.items() if name in packages]
    facts += [("Libraries", ", ".join(libraries))] if libraries else []
    facts += [
        (f"{str(manifest['command']).title()} made", str(manifest["created"]).replace("T", " ").removesuffix("+00:00"))
        for manifest in manifests
        if "command" in manifest and "created" in manifest
    ]
    return facts


def _read(folder: Path) -> Mapping[str, Any] | None:
    """Return all of a manifest, versions and dates included; None where there is none to read."""
    try:
        content: Mapping[str, Any] = json.loads((folder / FILE_NAME).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return content


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value not in (None, "")))
