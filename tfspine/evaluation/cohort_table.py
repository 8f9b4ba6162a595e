"""Whom the study holds, as the paper's Table 1: patients, scanners and images of each part, from `slices.csv`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfspine.evaluation.tables import DASH, Column, Table
from tfspine.labels import Plane

_MAKERS = (("siemens", "Siemens"), ("ge ", "GE"), ("philips", "Philips"), ("canon", "Canon"), ("toshiba", "Toshiba"))
"""How a Manufacturer begins, and what it is called."""

UNKNOWN = "not stated"


@dataclass(frozen=True)
class Person:
    """What a de-identified header still says of a patient: age in years (NaN if not) and sex as DICOM writes it."""

    age_years: float
    sex: str


def cohort_table(parts: Mapping[str, pd.DataFrame], *, people: Mapping[str, Person] | None = None) -> Table:
    """Return one column per part of the study; scanners that only one of them has stand among the others.

    Args:
        parts: rows of `slices.csv` of each part, such as training, validation, internal test and external test.
        people: age and sex by `study_instance_uid`, where a header gives them.
    """
    scanners = sorted({scanner for slices in parts.values() for scanner in _scanners(slices)})
    facts = {name: _facts(slices, people or {}, scanners) for name, slices in parts.items()}
    names = list(dict.fromkeys(name for of_part in facts.values() for name in of_part))
    rows = tuple({"what": name} | {part: of_part.get(name, "0") for part, of_part in facts.items()} for name in names)
    columns = (Column("what", "Characteristic"), *(Column(part, part.capitalize()) for part in parts))
    note = "" if people else "Age and sex: not in slices.csv; --dicom reads what de-identified headers still say."
    return Table("cohort", "Patients, scanners and images", columns, rows, note=note)


def scanner_of(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the vendor and the field of each study: columns study, vendor, field_strength, words for people.

    A field is called by the nearest of 0.5, 1, 1.5 and 3 T: headers write 1.494 and 15000 gauss alike.
    """
    first = slices.drop_duplicates("study")
    return pd.DataFrame(
        {
            "study": first["study"].astype(str),
            "vendor": [_vendor(value) for value in first["manufacturer"]],
            "field_strength": [_field(value) for value in first["magnetic_field_strength_t"]],
        }
    )


def _scanners(slices: pd.DataFrame) -> list[str]:
    """Return vendor and field of each study, as one line of the table has them."""
    table = scanner_of(slices)
    return [f"{vendor}, {field}" for vendor, field in zip(table["vendor"], table["field_strength"], strict=True)]


def _facts(slices: pd.DataFrame, people: Mapping[str, Person], scanners: Sequence[str]) -> dict[str, str]:
    studies = slices.drop_duplicates("study")
    facts = {"Patients": f"{slices['patient'].nunique():,}", "Studies": f"{len(studies):,}"}
    known = [people[uid] for uid in studies["study_instance_uid"].astype(str) if uid in people]
    if people:
        ages = np.array([person.age_years for person in known if not math.isnan(person.age_years)])
        facts["Age, years: mean ± SD (range)"] = _ages(ages) if len(ages) else DASH
        sexes = [person.sex for person in known if person.sex]
        for title, letter in (("Women", "F"), ("Men", "M"), ("Other", "O")):
            if letter == "O" and letter not in sexes:
                continue
            facts[title] = _share(sexes.count(letter), len(sexes))
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
