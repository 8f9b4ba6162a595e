"""All studies of one export, included or not: one row for each in `studies.csv`."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfspine.annotations.exclusions import (
    Finding,
    Measure,
    Measured,
    Verdict,
    excluded_studies,
    flagged_studies,
)
from tfspine.errors import AnnotationError
from tfspine.formats.csv_words import read_table_of_words
from tfspine.formats.slices_csv import read_slices
from tfspine.labels import Plane
from tfspine.outputs import write_text

TABLE = "studies.csv"

SERIES_COLUMNS = ("study", "chosen_as", "reason")
"""The columns of `series.csv` that are read here."""

CONTRAST = "post-contrast"
"""Start of the reason that ingest gives for a series acquired after a contrast agent."""

REFUSED_STUDY = re.compile(r"study ([0-9a-f]{10}): (.*)", re.DOTALL)
"""Start of the reason that ingest gives for the files of a study that was refused as a whole."""

NAME_OF_PLANE = {Plane.AXIAL: "axial T2w", Plane.SAGITTAL: "sagittal T1w"}


@dataclass(frozen=True)
class CohortStudy:
    """One study that ingest saw.

    `axial` and `sagittal` count its slices; if ingest could not use the study they are 0 and `patient` is empty.
    `left_out_by` is the first measure that excludes it, `detail` the finding, and `flags` the measures that a person
    must decide on; each is empty if it does not apply.
    """

    study: str
    patient: str
    axial: int
    sagittal: int
    verdict: Verdict
    left_out_by: str
    detail: str
    flags: str


COLUMNS = tuple(field.name for field in dataclasses.fields(CohortStudy))


@dataclass(frozen=True)
class Ingested:
    """The tables of a folder that ``tfspine ingest`` wrote, as text."""

    slices: pd.DataFrame
    series: pd.DataFrame
    refused: pd.DataFrame

    @property
    def usable(self) -> list[str]:
        """The studies that have slices, in the order of their pseudonyms."""
        return sorted(set(self.slices["study"]))


def read_ingested(folder: Path) -> Ingested:
    """Read the three tables of ingest.

    Raises:
        AnnotationError: one is missing or lacks a column.
    """
    return Ingested(
        read_slices(folder),
        read_table_of_words(folder / "series.csv", SERIES_COLUMNS),
        read_table_of_words(folder / "refused.csv", ("file", "reason")),
    )


def measures_of_ingest(ingested: Ingested) -> Iterator[Measured]:
    """Yield, for each study seen, the number of series acquired after gadolinium and of planes that can be read."""
    usable = set(ingested.usable)
    refused = {found[1]: found[2] for reason in ingested.refused["reason"] if (found := REFUSED_STUDY.match(reason))}
    contrast = ingested.series["reason"].str.startswith(CONTRAST)
    for study in sorted(usable | set(ingested.series["study"]) | set(refused)):
        is_row = ingested.series["study"] == study
        yield Measured(study, Measure.GADOLINIUM, float((is_row & contrast).sum()))
        chosen = set(ingested.series.loc[is_row, "chosen_as"]) - {""}
        if study in usable:
            chosen = set(ingested.slices.loc[ingested.slices["study"] == study, "plane"])
        if study in usable and len(chosen) == len(Plane):
            yield Measured(study, Measure.SERIES, float(len(Plane)))
        elif len(chosen) == len(Plane) or study not in set(ingested.series["study"]):
            yield Measured(study, Measure.SERIES, 0.0, "cannot be read")
        else:
            missing = [name for plane, name in NAME_OF_PLANE.items() if plane not in chosen]
            yield Measured(study, Measure.SERIES, float(len(chosen)), f"no {' and no '.join(missing)}")


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
        yield Measured(study, Measure.AGE, None if math.isnan(years) else years, "" if uid in ages else "no header")


def cohort_of(ingested: Ingested, measured: Sequence[Measured], findings: Sequence[Finding]) -> list[CohortStudy]:
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


def write_cohort(folder: Path, cohort: Sequence[CohortStudy]) -> None:
    """Write `studies.csv`."""
    table = pd.DataFrame([dataclasses.astuple(study) for study in cohort], columns=list(COLUMNS))
    write_text(folder / TABLE, table.to_csv(index=False))


def read_cohort(folder: Path) -> list[CohortStudy]:
    """Read `studies.csv` of a folder that ``tfspine exclude`` wrote.

    Raises:
        AnnotationError: the table is missing or contains an invalid value.
    """
    path = folder / TABLE
    if not path.is_file():
        raise AnnotationError(f"{path}: not found; make it with tfspine exclude --out {folder}")
    cohort = []
    for line, row in enumerate(read_table_of_words(path, COLUMNS).to_dict("records"), start=2):
        try:
            numbers, verdict = (int(row["axial"]), int(row["sagittal"])), Verdict(row["verdict"])
            cohort.append(
                CohortStudy(
                    row["study"], row["patient"], *numbers, verdict, row["left_out_by"], row["detail"], row["flags"]
                )
            )
        except ValueError as error:
            raise AnnotationError(f"{path}: line {line}: {error}; make it again with tfspine exclude") from None
    return cohort


def excluded_of(cohort: Sequence[CohortStudy], studies: Sequence[str], where: Path) -> set[str]:
    """Return which of some studies are excluded.

    Raises:
        AnnotationError: a study is not in the table; it would otherwise be included without a check.
    """
    verdicts = {study.study: study.verdict for study in cohort}
    missing = sorted(set(studies) - set(verdicts))
    if missing:
        raise AnnotationError(
            f"{where / TABLE}: no study {missing[0]} (and {len(missing) - 1} more); "
            "run tfspine exclude again on these slices"
        )
    return {study for study in studies if verdicts[study] is Verdict.EXCLUDE}


def _verdict(study: str, out: Mapping[str, Measure], flagged: Mapping[str, Sequence[Measure]]) -> Verdict:
    if study in out:
        return Verdict.EXCLUDE
    return Verdict.FLAG if study in flagged else Verdict.INCLUDE
