"""Checks label files against the slices they were drawn on."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import AnnotationError

if TYPE_CHECKING:
    from tfspine.annotations.problems import Problem


@dataclass(frozen=True)
class CheckSummary:
    """What was found: the table that was written, the number of slices, and every problem."""

    table: Path
    slices: int
    problems: "tuple[Problem, ...]"

    @property
    def errors(self) -> "tuple[Problem, ...]":
        """The problems for which `records` refuses the labels; the others are warnings."""
        from tfspine.annotations.problems import Severity

        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def check(labels: Path, slices: Path, out: Path, *, force: bool = False) -> CheckSummary:
    """Write a table of all problems with sizes, names, sides, or the order of levels along the spine.

    Args:
        labels: folder of LabelImg XML files.
        slices: folder that `ingest` wrote.
        out: the table, CSV.
        force: replace `out` even if no check wrote it.

    Raises:
        AnnotationError: there are no labels, or none of them belongs to these slices.
        OutputError: `out` may not be written.
    """
    import pandas as pd

    from tfspine.annotations.checks import check_labels
    from tfspine.annotations.problems import Problem
    from tfspine.formats.slices_csv import SLICES_FILE, read_slice_rows
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file

    inputs = [labels, slices]
    require_file(out, command="check", inputs=inputs, force=force)
    facts = read_slice_rows(slices / SLICES_FILE)
    problems = tuple(check_labels(labels, facts))
    columns = [field.name for field in dataclasses.fields(Problem)]
    table = pd.DataFrame([dataclasses.astuple(problem) for problem in problems], columns=columns)
    write_file(out, table.to_csv(index=False), command="check", inputs=inputs, force=force)
    return CheckSummary(out, len(facts), problems)


def require_sound_labels(labels: Path, slices: Path, out: Path) -> CheckSummary:
    """Write the table of problems as `check` does, and raise an error if one of them is an error.

    Raises:
        AnnotationError: a label is invalid; the table lists all problems.
    """
    found = check(labels, slices, out)
    if found.errors:
        first = found.errors[0]
        raise AnnotationError(f"{out}: {len(found.errors)} errors in labels, the first {first.slice}: {first.problem}")
    return found
