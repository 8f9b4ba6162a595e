"""Facts that only the clinic knows of patients, for the cohort table: ethnicity, indication and comorbidities.

The input is a CSV with one row per patient or study. Columns are found by name, in any order; others are ignored:

- ``patient`` or ``study``: the pseudonym that ingest gave, as in `slices.csv`;
- ``ethnicity``, ``indication``: free text, each optional, empty where it is not known;
- ``comorbidities``: one or several, separated by ``;`` or ``|``; ``none`` means that there are none, an empty cell that
  it is not known.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfspine.errors import EvaluationError
from tfspine.formats.csv_files import CsvTable, read_csv_file

KEYS = ("patient", "study")
FACTORS = {"ethnicity": "Ethnicity", "indication": "Indication", "comorbidities": "Comorbidity"}
"""Columns, and their names in the table."""

NONE = "none"
_BETWEEN = re.compile(r"\s*[;|]\s*")


@dataclass(frozen=True)
class Clinical:
    """What is known of each patient or study.

    Attributes:
        key: ``"patient"`` or ``"study"``: what the rows describe.
        values: the values of each factor for each patient or study, empty where unknown; one except for comorbidities.
        factors: those present in the file, in the order of `FACTORS`.
    """

    key: str
    values: Mapping[str, Mapping[str, tuple[str, ...]]]
    factors: tuple[str, ...]


def read_clinical(path: Path) -> Clinical:
    """Read the table.

    Raises:
        AnnotationError: the file cannot be read as text or has rows of the wrong length.
        EvaluationError: neither key, no factor, a row without its key, or a patient with two rows that contradict each
            other.
    """
    table = read_csv_file(path, (), optional=(*KEYS, *FACTORS))
    filled = {name for name in (*KEYS, *FACTORS) if any(row[name] for row in table.rows)}
    factors = tuple(name for name in FACTORS if name in filled)
    key = next((name for name in KEYS if name in filled), None)
    if key is None or not factors:
        raise EvaluationError(
            f"{path}: no {'patient or study' if key is None else ', '.join(FACTORS)}; expected a column patient or "
            f"study with the pseudonyms of slices.csv, and one or more of {', '.join(FACTORS)}"
        )
    values: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, row in enumerate(table.rows):
        _add(values, table, number, key, {factor: _words(row[factor], factor) for factor in factors})
    return Clinical(key, values, factors)


def check_known(clinical: Clinical, slices: Sequence[pd.DataFrame], path: Path) -> None:
    """Raise if the table describes only patients other than those that are evaluated.

    Args:
        clinical: what was read.
        slices: rows of `slices.csv` of all parts.
        path: of the table, for the message.

    Raises:
        EvaluationError: none of its patients, or studies, is among the slices.
    """
    known = {str(name) for table in slices for name in table[clinical.key]}
    if not known & set(clinical.values):
        raise EvaluationError(
            f"{path}: none of its {len(clinical.values)} in the column {clinical.key} is in slices.csv; expected "
            f"pseudonyms such as {min(known, default='those of ingest')}"
        )


def clinical_facts(slices: pd.DataFrame, clinical: Clinical) -> dict[str, str]:
    """Return the rows of Table 1 of one part: counts and shares of the patients for whom each factor is known.

    Args:
        slices: rows of `slices.csv` of the part.
        clinical: what is known.
    """
    studies = slices.drop_duplicates("study")
    keys = studies[clinical.key].astype(str)
    patients = studies["patient"].fillna(studies["study"]).astype(str)
    total = patients.nunique()
    facts = {}
    for factor in clinical.factors:
        of_patient: dict[str, tuple[str, ...]] = {}
        for patient, key in zip(patients, keys, strict=True):
            known = clinical.values.get(key, {}).get(factor, ())
            of_patient[patient] = tuple(dict.fromkeys((*of_patient.get(patient, ()), *known)))
        told = [words for words in of_patient.values() if words]
        counts = Counter(word for words in told for word in words)
        for word, count in sorted(counts.items(), key=lambda item: (item[0] == NONE, -item[1], item[0])):
            facts[f"{FACTORS[factor]}: {word}"] = f"{count:,} ({100 * count / len(told):.0f}%)"
        if len(told) < total:
            facts[f"{FACTORS[factor]} not stated"] = f"{total - len(told):,}"
    return facts


def _add(
    values: dict[str, dict[str, tuple[str, ...]]],
    table: CsvTable,
    number: int,
    key: str,
    found: dict[str, tuple[str, ...]],
) -> None:
    name = table.rows[number][key]
    if not name:
        raise EvaluationError(f"{table.where(number)}: no {key}; expected its pseudonym, as in slices.csv")
    before = values.setdefault(name, found)
    differing = [factor for factor, words in found.items() if words != before[factor]]
    if differing:
        raise EvaluationError(
            f"{table.where(number)}: {key} {name}: its {differing[0]} differs from a row above; keep one line for each"
        )


def _words(text: str, factor: str) -> tuple[str, ...]:
    if factor != "comorbidities":
        return (text,) if text else ()
    words = tuple(dict.fromkeys(word for word in _BETWEEN.split(text) if word))
    return (NONE,) if [word.lower() for word in words] == [NONE] else words
