"""Age and sex of the patients, if the headers still contain them; used only for the table of the cohort."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from tfspine.dicom.files import read_dataset, refusing
from tfspine.dicom.sources import open_source
from tfspine.errors import DicomError

_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_AGE = re.compile(r"^\s*(\d{1,3})([DWMY])\s*$")


@dataclass(frozen=True)
class Demographics:
    """Age in years, NaN if not given (PS3.5 6.2, AS), and sex as ``"F"``, ``"M"``, ``"O"`` or an empty text."""

    age_years: float
    sex: str


def read_demographics(path: Path, *, beside: Path | None = None) -> dict[str, Demographics]:
    """Return age and sex by StudyInstanceUID, from the first readable file of each study that contains either.

    Studies without either are not in the result. Files that cannot be read are skipped; ingest lists them.

    Args:
        path: folder, zip archive, DICOMDIR or file.
        beside: the output path; archives are unpacked next to it.

    Raises:
        DicomError: there is no such folder, archive or file.
    """
    found: dict[str, Demographics] = {}
    with open_source(path, beside=beside) as source:
        for file in source.names:
            try:
                ds = read_dataset(file)
                with refusing("header"):  # pydicom's warning about an invalid value quotes the value
                    study, age, sex = (
                        str(ds.get(name, "")) for name in ("StudyInstanceUID", "PatientAge", "PatientSex")
                    )
            except DicomError:
                continue
            years, sex = _years(age), sex.strip().upper()
            if study and study not in found and (sex or not math.isnan(years)):
                found[study] = Demographics(years, sex if sex in ("F", "M", "O") else "")
    return found


def _years(age: str) -> float:
    match = _AGE.match(age)
    return int(match[1]) * _YEARS[match[2]] if match else math.nan
