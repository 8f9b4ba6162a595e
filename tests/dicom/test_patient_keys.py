"""Whose study it is where PatientID is absent, and that no pseudonym can be undone by trying numbers."""

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset

from tfspine.cli.main import main
from tfspine.dicom.patient_keys import KnownBy, key_of_study, known_by, patient_key, stands_for_nobody

WriteStudy = Callable[..., Path]


def header(**attributes: str) -> Dataset:
    ds = Dataset()
    for keyword, value in {"StudyInstanceUID": "1.2.3", **attributes}.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def salt(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "salt"
    path.parent.mkdir()
    path.write_text("a salt of more than sixteen bytes")
    path.chmod(0o600)
    return path


def patients(out: Path) -> list[str]:
    """Return the patient of each study, by study."""
    return pd.read_csv(out / "slices.csv", dtype=str).groupby("study_instance_uid").patient.first().tolist()


def test_the_id_comes_first_then_name_and_birth_date_then_the_study() -> None:
    named = {"PatientName": "Doe^Jane", "PatientBirthDate": "19700101"}
    assert known_by(patient_key(header(PatientID="7", **named))) is KnownBy.ID
    assert patient_key(header(PatientID="7")) == patient_key(header(PatientID=" 7 ", **named))
    assert known_by(patient_key(header(**named))) is KnownBy.NAME
    assert patient_key(header(**named)) == patient_key(header(**named | {"PatientName": "DOE^JANE^^"}))
    assert patient_key(header(**named)) != patient_key(header(**named | {"PatientBirthDate": "19700102"}))
    assert known_by(patient_key(header())) is KnownBy.STUDY
    assert patient_key(header()) != patient_key(header(StudyInstanceUID="1.2.4"))


@pytest.mark.parametrize(
    "text", ["", "0", "0000", "ANONYMOUS", "Anonymous^", "unknown", "N/A", "XXXX", "--", "No Name"]
)
def test_what_stands_for_nobody_is_no_patient(text: str) -> None:
    """All people whose files say it would become one patient, and lie in one split."""
    assert stands_for_nobody(text)
    assert known_by(patient_key(header(PatientID=text, PatientName=text))) is KnownBy.STUDY


@pytest.mark.parametrize("text", ["1", "Nona", "Noname Ltd", "7000", "Xu", "Patience", "山田"])
def test_what_names_somebody_counts(text: str) -> None:
    assert not stands_for_nobody(text)


@pytest.mark.parametrize("absent", [None, "", "ANONYMOUS"])
def test_studies_without_an_id_are_no_single_patient_in_ingest_and_deidentify(
    write_study: WriteStudy,
    write_slice: Callable[..., Path],
    tmp_path: Path,
    salt: Path,
    capsys: pytest.CaptureFixture[str],
    absent: str | None,
) -> None:
    """Three studies: Jane Doe twice, another Jane Doe, born on another day."""
    for number, birth in enumerate(("19700101", "19700101", "19800202"), start=1):
        for path in write_study(tmp_path / "in" / str(number), uid=f"1.2.{number}").iterdir():
            ds = pydicom.dcmread(path)
            ds.PatientBirthDate = birth
            if absent is None:
                del ds.PatientID
            else:
                ds.PatientID = absent
            ds.save_as(path)
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--salt-file", str(salt)]) == 0
    assert "2 patients without PatientID: 2 distinguished by PatientName" in capsys.readouterr().err
    first, second, third = patients(tmp_path / "out")
    assert first == second != third
    words = ("--out", str(tmp_path / "clean"), "--salt-file", str(salt))
    assert main(["deidentify", str(tmp_path / "in"), *words]) == 0
    assert "2 patients without PatientID: 2 distinguished by PatientName" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "clean" / "dicom").iterdir()) == sorted({first, third})


def test_studies_without_id_and_name_are_a_patient_each(
    write_study: WriteStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        for path in write_study(tmp_path / "in" / str(number), uid=f"1.2.{number}").iterdir():
            ds = pydicom.dcmread(path)
            del ds.PatientID, ds.PatientName
            ds.save_as(path)
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert "2 have neither" in capsys.readouterr().err
    assert len(set(patients(tmp_path / "out"))) == 2


def test_a_study_of_which_some_files_lack_the_id_is_of_one_patient(
    write_study: WriteStudy, tmp_path: Path, salt: Path
) -> None:
    for number, path in enumerate(sorted(write_study(tmp_path / "in").iterdir())):
        if number % 3 == 0:
            ds = pydicom.dcmread(path)
            del ds.PatientID
            ds.save_as(path)
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--salt-file", str(salt)]) == 0
    assert pd.read_csv(tmp_path / "out" / "slices.csv").patient.nunique() == 1
    words = ("--out", str(tmp_path / "clean"), "--salt-file", str(salt))
    assert main(["deidentify", str(tmp_path / "in"), *words]) == 0
    assert len(list((tmp_path / "clean" / "dicom").iterdir())) == 1


def test_two_ids_in_one_study_stay_two_patients() -> None:
    one, other, none = (patient_key(header(PatientID=text)) for text in ("7", "8", ""))
    assert key_of_study(none, {one, none}) == one
    assert key_of_study(none, {one, other, none}) == none
    assert key_of_study(one, {one, other}) == one


def test_the_pseudonym_is_no_hash_that_anybody_could_compute(write_study: WriteStudy, tmp_path: Path) -> None:
    """A number of five digits: all hundred thousand are tried in a second."""
    assert main(["ingest", str(write_study(tmp_path / "in", patient="48213")), "--out", str(tmp_path / "out")]) == 0
    digests = [getattr(hashlib, name)(b"48213").hexdigest() for name in ("md5", "sha1", "sha256")]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".png"]
    content = b"".join(path.read_bytes() for path in files)
    assert [digest for digest in digests if digest[:8].encode() in content] == []
    assert b"48213" not in content


def test_one_salt_gives_one_pseudonym_and_another_another(write_study: WriteStudy, tmp_path: Path, salt: Path) -> None:
    source = write_study(tmp_path / "in")
    for out in ("a", "b"):
        assert main(["ingest", str(source), "--out", str(tmp_path / out), "--salt-file", str(salt)]) == 0
    words = ("--salt-file", str(tmp_path / "other"), "--create-salt")
    assert main(["ingest", str(source), "--out", str(tmp_path / "c"), *words]) == 0
    assert patients(tmp_path / "a") == patients(tmp_path / "b") != patients(tmp_path / "c")
    secret = salt.read_text()
    assert all(secret not in path.read_text() for path in (tmp_path / "a").glob("*.[cj]s*"))


def test_without_a_salt_a_random_one_is_kept_beside_the_output(write_study: WriteStudy, tmp_path: Path) -> None:
    source = write_study(tmp_path / "in")
    for place in ("here", "there"):
        for out in ("a", "b"):
            assert main(["ingest", str(source), "--out", str(tmp_path / place / out)]) == 0
    here, there = (tmp_path / place / "pseudonyms.salt" for place in ("here", "there"))
    assert stat.S_IMODE(here.stat().st_mode) == 0o600
    assert here.read_text() != there.read_text()
    assert patients(tmp_path / "here" / "a") == patients(tmp_path / "here" / "b")
    assert patients(tmp_path / "here" / "a") != patients(tmp_path / "there" / "a")
    (tmp_path / "empty").mkdir()
    assert main(["ingest", str(tmp_path / "empty"), "--out", str(tmp_path / "third" / "a")]) == 2
    assert not (tmp_path / "third" / "pseudonyms.salt").exists()


def test_a_salt_in_the_output_is_refused(
    write_study: WriteStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--salt-file", str(tmp_path / "out" / "salt"), "--create-salt")
    assert main(["ingest", str(write_study(tmp_path / "in")), "--out", str(tmp_path / "out"), *words]) == 2
    assert "lies in the output" in capsys.readouterr().err
