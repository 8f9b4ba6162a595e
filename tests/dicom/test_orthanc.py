"""Fetching from a real PACS: Orthanc with its DICOMweb plug-in, from Debian's packages, on the loopback interface."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pydicom
import pytest
import requests

from tfspine.cli.main import main
from tfspine.structures import pseudonym

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
UNPACKED = REPOSITORY / ".cache" / "orthanc"
UNREACHABLE = 3
USER, PASSWORD = "reader", "sch\u00f6n:secret"
SECONDS_TO_START = 60


@dataclass(frozen=True)
class Orthanc:
    """A running server and where it keeps its files."""

    root: str
    storage: Path
    auth_file: Path

    @property
    def dicomweb(self) -> str:
        return f"{self.root}/dicom-web"

    def push(self, folder: Path) -> None:
        """Store every file below a folder, by Orthanc's own interface, so that the bytes are not touched."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                answer = requests.post(f"{self.root}/instances", data=path.read_bytes(), auth=self._login, timeout=30)
                answer.raise_for_status()

    def lose_the_pixels_of(self, sop_instance_uid: str) -> None:
        """Delete an instance's file behind the server's back, as a failing disk does."""
        found = requests.post(f"{self.root}/tools/lookup", data=sop_instance_uid, auth=self._login, timeout=30).json()
        (instance,) = (item["ID"] for item in found if item["Type"] == "Instance")
        url = f"{self.root}/instances/{instance}/attachments/dicom/info"
        answer = requests.get(url, auth=self._login, timeout=30)
        uuid = answer.json()["Uuid"]
        (file,) = self.storage.rglob(uuid)
        file.unlink()

    @property
    def _login(self) -> tuple[bytes, bytes]:
        return USER.encode(), PASSWORD.encode()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Run Orthanc on a free port of the loopback interface, with a login and an empty store."""
    done = subprocess.run([REPOSITORY / "tests" / "real" / "orthanc.sh", UNPACKED], capture_output=True, text=True)
    if done.returncode == UNREACHABLE:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("orthanc")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    system = UNPACKED / "root" / "usr"
    (plugin,) = (system / "lib" / "orthanc").glob("libOrthancDicomWeb.so.*")
    settings = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "MaximumStorageCacheSize": 0,  # else a file that is deleted lives on in memory
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Locale": "C",
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    (folder / "auth").write_text(f"basic {USER}:{PASSWORD}\n")
    environment = os.environ | {
        "LD_LIBRARY_PATH": ":".join(str(path) for path in (UNPACKED / "root").rglob("*-linux-gnu") if path.is_dir()),
        "DCMDICTPATH": str(next((system / "share").glob("libdcmtk*/dicom.dic"))),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [system / "sbin" / "Orthanc", folder / "orthanc.json"], env=environment, stdout=log, stderr=log
        )
    try:
        server = Orthanc(f"http://127.0.0.1:{port}", folder / "store", folder / "auth")
        _wait_for(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(server: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(f"{server.dicomweb}/studies", timeout=5).status_code == 401:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail(f"Orthanc does not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the DICOM files of two simulated patients."""
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    settings = ("--set", "phantom.studies=2", "--set", "phantom.matrix_px=64")
    assert main(["phantom", "--out", str(folder), *settings]) == 0
    return folder / "dicom"


def fetch(orthanc: Orthanc, out: Path, *words: str) -> int:
    return main(["fetch", orthanc.dicomweb, "--out", str(out), "--auth-file", str(orthanc.auth_file), *words])


def instances(folder: Path) -> dict[str, pydicom.Dataset]:
    """Read every DICOM file below a folder by its SOPInstanceUID."""
    read = [pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file()]
    return {ds.SOPInstanceUID: ds for ds in read}


def test_phantom_studies_come_back_as_they_were(orthanc: Orthanc, phantom: Path, tmp_path: Path) -> None:
    orthanc.push(phantom)
    originals = instances(phantom)
    studies = sorted({ds.StudyInstanceUID for ds in originals.values()})
    words = [word for uid in studies for word in ("--study-uid", uid)]
    assert fetch(orthanc, tmp_path / "out", *words) == 0
    fetched = instances(tmp_path / "out" / "dicom")
    assert fetched.keys() == originals.keys()
    for uid, ds in fetched.items():
        original = originals[uid]
        assert ds.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert ds.PixelData == original.PixelData
        # Nothing else of the data set is touched either; group lengths and the file's own header may be.
        assert ds == original
    assert sorted(path.name for path in (tmp_path / "out" / "dicom").iterdir()) == sorted(map(pseudonym, studies))


def test_what_was_fetched_is_ingested_as_the_originals_are(orthanc: Orthanc, phantom: Path, tmp_path: Path) -> None:
    orthanc.push(phantom)
    patients = sorted({ds.PatientID for ds in instances(phantom).values()})
    (tmp_path / "patients").write_text("\n".join(patients))
    assert fetch(orthanc, tmp_path / "out", "--patient-id-file", str(tmp_path / "patients")) == 0
    assert main(["ingest", str(phantom), "--out", str(tmp_path / "one")]) == 0
    assert main(["ingest", str(tmp_path / "out" / "dicom"), "--out", str(tmp_path / "two")]) == 0
    one, two = (pd.read_csv(tmp_path / name / "slices.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two)
    for key in one.key:
        first, second = (tmp_path / name / "slices" / f"{key}.png" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_only_mr_series_come_and_the_others_are_listed(
    orthanc: Orthanc, write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_study(tmp_path / "in", uid="1.2.30", patient="MIXED")
    write_slice(
        source / "ct", StudyInstanceUID="1.2.30", SeriesInstanceUID="1.2.30.7", PatientID="MIXED", Modality="CT"
    )
    knee = {"SeriesInstanceUID": "1.2.30.8", "BodyPartExamined": "KNEE"}
    write_slice(source / "knee", StudyInstanceUID="1.2.30", PatientID="MIXED", **knee)
    orthanc.push(source)
    assert fetch(orthanc, tmp_path / "out", "--study-uid", "1.2.30", "--body-part", "lspine") == 0
    series = {ds.SeriesInstanceUID for ds in instances(tmp_path / "out" / "dicom").values()}
    assert series == {"1.2.30.1", "1.2.30.2"}
    refused = pd.read_csv(tmp_path / "out" / "refused.csv", dtype=str).set_index("series_instance_uid").reason
    assert refused["1.2.30.7"] == "Modality CT; expected MR"
    assert refused["1.2.30.8"] == "BodyPartExamined KNEE; expected LSPINE"
    # Of a study that is there already nobody asks again, and the list must not forget.
    assert fetch(orthanc, tmp_path / "out", "--study-uid", "1.2.30", "--body-part", "lspine") == 0
    assert len(pd.read_csv(tmp_path / "out" / "refused.csv")) == 2


def test_dates_and_more_studies_than_a_page(
    orthanc: Orthanc, write_slice: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tfspine.dicom.dicomweb.PAGE", 3)
    for day in range(1, 9):
        uid = f"1.2.40.{day}"
        write_slice(
            tmp_path / "in" / uid, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", PatientID=f"DAY{day}",
            StudyDate=f"2031010{day}",
        )  # fmt: skip
    write_slice(
        tmp_path / "in" / "ct", StudyInstanceUID="1.2.40.9", SeriesInstanceUID="1.2.40.9.1", PatientID="DAY9",
        StudyDate="20310105", Modality="CT",
    )  # fmt: skip
    orthanc.push(tmp_path / "in")
    assert fetch(orthanc, tmp_path / "out", "--date", "20310102-20310108", "--json") == 0
    assert json.loads(capsys.readouterr().out)["fetched"] == 7
    dates = {ds.StudyDate for ds in instances(tmp_path / "out" / "dicom").values()}
    assert dates == {f"2031010{day}" for day in range(2, 9)}
    assert fetch(orthanc, tmp_path / "few", "--date", "20310102-20310108", "--limit", "4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["fetched"] == 4


def test_a_study_whose_file_the_server_has_lost_stops_no_other(
    orthanc: Orthanc, write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        write_study(tmp_path / "in" / str(number), uid=f"1.2.5{number}", patient=f"LOST{number}")
    orthanc.push(tmp_path / "in")
    lost = next(ds for ds in instances(tmp_path / "in" / "2").values() if ds.SeriesInstanceUID == "1.2.52.2")
    orthanc.lose_the_pixels_of(lost.SOPInstanceUID)
    words = [word for number in (1, 2, 3) for word in ("--study-uid", f"1.2.5{number}")]
    assert fetch(orthanc, tmp_path / "out", "--attempts", "1", *words) == 1
    there = {path.name for path in (tmp_path / "out" / "dicom").iterdir()}
    assert there == {pseudonym("1.2.51"), pseudonym("1.2.53")}
    refused = pd.read_csv(tmp_path / "out" / "refused.csv", dtype=str)
    assert refused.study_instance_uid.tolist() == ["1.2.52"]
    # Orthanc answers 200 and ends its answer where it meets the gap: only the count tells.
    assert re.search(r"the server sent [0-5] of 6 images", refused.reason[0])
    assert "1 studies not fetched" in capsys.readouterr().err


def test_half_a_fetch_goes_on_where_it_stopped(
    orthanc: Orthanc, phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orthanc.push(phantom)
    first, second = sorted({ds.StudyInstanceUID for ds in instances(phantom).values()})
    assert fetch(orthanc, tmp_path / "out", "--study-uid", first) == 0
    images = tmp_path / "out" / "dicom"
    before = {path: path.stat().st_mtime_ns for path in images.rglob("*.dcm")}
    # A run that was killed leaves a folder under a temporary name.
    shutil.copytree(images / pseudonym(first), images / f".{pseudonym(second)}.partial-1")
    capsys.readouterr()
    assert fetch(orthanc, tmp_path / "out", "--study-uid", first, "--study-uid", second, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["fetched"], told["there_already"], told["refused"]) == (1, 1, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert instances(images).keys() == instances(phantom).keys()
    assert {path.name for path in images.iterdir()} == {pseudonym(first), pseudonym(second)}


def test_wrong_credentials_are_one_line(orthanc: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong").write_text(f"basic {USER}:guess")
    words = ["fetch", orthanc.dicomweb, "--out", str(tmp_path / "out"), "--limit", "1"]
    assert main([*words, "--auth-file", str(tmp_path / "wrong")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line == f"tfspine fetch: {orthanc.dicomweb}: HTTP 401: the server refuses the credentials; see --auth-file"
    assert main(words) == 2
    assert "asks for credentials" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_address_beside_the_service_is_one_line(
    orthanc: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--out", str(tmp_path / "out"), "--limit", "1", "--auth-file", str(orthanc.auth_file)]
    assert main(["fetch", f"{orthanc.root}/nowhere", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "HTTP 404" in line and "root of its DICOMweb service" in line
