"""A simulated patient in the form of hospital data: DICOM MR images, with the truth for each slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from tfspine.config import PhantomConfig
from tfspine.errors import ConfigError
from tfspine.geometry import stacks_of
from tfspine.labels import Plane
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.cuts import Cut, axial_cuts, sagittal_cuts
from tfspine.phantom.headers import LOCALIZER_IMAGE_TYPE, Exam, Series, image_dataset
from tfspine.phantom.protocol import PhaseEncoding, Protocol
from tfspine.phantom.randomize import randomized, recoloured
from tfspine.phantom.scanner import scan
from tfspine.phantom.truth import annotate, severities_seen, study_grades
from tfspine.phantom.vendors import OF_COHORT, Numbering, draw_protocol, instance_numbers
from tfspine.structures import AnnotatedSlice, pseudonym, slice_key

SMALLEST_MATRIX_PX = 64
LOCALIZER_SLICES = 3


@dataclass(frozen=True)
class SimulatedStudy:
    """One patient: named DICOM data sets, the truth of every slice, and rows of `grades.csv`.

    `severities` holds the severity of each annotation of `truth`, slice by slice.

    The first files correspond to `truth` one to one, each plane in stacking order. The localizer's files follow.
    """

    patient_id: str
    files: tuple[tuple[str, Dataset], ...]
    truth: tuple[AnnotatedSlice, ...]
    severities: tuple[tuple[float, ...], ...]
    grades: tuple[dict[str, Any], ...]


def simulate_study(config: PhantomConfig, *, seed: int, number: int) -> SimulatedStudy:
    """Simulate patient `number` of the cohort with `seed`; the same arguments always give the same bytes.

    Raises:
        ConfigError: the matrix is too small.
    """
    _require(config)
    rng = np.random.default_rng([seed, number])
    anatomy = draw_anatomy(rng, prevalence=config.prevalence)
    exam = _draw_exam(config, anatomy, rng, seed=seed, number=number)
    study = pseudonym(exam.uid("study"))
    files: list[tuple[str, Dataset]] = []
    truth: list[AnnotatedSlice] = []
    severities: list[tuple[float, ...]] = []
    for series_number, plane in enumerate(Plane, start=2):
        series = _draw_series(config, exam, plane, rng, number=series_number)
        cuts = _in_stacking_order(anatomy, series.protocol, rng)
        files += _images(exam, series, anatomy, cuts, rng, folder=str(plane), is_random=config.randomize)
        for index, cut in enumerate(cuts, start=1):
            truth.append(AnnotatedSlice(slice_key(study, plane, index), cut.geometry.size_px, annotate(anatomy, cut)))
            severities.append(severities_seen(anatomy, cut, truth[-1].annotations))
    files += _localizer(exam, anatomy, rng)
    return SimulatedStudy(
        exam.patient_id, tuple(files), tuple(truth), tuple(severities), tuple(_grade_rows(study, anatomy))
    )


def write_dicom(study: SimulatedStudy, folder: Path) -> None:
    """Write the images of a study below `folder/PATIENT/SERIES/`."""
    for name, ds in study.files:
        path = folder / study.patient_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)


def _require(config: PhantomConfig) -> None:
    if config.matrix_px and config.matrix_px < SMALLEST_MATRIX_PX:
        raise ConfigError(
            f"phantom.matrix_px = {config.matrix_px}; expected at least {SMALLEST_MATRIX_PX}, or 0 for the vendor's own"
        )


def _draw_exam(config: PhantomConfig, anatomy: Anatomy, rng: np.random.Generator, *, seed: int, number: int) -> Exam:
    vendors = OF_COHORT[config.vendor]
    vendor = vendors[number % len(vendors)]
    return Exam(
        seed, number, vendor, vendor.models[int(rng.integers(len(vendor.models)))], anatomy.age_years, anatomy.sex
    )


def _draw_series(config: PhantomConfig, exam: Exam, plane: Plane, rng: np.random.Generator, *, number: int) -> Series:
    vendor = exam.vendor
    protocol = draw_protocol(vendor, plane, rng, field_t=exam.model.field_t, matrix_px=config.matrix_px)
    slope = round(rng.uniform(*vendor.rescale_slope), 6) if vendor.rescale_slope else None
    if config.randomize:
        protocol = randomized(protocol, rng)
    return Series(number, vendor.series[plane].description, vendor.image_type, protocol, slope, vendor.numbering)


def _in_stacking_order(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> list[Cut]:
    """Return the slices of a series in the order used for numbering in the whole package (`geometry.py`)."""
    plan = axial_cuts if protocol.plane is Plane.AXIAL else sagittal_cuts
    cuts = list(plan(anatomy, protocol, rng))
    stacks = stacks_of([cut.geometry for cut in cuts], protocol.plane)
    return [cuts[index] for stack in stacks for index in stack]


def _images(
    exam: Exam,
    series: Series,
    anatomy: Anatomy,
    cuts: list[Cut],
    rng: np.random.Generator,
    *,
    folder: str,
    is_random: bool = False,
) -> Iterator[tuple[str, Dataset]]:
    """Yield file names and images of a series, in the order of its slices."""
    for cut, instance_number in zip(cuts, instance_numbers(cuts, series.numbering), strict=True):
        protocol = recoloured(series.protocol, rng) if is_random else series.protocol
        pixels = scan(anatomy, cut, protocol, rng)
        ds = image_dataset(exam, series, cut, pixels, instance_number=instance_number)
        yield f"{folder}/IM{instance_number:04d}.dcm", ds


def _localizer(exam: Exam, anatomy: Anatomy, rng: np.random.Generator) -> Iterator[tuple[str, Dataset]]:
    """Yield three fast sagittal scout images, as in every study; ingest must distinguish them from the series."""
    protocol = Protocol(
        Plane.SAGITTAL, 500, 12, 400.0, SMALLEST_MATRIX_PX, field_t=exam.model.field_t, phase=PhaseEncoding.COL
    )
    cuts = _in_stacking_order(anatomy, protocol, rng)
    few = cuts[:: len(cuts) // LOCALIZER_SLICES][:LOCALIZER_SLICES]
    series = Series(1, "localizer", LOCALIZER_IMAGE_TYPE, protocol, None, Numbering.FORWARDS)
    yield from _images(exam, series, anatomy, few, rng, folder="localizer")


def _grade_rows(study: str, anatomy: Anatomy) -> Iterator[dict[str, Any]]:
    for level, region, side, severity, grade in study_grades(anatomy):
        yield {
            "study": study,
            "level": level,
            "region": region,
            "side": side,
            "severity": round(severity, 6),
            "grade": grade.word,
        }
