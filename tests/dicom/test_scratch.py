"""What was unpacked goes away, however the command ends: at its end, at a signal, or at the next start."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests_settings import HANG_S

from tfspine.dicom.scratch import PREFIX, clear_abandoned, scratch_folder
from tfspine.dicom.sources import open_source

HOLDS_AN_ARCHIVE = """
import sys, time
from pathlib import Path
from tfspine.dicom.sources import open_source
with open_source(Path(sys.argv[1]), beside=Path(sys.argv[2])) as source:
    print(next(iter(source.names)), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "IM1").write_bytes(b"of a patient")
    return Path(shutil.make_archive(str(tmp_path / "export"), "zip", folder))


def left(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(PREFIX)]


def _take_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def start(archive: Path, out: Path) -> tuple["subprocess.Popen[str]", Path]:
    words = [sys.executable, "-c", HOLDS_AN_ARCHIVE, str(archive), str(out)]
    # Under nohup, or in the background of a script, tests inherit signals that are ignored.
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=_take_signals)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_original_behind(archive: Path, tmp_path: Path, number: signal.Signals) -> None:
    process, unpacked = start(archive, tmp_path / "out")
    assert unpacked.read_bytes() == b"of a patient"
    assert unpacked.is_relative_to(tmp_path), "beside the output, not in the system's temporary folder"
    process.send_signal(number)
    assert process.wait(timeout=HANG_S) != 0
    assert left(tmp_path) == []


def test_what_a_killed_process_leaves_goes_at_the_next_start(archive: Path, tmp_path: Path) -> None:
    process, unpacked = start(archive, tmp_path / "out")
    process.kill()
    process.wait(timeout=HANG_S)
    assert unpacked.exists()
    with open_source(archive, beside=tmp_path / "out") as source:
        assert not unpacked.exists()
        assert len(source.names) == 1
    assert left(tmp_path) == []


def test_another_process_keeps_what_it_uses(archive: Path, tmp_path: Path) -> None:
    process, unpacked = start(archive, tmp_path / "out")
    try:
        with open_source(archive, beside=tmp_path / "out2"):
            assert unpacked.exists()
            assert len(left(tmp_path)) == 2
        assert unpacked.exists()
    finally:
        process.terminate()
        process.wait(timeout=HANG_S)


def test_handlers_of_signals_are_as_they_were(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    with scratch_folder(tmp_path / "out"):
        pass
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == before


def test_a_foreign_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}mine").mkdir()
    clear_abandoned(tmp_path / "out")
    assert (tmp_path / f"{PREFIX}mine").is_dir()


def test_a_folder_that_is_read_does_not_show_what_others_unpack_in_it(archive: Path, tmp_path: Path) -> None:
    process, _ = start(archive, tmp_path / "out")
    try:
        with open_source(tmp_path, beside=tmp_path / "other") as source:
            names = sorted(source.names.values())
            assert names == ["export.zip/IM1", "export/IM1"]
            assert source.refused == ()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=HANG_S)


def test_the_folder_is_beside_the_nearest_parent_that_is_there(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "not" / "yet" / "out") as folder:
        assert folder.parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
