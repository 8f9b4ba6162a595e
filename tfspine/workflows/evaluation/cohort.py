"""The cohort of an evaluation: its parts, scanners, age and sex, and the exclusions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.formats.studies_csv import read_cohort

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.evaluation.tables.cohort import Person
    from tfspine.formats.clinical_csv import Clinical

PART_OF_SPLIT = {"train": "training", "validation": "validation", "test": "internal test"}


def slices_by_part(
    slices: "pd.DataFrame | None", splits: Mapping[str, str] | None, external: "pd.DataFrame | None"
) -> "dict[str, pd.DataFrame]":
    """Return the rows of `slices.csv` by part of the study; those left out belong to none."""
    parts = {}
    if slices is not None and splits is None:
        parts["internal"] = slices
    elif slices is not None and splits is not None:
        split = slices["study"].map(splits)
        parts = {part: slices[split == name] for name, part in PART_OF_SPLIT.items() if (split == name).any()}
    if external is not None:
        parts["external test"] = external
    return parts


def studies_of(slices: "pd.DataFrame | None", people: "Mapping[str, Person]") -> "pd.DataFrame | None":
    """Return the known facts of each study: its scanner, and the patient's sex and age if headers give them."""
    from tfspine.evaluation.tables.cohort import persons_of, scanner_of

    if slices is None:
        return None
    scanners = scanner_of(slices)
    return scanners.merge(persons_of(slices, people), on="study") if people else scanners


def people_of(folders: Sequence[Path], *, out: Path) -> "dict[str, Person]":
    """Return age and sex by `study_instance_uid`, from the headers of some folders of DICOM studies.

    Archives are unpacked beside `out`.
    """
    from tfspine.dicom.demographics import read_demographics
    from tfspine.evaluation.tables.cohort import Person

    return {
        study: Person(person.age_years, person.sex)
        for folder in folders
        for study, person in read_demographics(folder, beside=out).items()
    }


def clinical_of(path: Path | None, parts: "Mapping[str, pd.DataFrame]") -> "Clinical | None":
    """Return the clinical data of the patients, if there is a table of them.

    Raises:
        EvaluationError: the table cannot be used, or belongs to other patients.
        FormatError: the file cannot be read.
    """
    from tfspine.evaluation.tables.clinical import check_known
    from tfspine.formats.clinical_csv import read_clinical

    if path is None:
        return None
    clinical = read_clinical(path)
    check_known(clinical, list(parts.values()), path)
    return clinical


def without_excluded(table: "pd.DataFrame", folder: Path | None) -> "pd.DataFrame":
    """Return the rows of studies that ``tfspine exclude`` did not exclude; all rows if it did not run."""
    from tfspine.annotations.cohort import excluded_of

    if folder is None:
        return table
    excluded = excluded_of(read_cohort(folder), list(table["study"].unique()), folder)
    return table[~table["study"].isin(list(excluded))]
