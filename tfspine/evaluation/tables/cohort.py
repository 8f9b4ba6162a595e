"""The study population, as in the paper's Table 1: patients, scanners and images of each part, from `slices.csv`."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfspine.evaluation.tables.clinical import FACTORS, clinical_facts
from tfspine.evaluation.tables.table import DASH, Column, Table
from tfspine.formats.clinical_csv import Clinical
from tfspine.labels import Plane

_MAKERS = (("siemens", "Siemens"), ("ge ", "GE"), ("philips", "Philips"), ("canon", "Canon"), ("toshiba", "Toshiba"))
"""The beginning of a Manufacturer, and the vendor's name in the table."""

UNKNOWN = "not stated"

SEXES = {"F": "women", "M": "men", "O": "other"}

AGE_BANDS = ((0.0, "0-39 years"), (40.0, "40-59 years"), (60.0, "60-79 years"), (80.0, "80 years and over"))
"""Youngest age of each band, and its name; the names sort by age."""


@dataclass(frozen=True)
class Person:
    """What a de-identified header still states of a patient: age in years (or NaN) and sex as DICOM writes it."""

    age_years: float
    sex: str


UNKNOWN_PERSON = Person(math.nan, "")


def cohort_table(
    parts: Mapping[str, pd.DataFrame],
    *,
    people: Mapping[str, Person] | None = None,
    clinical: Clinical | None = None,
) -> Table:
    """Return one column per part of the study; scanners that only one part has are listed with the others.

    Args:
        parts: rows of `slices.csv` of each part, such as training, validation, internal test and external test.
        people: age and sex by `study_instance_uid`, where a header gives them.
        clinical: ethnicity, indication and comorbidities, where they were given.

    Returns:
        A table of texts. Rows of scanners also have `studies`, the counts by part, for the figure.
    """
    scanners = sorted({scanner for slices in parts.values() for scanner in _scanners(slices)})
    facts = {name: _facts(slices, people or {}, scanners) for name, slices in parts.items()}
    if clinical is not None:
        facts = {name: of_part | clinical_facts(parts[name], clinical) for name, of_part in facts.items()}
    names = list(dict.fromkeys(name for of_part in facts.values() for name in of_part))
    names.sort(key=lambda name: _place(name, clinical))
    counts = {part: Counter(_scanners(slices)) for part, slices in parts.items()}
    rows = tuple(
        {"what": name}
        | {part: of_part.get(name, "0") for part, of_part in facts.items()}
        | ({"studies": {part: of_part[name] for part, of_part in counts.items()}} if name in scanners else {})
        for name in names
    )
    columns = (Column("what", "Characteristic"), *(Column(part, part.capitalize()) for part in parts))
    note = "Age and sex: of the patients whose headers give them. Scanners: of the studies."
    if not people:
        note = "Age and sex: not in slices.csv; --dicom reads them from de-identified headers."
    if clinical is not None:
        note += (
            " Ethnicity, indication and comorbidities: shares of the patients for whom they are known; a patient may "
        )
        note += "have several comorbidities."
    return Table("cohort", "Patients, scanners and images", columns, rows, note=note)


def scanner_of(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the vendor and the field strength of each study: columns study, vendor, field_strength, as text.

    A field strength is rounded to the nearest of 0.5, 1, 1.5 and 3 T: headers contain 1.494 as well as 15000 gauss.
    """
    first = slices.drop_duplicates("study")
    return pd.DataFrame(
        {
            "study": first["study"].astype(str),
            "vendor": [_vendor(value) for value in first["manufacturer"]],
            "field_strength": [_field(value) for value in first["magnetic_field_strength_t"]],
        }
    )


def persons_of(slices: pd.DataFrame, people: Mapping[str, Person]) -> pd.DataFrame:
    """Return sex and age band of the patient of each study: columns study, sex, age_band, as text.

    Args:
        slices: rows of `slices.csv`.
        people: age and sex by `study_instance_uid`.
    """
    first = slices.drop_duplicates("study")
    persons = [people.get(uid, UNKNOWN_PERSON) for uid in first["study_instance_uid"].astype(str)]
    return pd.DataFrame(
        {
            "study": first["study"].astype(str),
            "sex": [SEXES.get(person.sex, UNKNOWN) for person in persons],
            "age_band": [age_band(person.age_years) for person in persons],
        }
    )


def age_band(years: float) -> str:
    """Return the band of an age in whole years."""
    if math.isnan(years):
        return UNKNOWN
    return next(band for youngest, band in reversed(AGE_BANDS) if years >= youngest)


def _place(name: str, clinical: Clinical | None) -> int:
    """Return the position of a row: clinical facts come last, factor by factor, whichever part has them."""
    titles = [FACTORS[factor] for factor in clinical.factors] if clinical else []
    found = [index for index, title in enumerate(titles) if name.startswith((f"{title}: ", f"{title} not"))]
    return 2 * found[0] + 1 + name.endswith(f" {UNKNOWN}") if found else 0


def _scanners(slices: pd.DataFrame) -> list[str]:
    """Return vendor and field strength of each study, as one line of the table."""
    table = scanner_of(slices)
    return [f"{vendor}, {field}" for vendor, field in zip(table["vendor"], table["field_strength"], strict=True)]


def _facts(slices: pd.DataFrame, people: Mapping[str, Person], scanners: Sequence[str]) -> dict[str, str]:
    studies = slices.drop_duplicates("study")
    facts = {"Patients": f"{slices['patient'].nunique():,}", "Studies": f"{len(studies):,}"}
    if people:
        facts |= _of_people(studies, people)
    own = _scanners(slices)
    facts |= {name: _share(own.count(name), len(own)) if name in own else "0" for name in scanners}
    for plane, title in ((Plane.AXIAL, "Axial T2w"), (Plane.SAGITTAL, "Sagittal T1w")):
        of_plane = slices[slices["plane"] == plane]
        facts[f"{title} images"] = f"{len(of_plane):,}"
        for column, what in (
            ("repetition_time_ms", "TR, ms"),
            ("echo_time_ms", "TE, ms"),
            ("slice_thickness_mm", "thickness, mm"),
        ):
            facts[f"{title} {what}: median (range)"] = _spread(of_plane[column])
    return facts


def _of_people(studies: pd.DataFrame, people: Mapping[str, Person]) -> dict[str, str]:
    """Return age and sex of the patients; with several studies, the values of the first study that states them."""
    said = [people.get(uid, UNKNOWN_PERSON) for uid in studies["study_instance_uid"].astype(str)]
    # `first` takes the first that is not missing.
    table = pd.DataFrame(
        {"age": [person.age_years for person in said], "sex": [person.sex or None for person in said]},
        index=studies.index,
    )
    patients = table.groupby(studies["patient"].fillna(studies["study"]).astype(str)).first()
    ages, sexes = patients["age"].dropna().to_numpy(), patients["sex"].dropna().tolist()
    facts = {"Age, years: mean ± SD (range)": _ages(ages) if len(ages) else DASH}
    facts |= {
        word.capitalize(): _share(sexes.count(letter), len(sexes))
        for letter, word in SEXES.items()
        if letter != "O" or letter in sexes
    }
    for what, found in (("Age", ages), ("Sex", sexes)):
        if len(found) < len(patients):
            facts[f"{what} {UNKNOWN}"] = f"{len(patients) - len(found):,}"
    return facts


def _vendor(manufacturer: Any) -> str:
    text = str(manufacturer).strip() if isinstance(manufacturer, str) else ""
    name = next((name for start, name in _MAKERS if f"{text} ".lower().startswith(start)), text.title())
    return name or UNKNOWN


def _field(value: Any) -> str:
    tesla = pd.to_numeric(value, errors="coerce")
    if not tesla > 0:
        return UNKNOWN
    tesla = tesla / 10_000 if tesla > 100 else tesla
    return f"{min((0.5, 1.0, 1.5, 3.0), key=lambda known: abs(known - tesla)):g} T"


def _ages(ages: Any) -> str:
    deviation = f"{np.std(ages, ddof=1):.0f}" if len(ages) > 1 else DASH
    return f"{ages.mean():.0f} ± {deviation} ({ages.min():.0f}-{ages.max():.0f})"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({100 * count / total:.0f}%)" if total else DASH


def _spread(values: Sequence[Any] | pd.Series) -> str:
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").dropna()
    return f"{numbers.median():g} ({numbers.min():g}-{numbers.max():g})" if len(numbers) else DASH
