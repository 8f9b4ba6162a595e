"""What ``tfspine evaluate`` reads: boxes of the reference and the readers, splits, slices, headers, the flow chart."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.evaluation_names import SPLIT, Inputs
from tfspine.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.config import EvaluationConfig
    from tfspine.evaluation.cohort_table import Person
    from tfspine.evaluation.reading_set import ReadingSet
    from tfspine.evaluation.stages import Question

INTERNAL, EXTERNAL, VALIDATION = "internal", "external", "validation"
PART_OF_SPLIT = {"train": "training", "validation": "validation", "test": "internal test"}


def read_question(args: argparse.Namespace, inputs: Inputs, settings: "EvaluationConfig") -> "Question":
    """Read every table and return what is to be compared.

    Raises:
        EvaluationError: a set has nothing to compare, a box was drawn twice, or a reader read other slices.
        AnnotationError: a table cannot be read.
    """
    from tfspine.annotations.splits import read_splits
    from tfspine.dicom.slices import read_table
    from tfspine.evaluation.stages import Question

    splits = read_splits(args.splits) if args.splits else None
    slices = read_table(args.slices) if args.slices else None
    external_slices = read_table(args.external_slices) if args.external_slices else None
    if external_slices is not None:
        external_slices = _without_excluded(external_slices, args.external_exclusions)
    readers = _with_ensembles(
        {name: boxes_of(path, args.slices) for name, path in inputs.readers.items()}, inputs.averages
    )
    reference, covered = _reference(args.reference, args.slices)
    known = [table for table in (slices, external_slices) if table is not None]
    people = _people(args.dicom or [])
    split = args.split or SPLIT
    patients = _patients(slices)

    def set_of(name: str, split: str | None, tables: "Mapping[str, pd.DataFrame]") -> "ReadingSet":
        from tfspine.evaluation.reading_set import ReadingSet

        kept = covered if split is None or splits is None else _of_split(covered, splits, split, args)
        return ReadingSet(name, reference, kept, tables, patients, settings.iou, settings.confidence)

    internal = set_of(INTERNAL, split, readers)
    repeats = {name: boxes_of(path, args.slices) for name, path in inputs.repeats.items()}
    for paths, tables in ((inputs.readers, readers), (inputs.repeats, repeats)):
        _check_readings(paths, tables, internal.covered)
    return Question(
        internal=internal,
        model=inputs.model,
        external=_external(args, inputs, settings, external_slices),
        validation=_validation(args, inputs, splits, readers, covered, set_of),
        averages=inputs.averages,
        repeats=repeats,
        cohort=_parts(slices, splits, external_slices),
        people=people,
        studies=_studies(known, people),
    )


def boxes_of(path: Path, slices: Path | None, *, option: str = "--slices") -> "pd.DataFrame":
    """Return the boxes of a table, or of a folder of labels drawn on some slices; `option` is that which names these.

    Raises:
        EvaluationError: a folder without its slices, or a box that is there twice.
        AnnotationError: the table or a label cannot be read.
    """
    from tfspine.annotations.tables import CORNER_COLUMNS, labels_table, read_boxes

    if path.is_dir() and slices is None:
        raise EvaluationError(f"{path}: a folder of labels; name the slices it belongs to with {option}")
    boxes = labels_table(path, slices / "slices.csv") if path.is_dir() and slices is not None else read_boxes(path)
    twice = boxes.duplicated(["slice", "region", "side", *CORNER_COLUMNS])
    if twice.any():
        first = boxes[twice].iloc[0]
        raise EvaluationError(
            f"{path}: {int(twice.sum())} boxes are there twice, the first a {first['region']} on {first['slice']}; "
            "expected each once: take out the copies"
        )
    return boxes


def _reference(path: Path, slices: Path | None, *, option: str = "--slices") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the reference's boxes and the slices that it covers."""
    from tfspine.evaluation.pairs import COVERED_COLUMNS

    reference = boxes_of(path, slices, option=option)
    if reference.empty:
        raise EvaluationError(f"{path}: not one box; expected the boxes of the reference")
    if path.is_dir() and slices is not None:
        return reference, _labelled_slices(path, slices)
    return reference, reference[list(COVERED_COLUMNS)].drop_duplicates()


def _check_readings(paths: Mapping[str, Path], tables: "Mapping[str, pd.DataFrame]", covered: "pd.DataFrame") -> None:
    """Refuse a reader whose boxes all lie elsewhere: slices of other names, or of another split, are no misses."""
    for name, path in paths.items():
        boxes = tables[name]
        if len(boxes) and not boxes["slice"].isin(covered["slice"]).any():
            raise EvaluationError(
                f"{path}: none of the {len(boxes)} boxes of {name} is on a slice that is compared; expected slices "
                f"such as {covered['slice'].iloc[0]}"
            )


def _labelled_slices(labels: Path, folder: Path) -> "pd.DataFrame":
    """Return the slices with a label file: one without boxes says that there is nothing to find."""
    from tfspine.dicom.slices import read_table

    slices = read_table(folder).rename(columns={"key": "slice"})
    stems = {path.stem for path in labels.glob("*.xml")}
    return slices.loc[slices["slice"].isin(stems), ["study", "slice", "plane"]]


def _of_split(
    covered: "pd.DataFrame", splits: Mapping[str, str], split: str, args: argparse.Namespace
) -> "pd.DataFrame":
    wanted = {study for study, name in splits.items() if name == split}
    if not wanted:
        raise EvaluationError(
            f'{args.splits}: no study of split "{split}"; it has {", ".join(sorted(set(splits.values())))}'
        )
    kept = covered[covered["study"].isin(wanted)]
    if kept.empty:
        raise EvaluationError(
            f'{args.reference}: no slice to compare in split "{split}"; expected the reference of these studies'
        )
    return kept


def _validation(
    args: argparse.Namespace,
    inputs: Inputs,
    splits: Mapping[str, str] | None,
    readers: "Mapping[str, pd.DataFrame]",
    covered: "pd.DataFrame",
    set_of: "Callable[[str, str | None, Mapping[str, pd.DataFrame]], ReadingSet]",
) -> "ReadingSet | None":
    """Return the readers on validation studies: from tables of their own, or where their tables hold these too."""
    if splits is None or (args.split or SPLIT) == VALIDATION:
        return None
    studies = {study for study, split in splits.items() if split == VALIDATION}
    tables = {name: boxes_of(path, args.slices) for name, path in inputs.validation.items()}
    for name, table in readers.items():
        if name not in tables and table["study"].isin(studies).any():
            tables[name] = table
    if not tables:
        return None
    of_validation = covered[covered["study"].isin(studies)]
    if of_validation.empty:
        if inputs.validation:
            raise EvaluationError(
                f"--validation: {args.reference} has no slice of validation; add them to the reference"
            )
        return None
    _check_readings(inputs.validation, tables, of_validation)
    return set_of(VALIDATION, VALIDATION, tables)


def _external(
    args: argparse.Namespace, inputs: Inputs, settings: "EvaluationConfig", slices: "pd.DataFrame | None"
) -> "ReadingSet | None":
    from tfspine.evaluation.reading_set import ReadingSet

    if args.external_reference is None:
        return None
    option = "--external-slices"
    reference, covered = _reference(args.external_reference, args.external_slices, option=option)
    covered = _without_excluded(covered, args.external_exclusions)
    if covered.empty:
        raise EvaluationError(f"{args.external_reference}: no slice to compare; expected the reference of some studies")
    read = {name: boxes_of(path, args.external_slices, option=option) for name, path in inputs.external_readers.items()}
    _check_readings(inputs.external_readers, read, covered)
    readers = _with_ensembles(read, inputs.averages)
    return ReadingSet(EXTERNAL, reference, covered, readers, _patients(slices), settings.iou, settings.confidence)


def _patients(slices: "pd.DataFrame | None") -> dict[str, str]:
    """Return whose each study is; nothing is known without the slices."""
    return {} if slices is None else dict(zip(slices["study"], slices["patient"], strict=True))


def _without_excluded(table: "pd.DataFrame", folder: Path | None) -> "pd.DataFrame":
    """Return the rows of studies that ``tfspine exclude`` did not leave out; all of them where it did not run."""
    from tfspine.annotations.cohort import excluded_of, read_cohort

    if folder is None:
        return table
    excluded = excluded_of(read_cohort(folder), list(table["study"].unique()), folder)
    return table[~table["study"].isin(list(excluded))]


def _with_ensembles(
    readers: "dict[str, pd.DataFrame]", averages: Mapping[str, Sequence[str]]
) -> "dict[str, pd.DataFrame]":
    """Return the readers, and beside each average the ensemble of its versions, where these graded the same boxes."""
    from tfspine.evaluation.averages import ensemble_boxes

    found = dict(readers)
    for name, members in averages.items():
        tables = [readers[member] for member in members if member in readers]
        boxes = ensemble_boxes(tables) if len(tables) == len(members) else None
        if boxes is not None:
            found[f"{name}_ensemble"] = boxes
    return found


def _parts(
    slices: "pd.DataFrame | None", splits: Mapping[str, str] | None, external: "pd.DataFrame | None"
) -> "dict[str, pd.DataFrame]":
    """Return the rows of `slices.csv` by part of the study; those left out belong to none."""
    parts = {}
    if slices is not None and splits is None:
        parts[INTERNAL] = slices
    elif slices is not None and splits is not None:
        split = slices["study"].map(splits)
        parts = {part: slices[split == name] for name, part in PART_OF_SPLIT.items() if (split == name).any()}
    if external is not None:
        parts["external test"] = external
    return parts


def _studies(tables: "list[pd.DataFrame]", people: "Mapping[str, Person]") -> "pd.DataFrame | None":
    """Return what is known of each study: its scanner, and where headers say so, the patient's sex and age."""
    import pandas as pd

    from tfspine.evaluation.cohort_table import persons_of, scanner_of

    if not tables:
        return None
    slices = pd.concat(tables)
    scanners = scanner_of(slices)
    return scanners.merge(persons_of(slices, people), on="study") if people else scanners


def _people(folders: list[Path]) -> "dict[str, Person]":
    from tfspine.dicom.demographics import read_demographics
    from tfspine.evaluation.cohort_table import Person

    return {
        study: Person(person.age_years, person.sex)
        for folder in folders
        for study, person in read_demographics(folder).items()
    }
