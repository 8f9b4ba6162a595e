"""The completion script, run by the shell that it is for."""

import subprocess
import sys
from pathlib import Path

import pytest

SHELL = "bash"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, in a file."""
    done = subprocess.run([sys.executable, "-m", "tfspine", "completion", SHELL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("completion") / "tfspine.bash"
    path.write_text(done.stdout)
    return path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("ev", {"evaluate"}), ("ingest --wor", {"--workers"}), ("train de", {"detector"}), ("split --sl", {"--slices"})],
)
def test_bash_completes_commands_and_options(script: Path, typed: str, offered: set[str]) -> None:
    words = ["tfspine", *typed.split()]
    code = f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_tfspine; "
    done = subprocess.run([SHELL, "-c", code + "echo ${COMPREPLY[@]}"], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered
