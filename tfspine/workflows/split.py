"""Divides patients into training, validation and test."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfspine.config import Experiment
from tfspine.formats.studies_csv import read_cohort


@dataclass(frozen=True)
class SplitOptions:
    """How patients are divided.

    Attributes:
        exclusions: folder that `exclude` wrote; the studies it excluded are left out.
        experiment: `[split]` and the seed.
        force: replace the table even if no split wrote it.
    """

    exclusions: Path | None = None
    experiment: Experiment = field(default_factory=Experiment)
    force: bool = False


@dataclass(frozen=True)
class SplitSummary:
    """The table that was written, how many patients each split has, and how many studies are excluded."""

    table: Path
    patients: Mapping[str, int]
    excluded: int


def split(slices: Path, out: Path, options: SplitOptions = SplitOptions()) -> SplitSummary:
    """Assign every patient of `slices.csv` to one split.

    Args:
        slices: folder that `ingest` wrote.
        out: the table of patient, study, split, CSV.
        options: how patients are divided.

    Raises:
        AnnotationError: there are too few patients, or the exclusions belong to other studies.
        OutputError: `out` may not be written.
    """
    from tfspine.annotations.cohort import excluded_of
    from tfspine.annotations.splits import assign_splits, split_table
    from tfspine.config import SPLITS, as_dict
    from tfspine.formats.slices_csv import read_slices
    from tfspine.formats.splits_csv import split_text
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file

    experiment = options.experiment
    inputs = [slices, *([options.exclusions] if options.exclusions else [])]
    require_file(out, command="split", inputs=inputs, force=options.force)
    table = read_slices(slices)
    excluded: set[str] = set()
    if options.exclusions is not None:
        excluded = excluded_of(read_cohort(options.exclusions), list(table["study"]), options.exclusions)
    patients = set(table.loc[~table["study"].isin(list(excluded)), "patient"])
    assigned = assign_splits(patients, config=experiment.split, seed=experiment.seed)
    write_file(
        out,
        split_text(split_table(table, assigned, excluded=excluded)),
        command="split",
        config={"seed": experiment.seed, "split": as_dict(experiment.split)},
        inputs=inputs,
        force=options.force,
    )
    counts = Counter(assigned.values())
    return SplitSummary(out, {name: counts[name] for name in SPLITS}, len(excluded))
