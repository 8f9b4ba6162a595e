"""All studies of one export, included or not, with their facts from ingest."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfspine.annotations.exclusions import Measured, excluded_studies, flagged_studies
from tfspine.errors import AnnotationError
from tfspine.formats.exclusions_csv import JudgedMeasure, StudyMeasure, Verdict
from tfspine.formats.refused_csv import read_refused
from tfspine.formats.series_csv import SeriesRow, read_series
from tfspine.formats.slices_csv import read_slices
from tfspine.formats.studies_csv import STUDIES_FILE, CohortStudy
from tfspine.labels import Plane
from tfspine.structures import Refusal

CONTRAST = "post-contrast"
"""Start of the reason that ingest gives for a series acquired after a contrast agent."""

REFUSED_STUDY = re.compile(r"study ([0-9a-f]{10}): (.*)", re.DOTALL)
"""Start of the reason that ingest gives for the files of a study that was refused as a whole."""

NAME_OF_PLANE = {Plane.AXIAL: "axial T2w", Plane.SAGITTAL: "sagittal T1w"}


@dataclass(frozen=True)
class Ingested:
    """The tables of a folder that ``tfspine ingest`` wrote."""

    slices: pd.DataFrame
    series: Sequence[SeriesRow]
    refused: Sequence[Refusal]

    @property
    def usable(self) -> list[str]:
        """The studies that have slices, in the order of their pseudonyms."""
        return sorted(set(self.slices["study"]))


def read_ingested(folder: Path) -> Ingested:
    """Read the three tables of ingest.

    Raises:
        FormatError: one is missing, lacks a column, or has an invalid value.
    """
    return Ingested(read_slices(folder), read_series(folder), read_refused(folder, made_by="tfspine ingest"))


def measures_of_ingest(ingested: Ingested) -> Iterator[Measured]:
    """Yield, for each study seen, the number of series acquired after gadolinium and of planes that can be read."""
    usable = set(ingested.usable)
    refused = {found[1] for item in ingested.refused if (found := REFUSED_STUDY.match(item.reason))}
    series_of: dict[str, list[SeriesRow]] = defaultdict(list)
    for row in ingested.series:
        series_of[row.study].append(row)
    for study in sorted(usable | set(series_of) | refused):
        rows = series_of.get(study, [])
        yield Measured(study, StudyMeasure.GADOLINIUM, float(sum(row.reason.startswith(CONTRAST) for row in rows)))
        chosen = {row.chosen_as for row in rows} - {""}
        if study in usable:
            chosen = set(ingested.slices.loc[ingested.slices["study"] == study, "plane"])
        if study in usable and len(chosen) == len(Plane):
            yield Measured(study, StudyMeasure.SERIES, float(len(Plane)))
        elif len(chosen) == len(Plane) or not rows:
            yield Measured(study, StudyMeasure.SERIES, 0.0, "cannot be read")
        else:
            missing = [name for plane, name in NAME_OF_PLANE.items() if plane not in chosen]
            yield Measured(study, StudyMeasure.SERIES, float(len(chosen)), f"no {' and no '.join(missing)}")


def measures_of_age(ingested: Ingested, ages: Mapping[str, float]) -> Iterator[Measured]:
    """Yield the age in years of the patient of each study that has slices.

    Args:
        ingested: the tables of ingest.
        ages: by StudyInstanceUID, NaN if a header does not contain it.

    Raises:
        AnnotationError: the headers are not those of the studies that have slices.
    """
    first = ingested.slices.drop_duplicates("study")
    if not set(first["study_instance_uid"]) & set(ages):
        raise AnnotationError(
            "--dicom: no header that gives age or sex belongs to a study of --slices; name the folder that was ingested"
        )
    for study, uid in sorted(zip(first["study"], first["study_instance_uid"], strict=True)):
        years = ages.get(uid, math.nan)
        yield Measured(
            study, StudyMeasure.AGE, None if math.isnan(years) else years, "" if uid in ages else "no header"
        )


def cohort_of(ingested: Ingested, measured: Sequence[Measured], findings: Sequence[JudgedMeasure]) -> list[CohortStudy]:
    """Return every study seen, with its result: included, excluded or flagged."""
    out, flagged = excluded_studies(findings), flagged_studies(findings)
    notes = {(item.study, item.measure): item.note for item in measured}
    counts = ingested.slices.groupby(["study", "plane"]).size().to_dict()
    patients = dict(zip(ingested.slices["study"], ingested.slices["patient"], strict=True))
    return [
        CohortStudy(
            study=study,
            patient=patients.get(study, ""),
            axial=int(counts.get((study, Plane.AXIAL.value), 0)),
            sagittal=int(counts.get((study, Plane.SAGITTAL.value), 0)),
            verdict=_verdict(study, out, flagged),
            left_out_by=out.get(study, ""),
            detail=notes[study, out[study]] if study in out else "",
            flags=" ".join(flagged.get(study, [])),
        )
        for study in sorted({finding.study for finding in findings})
    ]


def excluded_of(cohort: Sequence[CohortStudy], studies: Sequence[str], where: Path) -> set[str]:
    """Return which of some studies are excluded.

    Raises:
        AnnotationError: a study is not in the table; it would otherwise be included without a check.
    """
    verdicts = {study.study: study.verdict for study in cohort}
    missing = sorted(set(studies) - set(verdicts))
    if missing:
        raise AnnotationError(
            f"{where / STUDIES_FILE}: no study {missing[0]} (and {len(missing) - 1} more); "
            "run tfspine exclude again on these slices"
        )
    return {study for study in studies if verdicts[study] is Verdict.EXCLUDE}


def _verdict(study: str, out: Mapping[str, StudyMeasure], flagged: Mapping[str, Sequence[StudyMeasure]]) -> Verdict:
    if study in out:
        return Verdict.EXCLUDE
    return Verdict.FLAG if study in flagged else Verdict.INCLUDE
