"""Make the golden outputs of ``tfspine evaluate``: ``PYTHONPATH=. python tests/golden/make.py``.

Their numbers are those of the package as it was before its library level was built. Make them again only where a word
or a number is meant to change; where only words change, check that every number stays, and otherwise say in the change
log which numbers changed.
"""

import argparse
import contextlib
import functools
import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
from evaluate_inputs import WORDS, write_inputs

GOLDEN = Path(__file__).parent / "evaluate.tar.xz"
"""Everything that evaluate wrote, except pictures, checksums and what names versions, times and machines."""

KINDS = (".csv", ".json", ".md", ".txt")


def outputs_of(folder: Path) -> dict[str, str]:
    """Write the inputs into an empty folder, run the command there, and return the text of each file that it wrote."""
    from tfspine.cli.main import main

    write_inputs(folder)
    before = Path.cwd()
    os.chdir(folder)
    # Pictures take most of the time, and are not compared: their files are left empty.
    with mock.patch("matplotlib.figure.Figure.savefig", _leave_empty), contextlib.redirect_stdout(io.StringIO()):
        code = main(list(WORDS))
    os.chdir(before)
    if code:
        raise SystemExit(f"evaluate ended with {code}")
    files = sorted(path for path in (folder / "out").iterdir() if path.suffix in KINDS and path.name != "manifest.json")
    return {path.name: path.read_text(encoding="utf-8") for path in files}


@functools.cache
def golden_outputs() -> dict[str, str]:
    """Return the recorded text of each file."""
    with tarfile.open(GOLDEN) as archive:
        found = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def _leave_empty(_figure: object, path: Path, **_options: object) -> None:
    Path(path).touch()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        texts = outputs_of(Path(folder))
    with tarfile.open(out, "w:xz") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


if __name__ == "__main__":
    _main()
