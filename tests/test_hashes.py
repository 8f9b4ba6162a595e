"""Hashes of what is on disk: content counts, and nothing but content."""

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from tfspine import hashes
from tfspine.hashes import code_hash, hash_file, hash_input, package_hash
from tfspine.outputs import write_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_text(tmp_path / "in" / "labels" / "a.xml", "mild")
    write_text(tmp_path / "in" / "b.csv", "1,2\n")
    return tmp_path / "in"


def test_one_byte_at_equal_size_counts(folder: Path) -> None:
    before = hash_input(folder)
    write_text(folder / "labels" / "a.xml", "mile")
    assert hash_input(folder) != before
    write_text(folder / "labels" / "a.xml", "mild")
    assert hash_input(folder) == before


def test_a_changed_byte_counts_though_size_and_time_are_put_back(folder: Path) -> None:
    path = folder / "labels" / "a.xml"
    os.utime(path, ns=(10**18, 10**18))  # long ago, so that it is remembered once its last change is, too
    status = path.stat()
    before = hash_input(folder)
    path.write_text("mile")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size and path.stat().st_mtime_ns == status.st_mtime_ns
    assert hash_input(folder) != before


def test_names_count_and_times_manifests_and_hidden_files_do_not(folder: Path) -> None:
    before = hash_input(folder)
    os.utime(folder / "b.csv", ns=(0, 0))
    for name in ("manifest.json", "labels/manifest.json", "splits.csv.manifest.json", "SHA256SUMS", ".lock"):
        write_text(folder / name, "when and how")
    assert hash_input(folder) == before
    (folder / "b.csv").rename(folder / "c.csv")
    assert hash_input(folder) != before


def test_a_file_has_the_hash_that_hashlib_says(folder: Path) -> None:
    assert hash_input(folder / "b.csv") == hashlib.sha256(b"1,2\n").hexdigest()


def test_a_settled_file_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(hashes.time, "time", lambda: now + 60)
    first = hash_file(folder / "b.csv")
    monkeypatch.setattr(hashes.hashlib, "sha256", None)  # reading it again would fail
    assert hash_file(folder / "b.csv") == first


def test_a_file_that_has_just_changed_is_not_remembered(folder: Path) -> None:
    """Within one tick of the clock a second change would leave size and times as they are."""
    hash_file(folder / "b.csv")
    assert not [key for key in hashes._remembered if key[0] == str(folder / "b.csv")]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "tfspine"
    shutil.copytree(hashes.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(hashes, "PACKAGE", copy)
    return copy


def _hashes(*verbs: str) -> list[str]:
    code_hash.cache_clear()
    package_hash.cache_clear()
    return [package_hash(), *(code_hash(f"tfspine.cli.{verb}") for verb in verbs)]


@pytest.mark.parametrize(
    ("changed", "reached"),
    [
        ("phantom/kspace.py", {"phantom"}),
        ("report/report.html", {"report"}),
        ("labels.py", {"phantom", "report", "split"}),
        ("annotations/splits.py", {"split"}),
        ("training/losses.py", set()),
    ],
)
def test_changed_code_reaches_the_commands_that_run_it(changed: str, reached: set[str], package: Path) -> None:
    verbs = ("phantom", "report", "split")
    before = _hashes(*verbs)
    path = package / changed
    path.write_text((path.read_text() if path.is_file() else "") + "\n")
    after = _hashes(*verbs)
    assert after[0] != before[0]
    assert {verb for verb, old, new in zip(verbs, before[1:], after[1:], strict=True) if old != new} == reached
    # The package as a whole is what a manifest names, so it changes with any of its files.
    code_hash.cache_clear()
    package_hash.cache_clear()
