"""``studies.csv``: all studies of one export, included or not, one row for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import read_csv_rows, write_csv
from tfspine.formats.exclusions_csv import Verdict

STUDIES_FILE = "studies.csv"

STUDY_COLUMNS = ("study", "patient", "axial", "sagittal", "verdict", "left_out_by", "detail", "flags")


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


def write_cohort(folder: Path, cohort: Iterable[CohortStudy]) -> None:
    """Write the table of a folder.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / STUDIES_FILE, STUDY_COLUMNS, cohort)


def read_cohort(folder: Path) -> list[CohortStudy]:
    """Read the table of a folder that ``tfspine exclude`` wrote.

    Raises:
        FormatError: it does not exist, or has an invalid verdict or number; the message gives the line.
    """
    return read_csv_rows(folder / STUDIES_FILE, STUDY_COLUMNS, _study, made_by="tfspine exclude")


def _study(values: Mapping[str, str]) -> CohortStudy:
    return CohortStudy(
        study=values["study"],
        patient=values["patient"],
        axial=int(values["axial"]),
        sagittal=int(values["sagittal"]),
        verdict=Verdict(values["verdict"]),
        left_out_by=values["left_out_by"],
        detail=values["detail"],
        flags=values["flags"],
    )
