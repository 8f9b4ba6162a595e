"""Importing a workflow loads no TensorFlow: whoever only asks a server, or prints --help, does not wait for it."""

import pkgutil
import subprocess
import sys

import pytest

import tfspine.workflows

HEAVY = ("tensorflow", "tf_keras", "keras", "official", "keras_tuner", "pandas", "pydicom")

NAMES = sorted(module.name for module in pkgutil.iter_modules(tfspine.workflows.__path__))


@pytest.mark.parametrize("names", [NAMES], ids=["all"])
def test_importing_every_workflow_loads_nothing_heavy(names: list[str]) -> None:
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("tfspine.workflows." + name)
    found = set({HEAVY!r}) & set(sys.modules)
    assert not found, (name, found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
