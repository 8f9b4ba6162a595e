"""The wheel and the source distribution are complete, and the light part is light. Slow tests use a package index."""

import configparser
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES_AT_MOST = 25
GENERATED = ROOT / "tfspine" / "client" / "wire" / "serving_pb2.py"


def run(*words: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program to its end and return what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=cwd, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_messages_load_under_any_runtime() -> None:
    """Code of protobuf 5.27 and later looks at the runtime's version, and refuses older ones."""
    text = GENERATED.read_text()
    assert "ValidateProtobufRuntimeVersion" not in text
    assert "# Protobuf Python Version: 4." in text


def test_what_a_light_installation_asks_for_has_no_tensorflow() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    names = set(re.findall(r"^([\w.-]+)", config["options"]["install_requires"], re.MULTILINE))
    assert not {"tensorflow", "keras", "tf-keras", "matplotlib", "aiohttp"} & names


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source distribution, built from what git would commit."""
    source = tmp_path_factory.mktemp("source")
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--outdir", source / "dist", source)
    return source / "dist"


@pytest.mark.slow
def test_twine_and_check_wheel_contents_accept_them(dist: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
    run(sys.executable, "-m", "check_wheel_contents", *dist.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_what_commands_read(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [*ROOT.glob("experiments/*.toml"), *(path for path in ROOT.glob("serving/**/*") if path.is_file())]
    assert {f"tfspine/project/{path.relative_to(ROOT)}" for path in wanted} <= names
    assert {"tfspine/report/report.html", "tfspine/py.typed"} <= names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.slow
def test_the_source_distribution_is_complete(dist: Path) -> None:
    [archive] = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = ["LICENSE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Dockerfile", "Makefile", "constraints.txt"]
    wanted += ["setup.py", "docs/index.md", "experiments/demo.toml", "serving/models.config", "tests/conftest.py"]
    assert set(wanted) <= names


@pytest.mark.slow
def test_a_light_installation_works_alone(dist: Path, tmp_path: Path) -> None:
    """In an empty environment and an empty folder: 25 packages, simulate, ingest, evaluate, one line for the rest."""
    [wheel] = dist.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python, tfspine = tmp_path / "venv" / "bin" / "python", tmp_path / "venv" / "bin" / "tfspine"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    packages = run(python, "-m", "pip", "list", "--format", "freeze", "--exclude", "pip", "--exclude", "setuptools")
    if sys.version_info >= (3, 11):  # pandas and others ask for more on 3.10
        assert len(packages.splitlines()) <= PACKAGES_AT_MOST, packages
    work = tmp_path / "work"
    work.mkdir()
    assert run(tfspine, "--version", cwd=work).startswith("tfspine ")
    small = ("--set", "phantom.studies=2", "--set", "phantom.matrix_px=64")
    run(tfspine, "phantom", "--out", "phantom", *small, "--experiment", "experiments/demo.toml", cwd=work)
    run(tfspine, "ingest", "phantom/dicom", "--out", "slices", cwd=work)
    labels = ("--reference", "phantom/labels", "--slices", "slices", "--reader", "r1=phantom/readers/radiologist_1")
    assert "Central canal" in run(tfspine, "evaluate", *labels, "--out", "evaluation", cwd=work)
    run(python, "-c", "from tfspine.client.connect import connect; connect('grpc://127.0.0.1:1', 'm')", cwd=work)
    serve = [tfspine, "serve", "--model-config-file", "serving/models.config"]
    done = subprocess.run(serve, capture_output=True, text=True, check=False, cwd=work)
    assert (done.returncode, done.stderr) == (2, "tfspine serve needs tensorflow: pip install 'tfspine[serve]'\n")


@pytest.mark.slow
@pytest.mark.parametrize("protobuf", ["5.26.1", "5.29.5", "6.33.1"])
def test_the_messages_load_beside_older_protobuf(protobuf: str, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", tmp_path, f"protobuf=={protobuf}")
    code = (
        "import google.protobuf as p; from tfspine.client.wire import serving_pb2 as wire; "
        "t = wire.TensorProto(dtype=wire.DT_FLOAT, float_val=[1.5]); "
        "assert wire.TensorProto.FromString(t.SerializeToString()) == t; print(p.__version__)"
    )
    printed = run(sys.executable, "-W", "error", "-c", code, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert printed.strip() == protobuf
