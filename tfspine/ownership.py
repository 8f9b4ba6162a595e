"""Which command wrote an output, and therefore which outputs a command may replace: one rule for every command.

A folder is replaced only if it holds the manifest of the same command; a missing folder is created and an empty one is
used; any other folder is refused and left unchanged. Files in it that the command did not write stay; if a file that it
wrote has been changed since, the folder is refused. An output may not be, contain, or lie inside an input. A single
file is replaced only if `FILE.manifest.json` shows that the same command wrote it, or with `force`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfspine.errors import OutputError
from tfspine.hashes import CHECKSUMS, MANIFEST, files_of, hash_file, hash_files

LOCK = ".lock"
"""The lock file of a folder."""

OWN = (MANIFEST, CHECKSUMS, LOCK)
"""Files that record when and how a folder was written; they are not part of its content and do not affect its hash."""


def require_folder(target: Path, *, command: str, inputs: Iterable[Path] = ()) -> None:
    """Refuse a folder that a command may not write; the rule is in the module's docstring.

    Raises:
        OutputError: the message states what is in the folder.
    """
    require_apart(target, inputs)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file; expected a folder to write; name another --out")
    if not target.is_dir() or not {path.name for path in target.iterdir()} - {LOCK}:
        return
    writer = command_of(target / MANIFEST)
    if writer != command:
        found = f"holds what tfspine {writer} wrote" if writer else f"holds files that tfspine {command} did not write"
        raise OutputError(f"{target}: {found}; nothing was touched; name another --out")
    changed = changed_files(target)
    if changed:
        more = f" (and {len(changed) - 1} more files)" if len(changed) > 1 else ""
        raise OutputError(
            f"{target / changed[0]}: was changed after tfspine {command} wrote it{more}; nothing was touched; move it "
            "elsewhere, or name another --out"
        )


def require_file(target: Path, *, command: str, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Refuse a file that a command may not write: an existing one that the same command did not write.

    Args:
        target: the file; `manifest.write_file` records beside it which command wrote it.
        command: the verb that writes it.
        inputs: files and folders that the command reads.
        force: replace any file except an input, which is still refused.

    Raises:
        OutputError: the message states what exists there.
    """
    require_apart(target, inputs)
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; expected a file to write; name another --out")
    if force or not target.exists():
        return
    record = _read_json(record_path(target))
    if record.get("command") != command:
        raise OutputError(
            f"{target}: already exists, and tfspine {command} did not write it; name another --out or --force"
        )
    if record.get("sha256") != hash_file(target):
        raise OutputError(f"{target}: was changed after tfspine {command} wrote it; name another --out or --force")


def require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that is, contains, or lies inside an input; links are followed.

    Raises:
        OutputError: the message gives both paths.
    """
    output = target.resolve()
    for given in inputs:
        source = given.resolve()
        if output == source:
            found = "is an input of this command"
        elif source.is_relative_to(output):
            found = f"holds {given}, an input of this command"
        elif output.is_relative_to(source):
            found = f"lies inside {given}, an input of this command"
        else:
            continue
        raise OutputError(f"{target}: {found}; name another --out")


def command_of(manifest: Path) -> str | None:
    """Return the verb that wrote a manifest, or None if there is no readable manifest."""
    command = _read_json(manifest).get("command")
    return command if isinstance(command, str) else None


def changed_files(folder: Path) -> list[str]:
    """Return the files that were changed after a command wrote the folder; deleted files do not count."""
    written = _checksums(folder)
    there = [name for name in written if (folder / name).is_file()]
    found = hash_files(folder / name for name in there)
    return [name for name, content in zip(there, found, strict=True) if content != written[name]]


def added_files(folder: Path) -> list[str]:
    """Return the files and links in a folder that were not written by the command that wrote the folder."""
    written = _checksums(folder)
    if not written:
        return []
    return [name for name in files_of(folder) if name not in written and name not in OWN]


def write_checksums(folder: Path) -> None:
    """Record the files that a command wrote into a folder, so that it recognises them later."""
    names = [name for name in files_of(folder) if name not in OWN]
    contents = hash_files(folder / name for name in names)
    lines = [f"{content}  {name}\n" for content, name in zip(contents, names, strict=True)]
    (folder / CHECKSUMS).write_text("".join(lines), errors="surrogateescape")


def record_path(target: Path) -> Path:
    """Return the path of a single file's manifest, which records the command and its inputs."""
    return target.with_name(f"{target.name}.{MANIFEST}")


def _checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a command wrote into a folder; empty if there is no list."""
    try:
        lines = (folder / CHECKSUMS).read_text(errors="surrogateescape").split("\n")
    except OSError:
        return {}
    return {name: content for content, _, name in (line.partition("  ") for line in lines) if name}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
