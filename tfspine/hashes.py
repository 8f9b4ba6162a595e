"""SHA-256 hashes of the content of files and folders, and of the package's own code.

A folder's hash covers each file's path and content. Files that say when and how something was made do not count
(`manifest.json` and its like): the same content made twice has the same hash.
"""

import ast
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

MANIFEST = "manifest.json"
CHECKSUMS = "SHA256SUMS"
"""What a command wrote into a folder, in the format of ``sha256sum``; ``sha256sum --check`` reads it."""

PACKAGE = Path(__file__).parent
THREADS = 8
BLOCK_BYTES = 2**20
SETTLED_S = 2.0
"""The hash of a file that changed more recently is not cached: the file may change again, with the same size, within
one tick of the clock."""

_remembered: dict[tuple[str, int, int, int], str] = {}


def hash_input(path: Path) -> str:
    """Return the SHA-256 of a file's content, or of the paths and contents of all files in a folder.

    Args:
        path: a file or a folder; in a folder, hidden files, manifests and checksums are left out.

    Raises:
        OSError: the path is missing or cannot be read.
    """
    if not path.is_dir():
        return hash_file(path)
    names = [name for name in files_of(path) if _counts(name)]
    digest = hashlib.sha256()
    for name, content in zip(names, hash_files(path / name for name in names), strict=True):
        digest.update(f"{content}  {name}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def hash_files(paths: Iterable[Path]) -> list[str]:
    """Return the SHA-256 of each file's content, reading several at once; links are followed."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(hash_file, paths))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content; within one process a file is read again only after it changed."""
    status = path.stat()
    key = (str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key in _remembered:
        return _remembered[key]
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    content = digest.hexdigest()
    if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_S:
        _remembered[key] = content
    return content


def files_of(folder: Path) -> list[str]:
    """Return the path of each file and link below a folder, relative to it, with slashes, in order."""
    found = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(found)


@cache
def package_hash() -> str:
    """Return the SHA-256 of all code of the package, which identifies a modified or installed copy as well."""
    return _hash_code(path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")


@cache
def code_hash(module: str) -> str:
    """Return the SHA-256 of a module of this package and of all modules of the package that it may import.

    It changes when code that a command can reach changes, and only then. Files beside the modules that are not
    Python, such as page templates, are included.

    Args:
        module: its full name, for example ``tfspine.cli.records``.
    """
    reached: set[Path] = set()
    waiting = [module]
    while waiting:
        for path in _files_of_module(waiting.pop()):
            if path not in reached:
                reached.add(path)
                # The package's own imports are the public functions, loaded when a person asks for one.
                waiting += _imports(path) if path != PACKAGE / "__init__.py" else ()
    beside = {
        file
        for folder in {path.parent for path in reached}
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc") and _nearest_package(file) == folder
    }
    return _hash_code(reached | beside)


def _hash_code(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(PACKAGE)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _counts(name: str) -> bool:
    parts = name.split("/")
    is_hidden = any(part.startswith(".") for part in parts)
    return not is_hidden and not parts[-1].endswith(MANIFEST) and parts[-1] != CHECKSUMS


def _files_of_module(module: str) -> Iterator[Path]:
    """Yield the source of a module and the `__init__` of each package around it, also for a name within a module."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return
    place = PACKAGE
    for part in ("", *parts[1:]):
        place = place / part
        yield from (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())


def _imports(path: Path) -> Iterator[str]:
    """Yield every module of the package that a source file imports, at its top or within its functions."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # A name imported from a package may be a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nearest_package(file: Path) -> Path:
    return next(folder for folder in file.parents if (folder / "__init__.py").is_file())
