"""Checks label files against the slices they were drawn on."""

from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import AnnotationError
from tfspine.formats.problems_csv import Problem, Severity, problems_text


@dataclass(frozen=True)
class CheckSummary:
    """What was found: the table that was written, the number of slices, and every problem."""

    table: Path
    slices: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems for which `records` refuses the labels; the others are warnings."""
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
    from tfspine.annotations.checks import check_labels
    from tfspine.formats.slices_csv import read_slice_rows
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file

    inputs = [labels, slices]
    require_file(out, command="check", inputs=inputs, force=force)
    facts = read_slice_rows(slices)
    problems = tuple(check_labels(labels, facts))
    write_file(out, problems_text(problems), command="check", inputs=inputs, force=force)
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
