"""Studies on a cluster: Ray's local runner gives what a plain loop gives, whatever one study does."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests_settings import HANG_S

from tfspine.cli.main import main
from tfspine.dicom.ray_cluster import Cluster, StudyFailure, run_per_study
from tfspine.errors import ConfigError, DicomError

pytestmark = pytest.mark.slow


def test_no_studies_start_nothing() -> None:
    assert list(run_per_study(str, [])) == []


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    import ray

    assert not ray.is_initialized()  # the tests below share one
    with pytest.raises(ConfigError, match="Ray does not start there") as raised:
        list(run_per_study(str, [1], cluster=Cluster(address="auto")))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("settings", [{"workers": 0}, {"attempts": 0}])
def test_impossible_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected at least 1"):
        list(run_per_study(str, [1], cluster=Cluster(**settings)))


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    """Start Ray once for this module: a start takes seconds, and a running one is used as it is."""
    import ray

    from tfspine.dicom import ray_cluster

    ray_cluster._start(Cluster(workers=2))
    yield
    ray.shutdown()


def on_ray(function: Callable[[Any], Any], studies: Any) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return list(run_per_study(function, studies, cluster=Cluster(workers=2)))


@pytest.mark.usefixtures("_ray")
def test_real_studies_give_what_a_plain_loop_gives(write_study: Callable[..., Path], tmp_path: Path) -> None:
    """Each study's pixels are summed: 0 + 1 + ... + 191 in each of its slices (conftest), times twelve slices."""
    import pydicom

    folders = [write_study(tmp_path / uid, uid=uid) for uid in ("1.2.3", "1.2.4", "1.2.5")]

    def summed(folder: Path) -> tuple[str, int]:
        read = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
        return read[0].StudyInstanceUID, sum(int(ds.pixel_array.astype(int).sum()) for ds in read)

    results = on_ray(summed, folders)
    assert results == list(map(summed, folders))
    assert results == [(uid, 12 * 191 * 192 // 2) for uid in ("1.2.3", "1.2.4", "1.2.5")]


@pytest.mark.usefixtures("_ray")
def test_one_bad_study_is_a_value_and_the_order_stays() -> None:
    def slow_first(number: int) -> int:
        import time

        time.sleep(0.5 if number == 0 else 0)
        if number == 2:
            raise DicomError("no axial T2w series")
        if number == 4:
            raise ZeroDivisionError("Doe^Jane")
        return number * number

    assert on_ray(slow_first, list(range(6))) == [
        0,
        1,
        StudyFailure("no axial T2w series"),
        9,
        StudyFailure("failed with ZeroDivisionError; please report it"),
        25,
    ]


@pytest.mark.usefixtures("_ray")
def test_a_study_that_takes_its_process_with_it_stops_no_other() -> None:
    """As a decoder written in C may do over a damaged file."""

    def dies(number: int) -> int:
        if number in (1, 3):
            os._exit(1)
        return number

    results = on_ray(dies, [0, 1, 2, 3])
    assert (results[0], results[2], len(results)) == (0, 2, 4)
    for lost in (results[1], results[3]):
        assert isinstance(lost, StudyFailure)
        assert "the process that read it died" in lost.reason
        assert "2 times" in lost.reason


@pytest.mark.usefixtures("_ray")
def test_a_study_that_hangs_stops_no_other() -> None:
    """As a decoder written in C may do: where Python does not get to act."""

    def hangs(number: int) -> int:
        import re

        if number == 1:
            re.match(r"(a+)+$", "a" * 99 + "b")
        return number

    cluster = Cluster(workers=2, attempts=1, longest_s=2.0)
    results = list(run_per_study(hangs, [0, 1, 2], cluster=cluster))
    assert (results[0], results[2], len(results)) == (0, 2, 3)
    assert isinstance(results[1], StudyFailure)
    assert "not finished after 2 s" in results[1].reason


def listening(process: psutil.Process) -> set[str]:
    """Return the addresses that a process listens at; one that ended since it was listed listens nowhere."""
    try:
        connections = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


@pytest.mark.usefixtures("_ray")
def test_nobody_listens_but_on_loopback() -> None:
    ours = psutil.Process()
    addresses = {address for process in (ours, *ours.children(recursive=True)) for address in listening(process)}
    assert addresses and addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.usefixtures("_ray")
def test_ingest_on_a_cluster_writes_what_ingest_alone_writes(write_study: Callable[..., Path], tmp_path: Path) -> None:
    """Through the command, three studies and a file between them; only the manifest tells the time."""
    for uid in ("1.2.3", "1.2.4", "1.2.5"):
        write_study(tmp_path / "in" / uid, uid=uid, patient=f"P{uid}")
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    for name, words in (("alone", ()), ("cluster", ("--cluster", "local"))):
        assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / name), *words]) == 0
    alone, cluster = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("alone", "cluster")
    )
    assert len([name for name in alone if name.suffix == ".png"]) == 36
    assert {name: content for name, content in alone.items() if name.name != "manifest.json"} == {
        name: content for name, content in cluster.items() if name.name != "manifest.json"
    }


@pytest.mark.usefixtures("_ray")
@pytest.mark.parametrize(("token", "enters"), [(None, True), ("0" * 64, False)])
def test_who_has_not_the_token_is_turned_away(token: str | None, enters: bool) -> None:
    import ray

    code = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False); print(ray.cluster_resources()['CPU'])"
    done = subprocess.run(
        [sys.executable, "-c", code, ray.get_runtime_context().gcs_address],
        env=os.environ | ({"RAY_AUTH_TOKEN": token} if token else {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert (done.returncode == 0, "2.0" in done.stdout) == (enters, enters), done.stderr[-2000:]


@pytest.mark.usefixtures("_ray")
def test_results_may_be_anything_that_pickles() -> None:
    """Nothing passes through a table's columns: mixed types and None come back as they are."""
    studies = [None, {"a": (1, 2)}, Path("x"), "text", [StudyFailure("mine")]]
    assert on_ray(lambda study: study, studies) == studies
