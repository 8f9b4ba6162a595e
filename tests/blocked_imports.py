"""Runs code in a fresh interpreter that cannot import some modules, as if they were not installed."""

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests_settings import HANG_S

TENSORFLOW = ("tensorflow", "tf_keras", "keras", "official", "keras_tuner", "tf_explain", "tensorflow_serving", "orbit")
"""TensorFlow, and what imports it."""

COMMAND = """
from tfspine.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

HELP = """
from tfspine.cli.main import main
for verb in sys.argv[1:]:
    try:
        main([verb, "--help"])
    except SystemExit as end:
        assert not end.code, verb
"""
"""Prints the help of each verb that it is given, all in one process."""

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocker())
{code}
"""


def run_without(
    modules: Collection[str], *words: str | Path, code: str = COMMAND, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `tfspine WORDS`, or other code with these words as its `sys.argv[1:]`, where `modules` cannot be imported."""
    blocking = BLOCKER.format(blocked=tuple(modules), code=code)
    command = [sys.executable, "-c", blocking, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=HANG_S)
