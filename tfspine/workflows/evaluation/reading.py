"""Reads the inputs of an evaluation: boxes of reference and readers, splits, slices, headers and the flow chart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError
from tfspine.workflows.evaluation.boxes import boxes_of, check_readings, labelled_slices, slice_names
from tfspine.workflows.evaluation.cohort import clinical_of, people_of, slices_by_part, studies_of, without_excluded
from tfspine.workflows.evaluation.coverage import coverage_of, covered_by
from tfspine.workflows.evaluation.inputs import EXTERNAL_REFERENCE, REFERENCE, SPLIT, EvaluateInputs
from tfspine.workflows.evaluation.patients import check_external, patients_of

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.config import EvaluationConfig
    from tfspine.evaluation.boxes.coverage import Coverage
    from tfspine.evaluation.boxes.reading_set import ReadingSet
    from tfspine.evaluation.question import Question

INTERNAL, EXTERNAL, VALIDATION = "internal", "external", "validation"


@dataclass(frozen=True)
class Readings:
    """Boxes of some readers, and what each reader read, by name."""

    tables: "Mapping[str, pd.DataFrame]"
    coverage: "Mapping[str, Coverage]"


def read_question(inputs: EvaluateInputs, settings: "EvaluationConfig", *, out: Path) -> "Question":
    """Read every table and return what is to be compared; archives are unpacked beside `out`.

    Raises:
        EvaluationError: a set has nothing to compare, a box was drawn twice, a reader read other slices, or the
            external set holds training patients.
        FormatError: a table cannot be read.
    """
    from tfspine.evaluation.question import Question
    from tfspine.formats.slices_csv import read_slices
    from tfspine.formats.splits_csv import read_split_table

    split_table = read_split_table(inputs.splits) if inputs.splits else None
    splits = None if split_table is None else dict(zip(split_table["study"], split_table["split"], strict=True))
    slices = read_slices(inputs.slices) if inputs.slices else None
    external_slices = read_slices(inputs.external_slices) if inputs.external_slices else None
    tables = [(inputs.slices, slices), (inputs.splits, split_table)]
    patients = patients_of([(path, _column(table, "patient")) for path, table in tables if path and table is not None])
    external_patients = _external_patients(inputs, external_slices, patients)
    if external_slices is not None:
        external_slices = without_excluded(external_slices, inputs.external_exclusions)
    read = {name: boxes_of(path, inputs.slices) for name, path in inputs.readers.items()}
    reference, covered = _reference(inputs.reference, inputs.slices, said=inputs.read.get(REFERENCE))
    known = _known(covered, inputs.slices)

    def coverage_of_each(paths: Mapping[str, Path], tables: "Mapping[str, pd.DataFrame]") -> "dict[str, Coverage]":
        return {
            name: coverage_of(path, tables[name], slices=inputs.slices, said=inputs.read.get(name), reference=covered)
            for name, path in paths.items()
        }

    def set_of(name: str, split: str | None, read: Readings) -> "ReadingSet":
        from tfspine.evaluation.boxes.reading_set import ReadingSet

        kept = covered if split is None or splits is None else _of_split(covered, splits, split, inputs)
        return ReadingSet(
            name, reference, kept, read.tables, patients, settings.iou, settings.confidence, read.coverage
        )

    readers = _with_ensembles(Readings(read, coverage_of_each(inputs.readers, read)), inputs.averages)
    internal = set_of(INTERNAL, inputs.split or SPLIT, readers)
    repeats = {name: boxes_of(path, inputs.slices) for name, path in inputs.repeats.items()}
    for paths, of_readers in ((inputs.readers, read), (inputs.repeats, repeats)):
        check_readings(paths, of_readers, internal.covered, known=known)
    validation = {name: boxes_of(path, inputs.slices) for name, path in inputs.validation.items()}
    of_validation = Readings(validation, coverage_of_each(inputs.validation, validation))
    people = people_of(inputs.dicom, out=out)
    cohort = slices_by_part(slices, splits, external_slices)
    return Question(
        internal=internal,
        model=inputs.model_name,
        external=_external(inputs, settings, external_patients, patients, splits),
        validation=_validation(inputs, splits, readers, of_validation, covered, known, set_of),
        averages=inputs.averages,
        arms=inputs.arms,
        repeats=repeats,
        repeats_read={
            name: coverage_of(path, repeats[name], slices=inputs.slices, said=None, reference=covered)
            for name, path in inputs.repeats.items()
        },
        cohort=cohort,
        clinical=clinical_of(inputs.clinical, cohort),
        people=people,
        studies=studies_of(slices, people),
        external_studies=studies_of(external_slices, people),
        notes=_notes(inputs),
    )


def _reference(
    path: Path, slices: Path | None, *, said: Path | None, option: str = "--slices"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the reference's boxes and the slices that it covers: study, plane, slice."""
    from tfspine.evaluation.boxes.coverage import IMAGE, image_names, is_image_of

    reference = boxes_of(path, slices, option=option)
    if reference.empty:
        raise EvaluationError(f"{path}: no boxes; expected the boxes of the reference")
    if said is not None:
        covered = covered_by(said, reference, slices=slices, option=option)
        outside = reference[~is_image_of(reference, image_names(covered))]
        if len(outside):
            first = outside.iloc[0]
            raise EvaluationError(
                f"{path}: a box on slice {first['slice']} of study {first['study']}, which {said} does not list as "
                "read; expected all slices that the reference read"
            )
        return reference, covered
    if path.is_dir() and slices is not None:
        return reference, labelled_slices(path, slices)
    return reference, reference[list(IMAGE)].drop_duplicates()


def _known(covered: "pd.DataFrame", slices: Path | None) -> "pd.DataFrame":
    """Return study, plane and slice of every image that the reference or the folder of slices names."""
    import pandas as pd

    return covered if slices is None else pd.concat([covered, slice_names(slices)]).drop_duplicates()


def _external_patients(
    inputs: EvaluateInputs, slices: "pd.DataFrame | None", patients: Mapping[str, str]
) -> dict[str, str]:
    """Return the patient of each study of the second set, from its own table, or else from that of the first set."""
    named = inputs.external_slices
    own = {} if slices is None or named is None else patients_of([(named, _column(slices, "patient"))])
    return {**patients, **own}


def _notes(inputs: EvaluateInputs) -> tuple[str, ...]:
    """Return what someone who reads the results has to know about the tables that were read."""
    if inputs.reference.is_dir() or REFERENCE in inputs.read:
        return ()
    return (
        f"{inputs.reference.name} names the slices with a box: wrong boxes on others are not counted. --read "
        "reference=CSV says which slices were read.",
    )


def _column(table: "pd.DataFrame", column: str) -> dict[str, str]:
    """Return the value of a column for each study."""
    return dict(zip(table["study"], table[column], strict=True))


def _of_split(covered: "pd.DataFrame", splits: Mapping[str, str], split: str, inputs: EvaluateInputs) -> "pd.DataFrame":
    wanted = {study for study, name in splits.items() if name == split}
    if not wanted:
        raise EvaluationError(
            f'{inputs.splits}: no study of split "{split}"; it has {", ".join(sorted(set(splits.values())))}'
        )
    kept = covered[covered["study"].isin(wanted)]
    if kept.empty:
        raise EvaluationError(
            f'{inputs.reference}: no slice to compare in split "{split}"; expected the reference of these studies'
        )
    return kept


def _validation(
    inputs: EvaluateInputs,
    splits: Mapping[str, str] | None,
    readers: Readings,
    own: Readings,
    covered: "pd.DataFrame",
    known: "pd.DataFrame",
    set_of: "Callable[[str, str | None, Readings], ReadingSet]",
) -> "ReadingSet | None":
    """Return the readers on validation studies: from separate tables, or from their tables if these include them."""
    if splits is None or (inputs.split or SPLIT) == VALIDATION:
        return None
    studies = {study for study, split in splits.items() if split == VALIDATION}
    tables, coverage = dict(own.tables), dict(own.coverage)
    for name, table in readers.tables.items():
        if name not in tables and table["study"].isin(studies).any():
            tables[name] = table
            coverage[name] = readers.coverage[name]
    if not tables:
        return None
    of_validation = covered[covered["study"].isin(studies)]
    if of_validation.empty:
        if inputs.validation:
            raise EvaluationError(
                f"--validation: {inputs.reference} has no slice of validation; add them to the reference"
            )
        return None
    check_readings(inputs.validation, tables, of_validation, known=known)
    return set_of(VALIDATION, VALIDATION, Readings(tables, coverage))


def _external(
    inputs: EvaluateInputs,
    settings: "EvaluationConfig",
    patients: Mapping[str, str],
    of_splits: Mapping[str, str],
    splits: Mapping[str, str] | None,
) -> "ReadingSet | None":
    from tfspine.evaluation.boxes.reading_set import ReadingSet

    if inputs.external_reference is None:
        return None
    folder, option = inputs.external_slices, "--external-slices"
    said = inputs.read.get(EXTERNAL_REFERENCE)
    reference, covered = _reference(inputs.external_reference, folder, said=said, option=option)
    covered = without_excluded(covered, inputs.external_exclusions)
    if covered.empty:
        raise EvaluationError(
            f"{inputs.external_reference}: no slice to compare; expected the reference of some studies"
        )
    of_set = {study: patients.get(study) for study in covered["study"]}
    check_external(inputs.external_reference, of_set, splits or {}, of_splits)
    read = {name: boxes_of(path, folder, option=option) for name, path in inputs.external_readers.items()}
    check_readings(inputs.external_readers, read, covered, known=_known(covered, folder))
    coverage = {
        name: coverage_of(path, read[name], slices=folder, said=inputs.read.get(name), reference=covered)
        for name, path in inputs.external_readers.items()
    }
    readers = _with_ensembles(Readings(read, coverage), inputs.averages)
    return ReadingSet(
        EXTERNAL, reference, covered, readers.tables, patients, settings.iou, settings.confidence, readers.coverage
    )


def _with_ensembles(readers: Readings, averages: Mapping[str, Sequence[str]]) -> Readings:
    """Return the readers, and for each average also the ensemble of its members if these graded the same boxes."""
    from tfspine.evaluation.boxes.coverage import common_coverage
    from tfspine.evaluation.boxes.member_average import ensemble_boxes

    tables, coverage = dict(readers.tables), dict(readers.coverage)
    for name, members in averages.items():
        of_members = [member for member in members if member in readers.tables]
        boxes = None
        if len(of_members) == len(members):
            boxes = ensemble_boxes([readers.tables[member] for member in members])
        if boxes is not None:
            tables[f"{name}_ensemble"] = boxes
            coverage[f"{name}_ensemble"] = common_coverage(readers.coverage[member] for member in members)
    return Readings(tables, coverage)
