"""The patients of the studies in an evaluation; no patient may be in both training and test."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfspine.errors import EvaluationError


def patients_of(sources: Sequence[tuple[Path, Mapping[str, str]]]) -> dict[str, str]:
    """Return the patient of each study, from all tables that give one.

    Args:
        sources: each table's file, and the patient of each of its studies; an empty or missing name is ignored.

    Raises:
        EvaluationError: two tables assign a study to different patients.
    """
    patients: dict[str, str] = {}
    first: dict[str, Path] = {}
    for path, of_study in sources:
        for study, patient in of_study.items():
            if not isinstance(patient, str) or not patient:
                continue
            if patients.setdefault(study, patient) != patient:
                raise EvaluationError(
                    f"{path}: study {study} of patient {patient}, in {first[study]} of patient {patients[study]}; "
                    "expected one patient per study: use tables of one ingest or de-identification"
                )
            first.setdefault(study, path)
    return patients


def check_external(
    path: Path,
    studies: Mapping[str, str | None],
    splits: Mapping[str, str],
    patients: Mapping[str, str],
) -> None:
    """Refuse a second test set with a study, or another study of a patient, that a model was trained on.

    Studies with the same name are different ones if both sets give their patient, and the patients differ.

    Args:
        path: the reference of the set, for the message.
        studies: the patient of each study of the set, None if unknown.
        splits: the split of each study of the first set.
        patients: the patient of each study of the first set.

    Raises:
        EvaluationError: there is such a study.
    """
    trained = sorted(study for study, split in splits.items() if split == "train")
    of_training = {patients[study]: study for study in trained if study in patients}
    for study, patient in sorted(studies.items()):
        if study in trained and (patient is None or patients.get(study, patient) == patient):
            raise EvaluationError(
                f"{path}: study {study} is in the training split; expected an external set without it"
            )
        if patient in of_training:
            raise EvaluationError(
                f"{path}: study {study} is of patient {patient}, whose study {of_training[patient]} is in the training "
                "split; expected an external set without training patients"
            )
