"""Damaged files by the thousand: each is refused in one line without a name, or read as its header states.

The mutations run in a process of their own with little memory and little time, so that a crash, a hang or a greedy
allocation fails the test instead of the test run. `python test_fuzz.py SEED COUNT FOLDER` is that process.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import PATIENT_ID, PATIENT_NAME, SYNTAXES, classic, enhanced, ramp, save
from pydicom.fileset import FileSet

from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.slice_headers import read_headers
from tfspine.dicom.sources import open_source
from tfspine.errors import DicomError

MEMORY_BYTES = 2 << 30
SECONDS_A_FILE = 10.0
"""Of the processor: what else the machine does has no say."""

BATCH = 500
SECONDS_A_BATCH = 600.0
REAL_UNDER_BYTES = 300_000

ABSURD = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xfe\xff\xff\xff", b"\xff\xff", b"\0\x80")
"""Lengths and sizes: none, undefined, the largest of 32 and of 16 bits, signed and not."""

FRAGMENTS = (
    b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff",  # a sequence of undefined length
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",  # an item of undefined length
    b"\xfe\xff\x0d\xe0\0\0\0\0",  # the end of an item
    b"\xfe\xff\xdd\xe0\0\0\0\0",  # the end of a sequence
    b"\x28\x00\x10\x00US\x02\0\xff\xff",  # 65535 rows
    b"\x28\x00\x08\x00IS\x0a\x004294967295",  # frames
    b"\x28\x00\x53\x10DS\x04\x00nan ",  # rescale slope
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return content with one to four kinds of damage."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if not changed:
            break
        at = rng.randrange(min(len(changed), rng.choice((200, 2000, len(changed)))))
        match rng.randrange(7):
            case 0:
                del changed[at:]
            case 1:
                for _ in range(rng.choice((1, 1, 8, 64))):
                    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            case 2:
                changed[at] ^= 1 << rng.randrange(8)
            case 3:
                absurd = rng.choice(ABSURD)
                changed[at : at + len(absurd)] = absurd
            case 4:
                changed[at:at] = rng.choice(FRAGMENTS) * rng.choice((1, 1, 2, 3000))
            case 5:
                length = rng.choice((1, 8, 100, 5000))
                changed[at:at] = changed[at : at + length]
            case _:
                length = rng.choice((1, 2, 8, 100, 5000))
                del changed[at : at + length]
    return bytes(changed)


def verdict(path: Path) -> str:
    """Read one source to the end and return what became of it; anything but a refusal or sound pixels raises."""
    if path.suffix != ".zip" and path.name != "DICOMDIR":
        return file_verdict(path)
    try:
        with open_source(path) as source:
            for item in source.refused:
                _checked(DicomError(item.reason))
            read = [file_verdict(file) == "read" for file in source.names]
    except DicomError as error:
        return _checked(error)
    return "read" if any(read) else "refused"


def file_verdict(path: Path) -> str:
    """Read one DICOM file as `verdict` does."""
    try:
        headers = read_headers(path)
    except DicomError as error:
        return _checked(error)
    last = "read"
    for header, pixels in read_pixels(headers):
        if isinstance(pixels, DicomError):
            last = _checked(pixels)
            continue
        assert pixels.dtype == np.float32, pixels.dtype
        assert pixels.shape == header.geometry.size_px
        assert np.isfinite(pixels).all()
    return last


def _checked(error: DicomError) -> str:
    reason = str(error)
    assert reason, "no reason"
    assert "\n" not in reason, reason
    for secret in (PATIENT_ID, *PATIENT_NAME.split("^")):
        assert secret not in reason, reason
    return "refused"


def child(seed: int, count: int, folder: Path) -> None:
    """Mutate and read `count` files under a memory limit, and say what became of them."""
    sources = sorted(folder.glob("source-*"))
    scratch = folder / f"mutated-{seed}"
    scratch.mkdir()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    counted: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        source = rng.choice(sources)
        path = scratch / ("DICOMDIR" if source.suffix == ".DICOMDIR" else f"one{source.suffix}")
        path.write_bytes(mutated(source.read_bytes(), rng))
        started = time.process_time()
        (folder / f"at-{seed}").write_text(f"{number} of {source.name}")
        counted[verdict(path)] += 1
        took = time.process_time() - started
        assert took < SECONDS_A_FILE, f"{number} of {source.name}: {took:.1f} s"
    print(dict(counted))


def run_child(seed: int, count: int, folder: Path) -> Counter[str]:
    """Run `child` and return its counts; whatever it writes to standard error fails the test."""
    ended = subprocess.run(
        [sys.executable, __file__, str(seed), str(count), str(folder)],
        capture_output=True,
        text=True,
        timeout=SECONDS_A_BATCH,
        check=False,
    )
    at = (folder / f"at-{seed}").read_text() if (folder / f"at-{seed}").exists() else "the start"
    assert ended.returncode == 0, f"seed {seed}, mutation {at}: {ended.returncode}: {ended.stderr[-2000:]}"
    assert ended.stderr == "", ended.stderr[-2000:]
    return Counter(eval(ended.stdout))  # noqa: S307  # our own child's dict


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound files to damage: every encoding, classic and enhanced, and small real ones where at hand."""
    folder = tmp_path_factory.mktemp("fuzz")
    for number, syntax in enumerate(SYNTAXES):
        save(classic(), folder / f"source-classic-{number}", syntax)
        frames = [ramp(step=step) for step in (1, 2, 3)]
        save(enhanced(frames, [(0.0, 0.0, 4.0 * z) for z in range(3)]), folder / f"source-enhanced-{number}", syntax)
    archived = {f"IM{number}": classic(InstanceNumber=number) for number in (1, 2)}
    with zipfile.ZipFile(folder / "source-archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, ds in archived.items():
            archive.write(save(ds, folder / "archived" / name), name)
    fileset = FileSet()
    fileset.add(save(classic(StudyDate="20260101", StudyTime="120000", StudyID="1"), folder / "archived" / "IM3"))
    fileset.write(folder / "cd")
    shutil.copy(folder / "cd" / "DICOMDIR", folder / "source-list.DICOMDIR")
    real = os.environ.get("TFSPINE_REAL_DATA")
    for number, path in enumerate(sorted(Path(real, "vendor_dicom").rglob("*.dcm")) if real else []):
        if path.stat().st_size < REAL_UNDER_BYTES:
            (folder / f"source-real-{number}").write_bytes(path.read_bytes())
    return folder


def test_the_sound_files_are_read(sources: Path) -> None:
    for path in sources.glob("source-*"):
        if "real" not in path.name and path.suffix != ".DICOMDIR":
            assert verdict(path) == "read", path.name


def test_some_hundred_damaged_files(sources: Path) -> None:
    counted = run_child(0, 300, sources)
    assert counted.total() == 300
    assert min(counted["read"], counted["refused"]) > 30  # the damage is neither harmless nor hopeless


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_damaged_files(sources: Path) -> None:
    counted: Counter[str] = Counter()
    for seed in range(1, 1 + 10_000 // BATCH):
        counted += run_child(seed, BATCH, sources)
    assert counted.total() == 10_000
    assert min(counted["read"], counted["refused"]) > 1000


if __name__ == "__main__":
    child(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
