"""Simulated DICOM: the same seed gives the same bytes, headers are those of an MR series, severity shows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tfspine.cli.main import main
from tfspine.config import PhantomConfig, Prevalence, Vendors
from tfspine.errors import ConfigError
from tfspine.labels import Grade, Plane, Region
from tfspine.phantom.panel import PANEL
from tfspine.phantom.severity import grade_of
from tfspine.phantom.study import SimulatedStudy, simulate_study

SMALL = PhantomConfig(matrix_px=96, prevalence=Prevalence.BALANCED)


@pytest.fixture(scope="module")
def study() -> SimulatedStudy:
    return simulate_study(SMALL, seed=5, number=7)


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        words = ["--set", "phantom.studies=2", "--set", "phantom.matrix_px=64", "--workers", str(workers)]
        assert main(["phantom", "--out", str(tmp_path / str(workers)), *words]) == 0
    one, two = folder_bytes(tmp_path / "1"), folder_bytes(tmp_path / "2")
    assert one == two
    assert len(one) > 80


def test_a_patient_depends_on_seed_and_number_alone(study: SimulatedStudy) -> None:
    again = simulate_study(SMALL, seed=5, number=7)
    other = simulate_study(SMALL, seed=6, number=7)
    assert again.truth == study.truth
    assert again.files[0][1].PixelData == study.files[0][1].PixelData
    assert other.files[0][1].SOPInstanceUID != study.files[0][1].SOPInstanceUID


def test_headers_are_those_of_an_mr_study(study: SimulatedStudy) -> None:
    images = [ds for _, ds in study.files]
    assert len({ds.SOPInstanceUID for ds in images}) == len(images)
    assert len({ds.StudyInstanceUID for ds in images}) == 1
    assert len({ds.FrameOfReferenceUID for ds in images}) == 1
    assert len({ds.SeriesInstanceUID for ds in images}) == 3
    for ds in images:
        assert len(ds.SOPInstanceUID) <= 64  # PS3.5 section 9.1
        row, column = np.array(ds.ImageOrientationPatient).reshape(2, 3)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
        assert np.dot(row, column) == pytest.approx(0, abs=1e-5)
        assert ds.pixel_array.max() < 4096
    axial = [ds for name, ds in study.files if name.startswith(Plane.AXIAL)]
    assert all(3500 <= ds.RepetitionTime <= 5300 and 80 <= ds.EchoTime <= 100 for ds in axial)  # docs/paper.md, Data


@pytest.mark.parametrize(
    "config",
    [*(PhantomConfig(matrix_px=64, vendor=vendor) for vendor in Vendors), PhantomConfig(matrix_px=64, randomize=True)],
    ids=[*Vendors, "randomized"],
)
def test_labels_are_keyed_as_ingest_keys_the_slices(tmp_path: Path, config: PhantomConfig) -> None:
    """Checked through the position: the truth's n-th axial slice is the n-th that ingest finds along the normal."""
    from tfspine.dicom.slices import load_slices

    randomize = str(config.randomize).lower()
    settings = ("studies=2", "matrix_px=64", f"vendor={config.vendor}", f"randomize={randomize}")
    words = [word for setting in settings for word in ("--set", f"phantom.{setting}")]
    assert main(["phantom", "--out", str(tmp_path / "p"), *words]) == 0
    assert main(["ingest", str(tmp_path / "p" / "dicom"), "--out", str(tmp_path / "s")]) == 0
    slices = {slice_.key: slice_ for slice_ in load_slices(tmp_path / "s")}
    studies = [simulate_study(config, seed=1, number=number) for number in (1, 2)]
    assert set(slices) == {annotated.key for study in studies for annotated in study.truth}
    for simulated in studies:
        named = [ds for name, ds in simulated.files if not name.startswith("localizer")]
        for annotated, ds in zip(simulated.truth, named, strict=True):
            assert slices[annotated.key].geometry.position_mm == pytest.approx(tuple(ds.ImagePositionPatient))


def canal_crops(study: SimulatedStudy) -> Iterator[tuple[Grade, np.ndarray]]:
    for annotated, (_, ds) in zip(study.truth, study.files, strict=False):
        for item in annotated.annotations:
            if item.region is Region.CENTRAL_CANAL and item.grade is not None:
                ymin, xmin, ymax, xmax = (round(value) for value in item.box)
                yield item.grade, ds.pixel_array[ymin:ymax, xmin:xmax]


def test_a_severe_canal_shows_less_fluid_than_a_normal_one() -> None:
    """Pixels within the canal's box on T2 nearly as bright as the brightest fluid of the study, as a share of it."""
    shares: dict[Grade, list[float]] = {grade: [] for grade in Grade}
    for number in range(1, 13):
        crops = list(canal_crops(simulate_study(SMALL, seed=2, number=number)))
        fluid = np.percentile(np.concatenate([crop.ravel() for _, crop in crops]), 98)
        for grade, crop in crops:
            shares[grade].append(float((crop > 0.7 * fluid).mean()))
    means = [np.mean(shares[grade]) for grade in Grade]
    assert means == sorted(means, reverse=True)
    assert means[3] < means[0] / 2


def test_severities_stand_behind_the_grades(study: SimulatedStudy) -> None:
    for annotated, severities in zip(study.truth, study.severities, strict=True):
        assert [grade_of(severity) for severity in severities] == [item.grade for item in annotated.annotations]


def test_readers_label_every_slice(tmp_path: Path) -> None:
    words = ["--set", "phantom.studies=1", "--set", "phantom.matrix_px=64"]
    assert main(["phantom", "--out", str(tmp_path), *words]) == 0
    labels = {path.name for path in (tmp_path / "labels").iterdir()}
    for reader in PANEL:
        assert {path.name for path in (tmp_path / "readers" / reader).iterdir()} == labels


def test_a_matrix_too_small_to_show_anything_is_refused() -> None:
    with pytest.raises(ConfigError, match="matrix_px = 32"):
        simulate_study(PhantomConfig(matrix_px=32), seed=1, number=1)


def test_written_files_are_readable_dicom(study: SimulatedStudy, tmp_path: Path) -> None:
    from tfspine.phantom.study import write_dicom

    write_dicom(study, tmp_path)
    files = sorted(tmp_path.rglob("*.dcm"))
    assert len(files) == len(study.files)
    assert pydicom.dcmread(files[0]).PatientName == "PHANTOM^0007"
