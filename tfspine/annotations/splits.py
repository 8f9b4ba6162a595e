"""Split patients into training, validation and test so that adding patients never moves existing ones."""

import hashlib
from collections.abc import Collection

import pandas as pd

from tfspine.config import DEVELOPMENT, SplitConfig
from tfspine.errors import AnnotationError
from tfspine.formats.splits_csv import EXCLUDED


def assign_splits(patients: Collection[str], *, config: SplitConfig, seed: int) -> dict[str, str]:
    """Return the split of each patient.

    Each patient gets a number from 0 to 1 that depends only on pseudonym and seed. Below the validation share the
    patient is in validation, below validation plus test in test, otherwise in training. The shares are met on average.

    Raises:
        AnnotationError: the shares leave no training patients, or a split would be empty.
    """
    _check_shares(config)
    assigned = {patient: _split_of(patient, config, seed) for patient in sorted(patients)}
    wanted = {"train": 1 - config.validation - config.test, "validation": config.validation, "test": config.test}
    for split, share in wanted.items():
        if share > 0 and split not in assigned.values():
            raise AnnotationError(
                f"split: none of {len(assigned)} patients falls into {split} (share {share:g}); "
                "add patients, raise the share, or take another seed"
            )
    return assigned


def split_table(slices: pd.DataFrame, assigned: dict[str, str], *, excluded: Collection[str] = ()) -> pd.DataFrame:
    """Return patient, study, split: one row for each study of `slices.csv`, including excluded ones."""
    studies = slices[["patient", "study"]].drop_duplicates().sort_values(["patient", "study"])
    is_out = studies["study"].isin(list(excluded))
    return studies.assign(split=studies["patient"].map(assigned).mask(is_out, EXCLUDED))


def redivide(table: pd.DataFrame, *, number: int, config: SplitConfig, seed: int) -> pd.DataFrame:
    """Return the table with its development patients split again into training and validation.

    Patients are sorted in an order that depends only on pseudonym, seed and number. The first are used for validation,
    as many as the validation share requires, with at least one patient in each group. Test and excluded studies do not
    change.

    Args:
        table: patient, study, split, as returned by `read_split_table`.
        number: the number of the split, from 1, if there are several.
        config: shares of all patients.
        seed: the seed of the experiment.

    Raises:
        AnnotationError: there are fewer than two development patients, or the shares leave no training patients.
    """
    _check_shares(config)
    is_development = table["split"].isin(DEVELOPMENT)
    patients = sorted(
        set(table.loc[is_development, "patient"]), key=lambda patient: _digest(f"{seed}/{number}/{patient}")
    )
    if len(patients) < 2:
        raise AnnotationError(
            f"split: {len(patients)} patients to train and validate on; expected at least 2 to divide them again"
        )
    wanted = round(len(patients) * config.validation / (1 - config.test))
    validating = patients[: min(max(wanted, 1), len(patients) - 1)]
    redivided = table["patient"].isin(validating).map({True: "validation", False: "train"})
    return table.assign(split=table["split"].mask(is_development, redivided))


def _check_shares(config: SplitConfig) -> None:
    if config.validation < 0 or config.test < 0 or config.validation + config.test >= 1:
        raise AnnotationError(
            f"split.validation = {config.validation}, split.test = {config.test}; "
            "expected shares of at least 0 that leave some for training"
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _split_of(patient: str, config: SplitConfig, seed: int) -> str:
    place = int.from_bytes(_digest(f"{seed}/{patient}")[:8], "big") / 2**64
    if place < config.validation:
        return "validation"
    return "test" if place < config.validation + config.test else "train"
