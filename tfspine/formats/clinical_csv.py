"""Facts about patients from clinical records, for the cohort table: ethnicity, indication and comorbidities.

The input is a CSV with one row per patient or study. Columns are found by name, in any order; others are ignored:

- ``patient`` or ``study``: the pseudonym that ingest gave, as in `slices.csv`;
- ``ethnicity``, ``indication``: free text, each optional, empty where it is not known;
- ``comorbidities``: one or several, separated by ``;`` or ``|``; ``none`` means that there are none, an empty cell that
  it is not known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file

KEYS = ("patient", "study")
FACTORS = ("ethnicity", "indication", "comorbidities")
CLINICAL_COLUMNS = (*KEYS, *FACTORS)

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
        FormatError: the file cannot be read as text, has rows of the wrong length, neither key or no factor, a row
            without its key, or a patient with two rows that contradict each other.
    """
    table = read_csv_file(path, (), optional=CLINICAL_COLUMNS)
    filled = {name for name in CLINICAL_COLUMNS if any(row[name] for row in table.rows)}
    factors = tuple(name for name in FACTORS if name in filled)
    key = next((name for name in KEYS if name in filled), None)
    if key is None or not factors:
        raise FormatError(
            f"{path}: no {'patient or study' if key is None else ', '.join(FACTORS)}; expected a column patient or "
            f"study with the pseudonyms of slices.csv, and one or more of {', '.join(FACTORS)}"
        )
    values: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, row in enumerate(table.rows):
        _add(values, table, number, key, {factor: _words(row[factor], factor) for factor in factors})
    return Clinical(key, values, factors)


def _add(
    values: dict[str, dict[str, tuple[str, ...]]],
    table: CsvTable,
    number: int,
    key: str,
    found: dict[str, tuple[str, ...]],
) -> None:
    name = table.rows[number][key]
    if not name:
        raise FormatError(f"{table.where(number)}: no {key}; expected its pseudonym, as in slices.csv")
    before = values.setdefault(name, found)
    differing = [factor for factor, words in found.items() if words != before[factor]]
    if differing:
        raise FormatError(
            f"{table.where(number)}: {key} {name}: its {differing[0]} differs from a row above; keep one line for each"
        )


def _words(text: str, factor: str) -> tuple[str, ...]:
    if factor != "comorbidities":
        return (text,) if text else ()
    words = tuple(dict.fromkeys(word for word in _BETWEEN.split(text) if word))
    return (NONE,) if [word.lower() for word in words] == [NONE] else words
