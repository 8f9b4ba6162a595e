"""A missing part of the installation is one line with what to type, for every command, and never a traceback."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from blocked_imports import HELP, run_without
from packaging.requirements import Requirement

from tfspine.cli.main import VERBS
from tfspine.extras import EXTRAS, NEEDS, WHOLE_WAY, remedy, require

ROOT = Path(__file__).parents[1]

OPTIONAL = sorted({module for extra in EXTRAS.values() for module in extra.modules})
"""Every module that an extra brings."""


def required_by_extra() -> dict[str, set[str]]:
    """Return the distributions of each extra of setup.cfg, in lower case."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    section = config["options.extras_require"]
    lines = {name: [line for line in section[name].splitlines() if line and line[0] != "#"] for name in section}
    return {name: {Requirement(line).name.lower() for line in lines} for name, lines in lines.items()}


def test_every_extra_is_in_setup_cfg_with_what_it_brings() -> None:
    required = required_by_extra()
    assert set(EXTRAS) == set(required) - {"gpu", "all", "docs", "test", "dev"}
    for name, extra in EXTRAS.items():
        assert {distribution.lower() for distribution in extra.modules.values()} <= required[name], name


def test_all_is_every_extra() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert Requirement(config["options.extras_require"]["all"].strip()).extras == set(EXTRAS) - {"track"}


CALLS = {
    "train detector": ("official", "train", "train detector --plane axial --records r --out o"),
    "train grader": ("keras", "train", "train grader --region central_canal --records r --out o"),
    "tune": ("keras_tuner", "train", "tune experiments/sweep_grader.toml --region central_canal --records r --out o"),
    "records": ("tensorflow", "train", "records --slices s --labels l --splits x.csv --out o"),
    "export": ("tensorflow", "train", "export --detector d --grader g --slices s --out o"),
    "serve": ("aiohttp", "serve", "serve --model-config-file serving/models.config"),
    "serve, TensorFlow": ("tensorflow", "serve", "serve --model-config-file serving/models.config"),
    "explain": ("keras", "train", "explain --model m --slices s --boxes b.csv --out o"),
    "report": ("jinja2", "report", "report --predictions p --slices s --out o.html"),
    "flow": ("matplotlib", "report", "flow --excluded e --out o"),
    "fetch": ("dicomweb_client", "pacs", "fetch http://127.0.0.1:1 --out o"),
    "demo": ("tensorflow", "all", "demo --out o"),
}
"""A call of each command that needs an extra, with the module that is missing and the extra that brings it."""


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_extra_is_one_line(call: str, tmp_path: Path) -> None:
    module, extra, words = CALLS[call]
    assert_one_line(run_without([module], *words.split(), cwd=tmp_path), words.split()[0], module, extra)
    assert not list(tmp_path.iterdir())


def assert_one_line(done: subprocess.CompletedProcess[str], verb: str, module: str, extra: str) -> None:
    """Assert that a command said what is missing and what to type, and nothing else."""
    [distribution] = {extra.modules[module] for extra in EXTRAS.values() if module in extra.modules}
    assert done.stderr.splitlines() == [f"tfspine {verb} needs {distribution}: pip install 'tfspine[{extra}]'"]
    assert (done.returncode, done.stdout) == (2, "")


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated study, its DICOM in `dicom/` and its slices beside them."""
    root = tmp_path_factory.mktemp("extras")
    for words in (
        "phantom --out phantom --set phantom.studies=1 --set phantom.matrix_px=64",
        "ingest phantom/dicom --out slices",
    ):
        done = run_without(OPTIONAL, *words.split(), cwd=root)
        assert done.returncode == 0, done.stderr
    return root


def test_a_model_in_this_process_needs_tensorflow(slices: Path) -> None:
    words = ("predict", "--slices", "slices", "--model", "exported", "--out", "o")
    done = run_without(["tensorflow"], *words, cwd=slices)
    assert_one_line(done, "predict", "tensorflow", "train")


def test_help_of_every_command_needs_no_extra(tmp_path: Path) -> None:
    done = run_without(OPTIONAL, *VERBS, code=HELP, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [verb for verb in VERBS if f"usage: tfspine {verb}" not in done.stdout] == []


def test_a_module_of_no_extra_keeps_its_traceback() -> None:
    assert remedy(ModuleNotFoundError(name="tfspine.no_such_module"), "ingest") is None
    assert remedy(ModuleNotFoundError(), "ingest") is None


def test_a_part_of_what_is_installed_is_not_called_missing() -> None:
    assert remedy(ModuleNotFoundError(name="matplotlib.no_such_module"), "flow") is None


@pytest.mark.parametrize("verb", NEEDS)
def test_a_command_looks_for_all_that_it_needs_before_it_begins(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in NEEDS[verb]:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)  # as if it were not installed
            with pytest.raises(ModuleNotFoundError) as caught:
                require(NEEDS[verb])
            assert caught.value.name == module
            told = remedy(caught.value, verb)
            assert told is not None
            assert told.endswith("[all]'") == (verb in WHOLE_WAY)


def test_a_cluster_needs_ray(slices: Path) -> None:
    done = run_without(["ray"], *["ingest", "phantom/dicom", "--out", "o", "--cluster", "auto"], cwd=slices)
    assert_one_line(done, "ingest", "ray", "cluster")


def test_an_evaluation_without_matplotlib_has_all_but_the_figures(slices: Path) -> None:
    words = "evaluate --reference phantom/labels --slices slices --reader r1=phantom/readers/radiologist_1 --out e"
    done = run_without(OPTIONAL, *words.split(), cwd=slices)
    assert done.returncode == 0, done.stderr
    assert "no figures: they need matplotlib: pip install 'tfspine[report]'" in done.stderr.splitlines()
    assert (slices / "e" / "metrics.json").is_file()
    assert not list((slices / "e").glob("*.png"))


def test_masks_of_spider_need_simpleitk(tmp_path: Path) -> None:
    masks = tmp_path / "spider" / "masks"
    masks.mkdir(parents=True)
    (masks / "1_t1.mha").write_bytes(b"")
    (tmp_path / "spider" / "overview.csv").write_text(
        "new_file_name,num_vertebrae,num_discs,sex,birth_date,subset,PixelSpacing,SliceThickness,"
        'MagneticFieldStrength,Manufacturer\n1_t1,7,7,F ,,training,"[0.6, 0.6]",3.0,3.0,SIEMENS\n'
    )
    (tmp_path / "spider" / "radiological_gradings.csv").write_text(
        "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,"
        "Disc bulging,Pfirrman grade\n1,1,0,0,1,0,0,1,1,3\n"
    )
    done = run_without(["SimpleITK"], *["import", "spider", "spider", "--out", "o"], cwd=tmp_path)
    assert_one_line(done, "import", "SimpleITK", "import")


def test_a_project_that_trains_looks_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "own.toml").write_text('[data]\ndicom = "dicom"\nlabels = "labels"\n')
    assert_one_line(run_without(["aiohttp"], "run", "own.toml", cwd=tmp_path), "run", "aiohttp", "all")
    assert not (tmp_path / "own").exists()
    assert run_without(OPTIONAL, "run", "--template", cwd=tmp_path).returncode == 0
