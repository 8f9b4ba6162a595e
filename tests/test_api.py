"""The examples of the public functions, run in their order, as somebody would type them."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import tfspine
from tfspine import api
from tfspine.workflows.demo import SALT
from tfspine.workflows.salts import OWN_SALT

CHAIN = (
    *("load_experiment", "simulate", "ingest", "make_records", "train_detector", "train_grader", "export"),
    *("connect", "read_studies", "evaluate", "explain"),
)


@pytest.mark.slow
def test_the_examples_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples assert are counts that follow from ten patients of 25 regions."""
    monkeypatch.chdir(tmp_path)
    # Else who trains would be drawn anew in every run, and one in a hundred has a split without patients.
    salt = tmp_path / OWN_SALT
    salt.write_text(SALT)
    salt.chmod(0o600)
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    names: dict[str, object] = {}
    for name in CHAIN:
        [example] = finder.find(getattr(api, name), name, globs=names)
        example.globs = names
        assert example.examples, name
        result = runner.run(example, clear_globs=False)
        assert result.failed == 0, name


def test_every_public_name_has_an_example_and_is_listed() -> None:
    assert sorted(CHAIN) == sorted(tfspine.__all__)
    assert set(CHAIN) <= set(dir(tfspine))
    assert all(">>> " in (getattr(tfspine, name).__doc__ or "") for name in CHAIN)


def test_importing_loads_nothing_heavy_and_unknown_names_are_told() -> None:
    code = (
        "import sys, tfspine; tfspine.load_experiment; tfspine.read_studies\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "tf_keras", "pandas", "pydicom", "matplotlib", "scipy"} & set(modules)
    with pytest.raises(AttributeError, match="no attribute 'predict'; it has connect, evaluate"):
        tfspine.predict  # noqa: B018 - asking for it is the point


def test_a_script_without_a_guard_is_not_run_again_in_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import tfspine\n"
        "print('begun')\n"
        "experiment = tfspine.load_experiment(None, 'phantom.studies=2', 'phantom.matrix_px=64', 'phantom.workers=2')\n"
        "print(tfspine.simulate('phantom', experiment).studies)\n"
        "print(tfspine.ingest('phantom/dicom', 'slices', workers=2).studies)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["begun", "2", "2"]
