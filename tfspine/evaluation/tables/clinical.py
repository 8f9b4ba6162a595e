"""Rows of the cohort table for facts from clinical records: ethnicity, indication and comorbidities."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tfspine.errors import EvaluationError
from tfspine.formats.clinical_csv import NONE, Clinical

FACTORS = {"ethnicity": "Ethnicity", "indication": "Indication", "comorbidities": "Comorbidity"}
"""Names of the factors in the table."""


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
