"""Reads the inputs of an evaluation: boxes of reference and readers, splits, slices, headers and the flow chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError
from tfspine.workflows.evaluation.box_tables import boxes_of, check_readings, labelled_slices, slice_names
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


@dataclass(frozen=True)
class _Reference:
    """Boxes of a reference; study, plane and slice of the images that it covers, and of all that are known."""

    boxes: "pd.DataFrame"
    covered: "pd.DataFrame"
    known: "pd.DataFrame"


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
    splits = None if split_table is None else _column(split_table, "split")
    slices = read_slices(inputs.slices) if inputs.slices else None
    external_slices = read_slices(inputs.external_slices) if inputs.external_slices else None
    tables = [(inputs.slices, slices), (inputs.splits, split_table)]
    patients = patients_of([(path, _column(table, "patient")) for path, table in tables if path and table is not None])
    external_patients = _external_patients(inputs, external_slices, patients)
    if external_slices is not None:
        external_slices = without_excluded(external_slices, inputs.external_exclusions)

    reference = _reference(inputs.reference, inputs.slices, said=inputs.read.get(REFERENCE))
    read = _readings(inputs.readers, inputs.slices, said=inputs.read, reference=reference)
    repeats = _readings(inputs.repeats, inputs.slices, said={}, reference=reference)
    covered = _of_split(reference.covered, splits, inputs.split or SPLIT, inputs)
    check_readings(inputs.readers, read.tables, covered, known=reference.known)
    check_readings(inputs.repeats, repeats.tables, covered, known=reference.known)
    readers = _with_ensembles(read, inputs.averages)

    people = people_of(inputs.dicom, out=out)
    cohort = slices_by_part(slices, splits, external_slices)
    return Question(
        internal=_set_of(INTERNAL, reference, covered, readers, patients, settings),
        model=inputs.model_name,
        external=_external(inputs, settings, external_patients, patients, splits),
        validation=_validation(inputs, settings, reference, readers, patients, splits),
        averages=inputs.averages,
        arms=inputs.arms,
        repeats=repeats.tables,
        repeats_read=repeats.coverage,
        cohort=cohort,
        clinical=clinical_of(inputs.clinical, cohort),
        people=people,
        studies=studies_of(slices, people),
        external_studies=studies_of(external_slices, people),
        notes=_notes(inputs),
    )


def _reference(path: Path, slices: Path | None, *, said: Path | None, option: str = "--slices") -> _Reference:
    """Read the reference; `said` is the file or folder of ``--read`` that says which slices it covers."""
    from tfspine.evaluation.boxes.coverage import IMAGE, image_names, is_image_of

    boxes = boxes_of(path, slices, option=option)
    if boxes.empty:
        raise EvaluationError(f"{path}: no boxes; expected the boxes of the reference")
    if said is not None:
        covered = covered_by(said, boxes, slices=slices, option=option)
        outside = boxes[~is_image_of(boxes, image_names(covered))]
        if len(outside):
            first = outside.iloc[0]
            raise EvaluationError(
                f"{path}: a box on slice {first['slice']} of study {first['study']}, which {said} does not list as "
                "read; expected all slices that the reference read"
            )
    elif path.is_dir() and slices is not None:
        covered = labelled_slices(path, slices)
    else:
        covered = boxes[list(IMAGE)].drop_duplicates()
    return _Reference(boxes, covered, _known(covered, slices))


def _readings(
    paths: Mapping[str, Path],
    slices: Path | None,
    *,
    said: Mapping[str, Path],
    reference: _Reference,
    option: str = "--slices",
) -> Readings:
    """Read the boxes of some readers; `said` are the files and folders of ``--read`` that say what each read."""
    tables = {name: boxes_of(path, slices, option=option) for name, path in paths.items()}
    coverage = {
        name: coverage_of(path, tables[name], slices=slices, said=said.get(name), reference=reference.covered)
        for name, path in paths.items()
    }
    return Readings(tables, coverage)


def _set_of(
    name: str,
    reference: _Reference,
    covered: "pd.DataFrame",
    readers: Readings,
    patients: Mapping[str, str],
    settings: "EvaluationConfig",
) -> "ReadingSet":
    from tfspine.evaluation.boxes.reading_set import ReadingSet

    iou, confidence = settings.iou, settings.confidence
    return ReadingSet(name, reference.boxes, covered, readers.tables, patients, iou, confidence, readers.coverage)


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


def _of_split(
    covered: "pd.DataFrame", splits: Mapping[str, str] | None, split: str, inputs: EvaluateInputs
) -> "pd.DataFrame":
    """Return the rows of one split; all if there are no splits."""
    if splits is None:
        return covered
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
    settings: "EvaluationConfig",
    reference: _Reference,
    readers: Readings,
    patients: Mapping[str, str],
    splits: Mapping[str, str] | None,
) -> "ReadingSet | None":
    """Return the readers on validation studies: from separate tables, or from their tables if these include them."""
    own = _readings(inputs.validation, inputs.slices, said=inputs.read, reference=reference)
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
    covered = reference.covered[reference.covered["study"].isin(studies)]
    if covered.empty:
        if inputs.validation:
            raise EvaluationError(
                f"--validation: {inputs.reference} has no slice of validation; add them to the reference"
            )
        return None
    check_readings(inputs.validation, tables, covered, known=reference.known)
    return _set_of(VALIDATION, reference, covered, Readings(tables, coverage), patients, settings)


def _external(
    inputs: EvaluateInputs,
    settings: "EvaluationConfig",
    patients: Mapping[str, str],
    of_splits: Mapping[str, str],
    splits: Mapping[str, str] | None,
) -> "ReadingSet | None":
    """Return the second set of studies, if there is one; none of its patients may be among those of `splits`."""
    if inputs.external_reference is None:
        return None
    folder, option = inputs.external_slices, "--external-slices"
    reference = _reference(inputs.external_reference, folder, said=inputs.read.get(EXTERNAL_REFERENCE), option=option)
    reference = replace(reference, covered=without_excluded(reference.covered, inputs.external_exclusions))
    covered = reference.covered
    if covered.empty:
        raise EvaluationError(
            f"{inputs.external_reference}: no slice to compare; expected the reference of some studies"
        )
    of_set = {study: patients.get(study) for study in covered["study"]}
    check_external(inputs.external_reference, of_set, splits or {}, of_splits)
    read = _readings(inputs.external_readers, folder, said=inputs.read, reference=reference, option=option)
    check_readings(inputs.external_readers, read.tables, covered, known=_known(covered, folder))
    return _set_of(EXTERNAL, reference, covered, _with_ensembles(read, inputs.averages), patients, settings)


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
