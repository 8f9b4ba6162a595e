"""What ``tfspine evaluate`` reads: boxes of the reference and the readers, splits, slices, headers, the flow chart."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.config import EvaluationConfig
    from tfspine.evaluation.cohort_table import Person
    from tfspine.evaluation.reading_set import ReadingSet
    from tfspine.evaluation.stages import Question

INTERNAL, EXTERNAL, VALIDATION = "internal", "external", "validation"
PART_OF_SPLIT = {"train": "training", "validation": "validation", "test": "internal test"}


@dataclass(frozen=True)
class Inputs:
    """Paths by the names that the command line gave them."""

    readers: Mapping[str, Path]
    external_readers: Mapping[str, Path]
    validation: Mapping[str, Path]
    repeats: Mapping[str, Path]
    averages: Mapping[str, tuple[str, ...]]
    model: str

    @property
    def files(self) -> list[Path]:
        """Everything that was read of readers."""
        named = (self.readers, self.external_readers, self.validation, self.repeats)
        return [path for paths in named for path in paths.values()]


def inputs_of(args: argparse.Namespace) -> Inputs:
    """Return the named paths of the arguments.

    Raises:
        EvaluationError: an argument is not NAME=PATH, a name occurs twice or is unknown, or two would share a file.
    """
    readers = _named_paths("--reader", args.readers)
    averages = {
        name: tuple(str(path).split(",")) for name, path in _named_paths("--average", args.averages or []).items()
    }
    names = [*readers, *averages, *(f"{name}_ensemble" for name in averages)]
    if len({stem(name) for name in names}) < len(names):
        raise EvaluationError(
            f"--reader {', '.join([*readers, *averages])}: names too alike for file names; change letters or digits"
        )
    model = args.model or next(iter(readers))
    if model not in (*readers, *averages):
        raise EvaluationError(f'--model "{model}": no such reader; expected one of {", ".join([*readers, *averages])}')
    inputs = Inputs(
        readers=readers,
        external_readers=_named_paths("--external-reader", args.external_readers or []),
        validation=_named_paths("--validation", args.validation or []),
        repeats=_named_paths("--repeat", args.repeats or []),
        averages=averages,
        model=model,
    )
    if bool(inputs.external_readers) != bool(args.external_reference):
        raise EvaluationError("--external-reference and --external-reader belong together: give both, or neither")
    if args.external_exclusions and not args.external_reference:
        raise EvaluationError("--external-exclusions: no second set to leave studies out of; add --external-reference")
    if inputs.validation and not args.splits:
        raise EvaluationError("--validation: which studies validate is not known; add --splits")
    for name in inputs.repeats:
        if name not in ("reference", *readers):
            raise EvaluationError(f'--repeat "{name}": expected reference, or one of {", ".join(readers)}')
    return inputs


def stem(name: str) -> str:
    """Return a reader's name as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def read_question(args: argparse.Namespace, inputs: Inputs, settings: "EvaluationConfig") -> "Question":
    """Read every table and return what is to be compared.

    Raises:
        EvaluationError: a set has nothing to compare.
        AnnotationError: a table cannot be read.
    """
    import pandas as pd

    from tfspine.annotations.splits import read_splits
    from tfspine.dicom.slices import read_table
    from tfspine.evaluation.cohort_table import scanner_of
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
    patients = {} if slices is None else dict(zip(slices["study"], slices["patient"], strict=True))

    def set_of(name: str, split: str | None, tables: "Mapping[str, pd.DataFrame]") -> "ReadingSet":
        from tfspine.evaluation.reading_set import ReadingSet

        kept = covered if split is None or splits is None else _of_split(covered, splits, split, args)
        return ReadingSet(name, reference, kept, tables, patients, settings.iou, settings.confidence)

    return Question(
        internal=set_of(INTERNAL, args.split, readers),
        model=inputs.model,
        external=_external(args, inputs, settings, external_slices),
        validation=_validation(args, inputs, splits, readers, covered, set_of),
        averages=inputs.averages,
        repeats={name: boxes_of(path, args.slices) for name, path in inputs.repeats.items()},
        cohort=_parts(slices, splits, external_slices),
        people=_people(args.dicom or []),
        scanners=scanner_of(pd.concat(known)) if known else None,
    )


def boxes_of(path: Path, slices: Path | None) -> "pd.DataFrame":
    """Return the boxes of a table, or of a folder of labels drawn on some slices."""
    from tfspine.annotations.tables import labels_table, read_boxes

    if not path.is_dir():
        return read_boxes(path)
    if slices is None:
        raise EvaluationError(f"{path}: a folder of labels; name the slices it belongs to with --slices")
    return labels_table(path, slices / "slices.csv")


def _named_paths(option: str, texts: list[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise EvaluationError(
                f'{option} "{text}": expected NAME=FILE or NAME=FOLDER, for example model=predictions/predictions.csv'
            )
        if name in paths:
            raise EvaluationError(f'{option} "{name}": named twice; give each reader a name of its own')
        paths[name] = Path(path)
    return paths


def _reference(path: Path, slices: Path | None) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the reference's boxes and the slices that it covers."""
    from tfspine.evaluation.pairs import COVERED_COLUMNS

    reference = boxes_of(path, slices)
    if path.is_dir() and slices is not None:
        return reference, _labelled_slices(path, slices)
    return reference, reference[list(COVERED_COLUMNS)].drop_duplicates()


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
    if splits is None or args.split == VALIDATION:
        return None
    studies = {study for study, split in splits.items() if split == VALIDATION}
    tables = {name: boxes_of(path, args.slices) for name, path in inputs.validation.items()}
    for name, table in readers.items():
        if name not in tables and table["study"].isin(studies).any():
            tables[name] = table
    if not tables or not covered["study"].isin(studies).any():
        return None
    return set_of(VALIDATION, VALIDATION, tables)


def _external(
    args: argparse.Namespace, inputs: Inputs, settings: "EvaluationConfig", slices: "pd.DataFrame | None"
) -> "ReadingSet | None":
    from tfspine.evaluation.reading_set import ReadingSet

    if args.external_reference is None:
        return None
    reference, covered = _reference(args.external_reference, args.external_slices)
    covered = _without_excluded(covered, args.external_exclusions)
    if covered.empty:
        raise EvaluationError(f"{args.external_reference}: no slice to compare; expected the reference of some studies")
    readers = _with_ensembles(
        {name: boxes_of(path, args.external_slices) for name, path in inputs.external_readers.items()}, inputs.averages
    )
    patients = {} if slices is None else dict(zip(slices["study"], slices["patient"], strict=True))
    return ReadingSet(EXTERNAL, reference, covered, readers, patients, settings.iou, settings.confidence)


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


def _people(folders: list[Path]) -> "dict[str, Person]":
    from tfspine.dicom.demographics import read_demographics
    from tfspine.evaluation.cohort_table import Person

    return {
        study: Person(person.age_years, person.sex)
        for folder in folders
        for study, person in read_demographics(folder).items()
    }
