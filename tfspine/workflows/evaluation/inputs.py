"""The inputs of an evaluation, their names, and checks that they fit together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfspine.errors import EvaluationError

SPLIT = "test"
"""The split that is compared by default."""

REFERENCE, EXTERNAL_REFERENCE = "reference", "external_reference"
"""Names of the references in `read`, for what they cover, and in `repeats`, for second readings."""


@dataclass(frozen=True)
class EvaluateInputs:
    """What is compared. A table of boxes is a CSV file, or a folder of LabelImg XML files.

    Attributes:
        reference: boxes of the reference.
        readers: boxes of each reader by name.
        model: reader or average that the others are compared with; None means the first reader.
        averages: named groups of readers, the members of an ensemble, whose mean is shown.
        arms: readers of each condition, the same people in the same order; two conditions or more.
        repeats: second readings by a reader, or by `REFERENCE`.
        read: what a reader or `REFERENCE` read, if it does not follow from the boxes: a table of study, and plane,
            region or slice, or a folder with a label file for every slice.
        slices: folder that `ingest` wrote; needed with a folder of labels.
        splits: `splits.csv`: only studies of one split are compared.
        split: the split to compare; None means `SPLIT`.
        validation: a reader's boxes on validation studies.
        external_reference: the reference of a second test set.
        external_readers: boxes of each reader of the second set, by name.
        external_slices: folder that `ingest` wrote for the second set.
        external_exclusions: folder that `exclude` wrote for the second set; the studies it excluded are left out.
        dicom: folders of studies whose headers give age and sex.
        clinical: CSV of ethnicity, indication and comorbidities by patient or study.
        flow: folder that `flow` wrote.
        runs: folders that other commands wrote, whose manifests are used for the checklists and the model card.

    Raises:
        EvaluationError: a name is unknown, two names would share a file, or an input requires another that is missing.
            Messages name the options of ``tfspine evaluate``.
    """

    reference: Path
    readers: Mapping[str, Path]
    model: str | None = None
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    arms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    repeats: Mapping[str, Path] = field(default_factory=dict)
    read: Mapping[str, Path] = field(default_factory=dict)
    slices: Path | None = None
    splits: Path | None = None
    split: str | None = None
    validation: Mapping[str, Path] = field(default_factory=dict)
    external_reference: Path | None = None
    external_readers: Mapping[str, Path] = field(default_factory=dict)
    external_slices: Path | None = None
    external_exclusions: Path | None = None
    dicom: tuple[Path, ...] = ()
    clinical: Path | None = None
    flow: Path | None = None
    runs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        _check_companions(self)
        ensembles = [f"{name}_ensemble" for name in self.averages]
        # This prefix is used for the figures of the external set.
        external_names = (*self.external_readers, *(ensembles if self.external_readers else ()))
        external = [f"external_{name}" for name in external_names]
        names = [*self.readers, *self.averages, *ensembles, *external]
        _check_averages(self.averages, self.readers)
        if len({stem(name) for name in names}) < len(names):
            raise EvaluationError(
                f"--reader {', '.join([*self.readers, *self.averages])}: names too alike for file names; change "
                "letters or digits"
            )
        _check_arms(self.arms, self.readers)
        _check_known("--model", [self.model_name], [*self.readers, *self.averages])
        _check_known("--repeat", self.repeats, [REFERENCE, *self.readers])
        _check_known("--read", self.read, [REFERENCE, *self.readers, *self.external_readers, EXTERNAL_REFERENCE])
        _check_known("--validation", self.validation, [*self.readers, *ensembles])

    @property
    def model_name(self) -> str:
        """The reader or average that the others are compared with."""
        return self.model or next(iter(self.readers))

    @property
    def paths(self) -> list[Path]:
        """Every file and folder that is read."""
        single = (
            *(self.reference, self.slices, self.splits, self.external_reference, self.external_slices),
            *(self.external_exclusions, self.flow, self.clinical),
        )
        named = (self.readers, self.repeats, self.validation, self.external_readers, self.read)
        return [
            *(path for path in single if path is not None),
            *(path for tables in named for path in tables.values()),
            *self.dicom,
            *self.runs,
        ]


def stem(name: str) -> str:
    """Return a reader's name as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _check_companions(inputs: EvaluateInputs) -> None:
    if bool(inputs.external_readers) != bool(inputs.external_reference):
        raise EvaluationError("--external-reference and --external-reader belong together: give both, or neither")
    for option, value, other, needs in (
        ("--external-exclusions", inputs.external_exclusions, inputs.external_reference, "--external-reference"),
        ("--external-slices", inputs.external_slices, inputs.external_reference, "--external-reference"),
        ("--external-exclusions", inputs.external_exclusions, inputs.external_slices, "--external-slices"),
        ("--validation", inputs.validation, inputs.splits, "--splits"),
        ("--split", inputs.split, inputs.splits, "--splits"),
        ("--dicom", inputs.dicom, inputs.slices, "--slices"),
        ("--clinical", inputs.clinical, inputs.slices, "--slices"),
    ):
        if value and not other:
            raise EvaluationError(f"{option}: has no effect on its own; add {needs}")


def _check_arms(arms: Mapping[str, tuple[str, ...]], readers: Collection[str]) -> None:
    if len(arms) == 1:
        raise EvaluationError(f'--arm "{next(iter(arms))}": one condition; expected two or more to compare')
    seen: set[str] = set()
    for name, members in arms.items():
        for member in members:
            if member not in readers:
                raise EvaluationError(
                    f'--arm "{name}": no reader "{member}"; expected some of {", ".join(readers)}, without spaces'
                )
            if member in seen:
                raise EvaluationError(f'--arm "{name}": reader "{member}" named twice; expected each table once')
            seen.add(member)
        if len(members) < 2 or len(members) != len(next(iter(arms.values()))):
            raise EvaluationError(
                f'--arm "{name}": {len(members)} readers; expected the same people under each condition, in the same '
                "order, two or more"
            )


def _check_averages(averages: Mapping[str, tuple[str, ...]], readers: Collection[str]) -> None:
    for name, members in averages.items():
        for member in members:
            if member not in readers:
                raise EvaluationError(
                    f'--average "{name}": no reader "{member}"; expected one of {", ".join(readers)}, without spaces'
                )
        if len(set(members)) < len(members):
            raise EvaluationError(f'--average "{name}": a reader named twice; expected each member once')
        if len(members) < 2:
            raise EvaluationError(f'--average "{name}": an average of 1 member; expected at least 2')


def _check_known(option: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise EvaluationError(f'{option} "{name}": no such reader; expected one of {", ".join(known)}')
