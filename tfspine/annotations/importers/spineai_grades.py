"""The grade text files of NUHS-NUS-SpineAI: one line per label file, with its name and grades.

``*-axial-center-label.txt``, ``*-axial-left-label.txt`` and ``*-axial-right-label.txt`` hold ``FILE.xml GRADE``,
``*-sagittal-label.txt`` holds ``FILE.xml GRADE GRADE ...`` for the boxes from top to bottom. A grade is 1 (normal) to
4 (severe) or its word (docs/public_data.md).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import AnnotationError, FormatError
from tfspine.labels import GRADES, Grade
from tfspine.structures import Refusal

FILE_PATTERN = "*-label.txt"
KIND = re.compile(r"-(?:axial-(center|left|right)|(sagittal))-label\.txt$", re.IGNORECASE)

GRADE_OF_WORD: Mapping[str, Grade] = {grade.word: grade for grade in GRADES} | {
    str(grade + 1): grade for grade in GRADES
}
"""``normal`` or ``1`` to ``severe`` or ``4``."""


@dataclass(frozen=True)
class GradeLine:
    """The content of one line; `grades` from top to bottom."""

    file: str
    line: int
    grades: tuple[Grade, ...]


@dataclass(frozen=True)
class GradeSheets:
    """Lines by kind (``center``, ``left``, ``right``, ``sagittal``) and name of the label file."""

    lines: Mapping[tuple[str, str], GradeLine]
    refused: tuple[Refusal, ...]


def read_grade_sheets(folder: Path) -> GradeSheets:
    """Read every grade text file below a folder; there may be no such files.

    A label file that is listed twice with different grades has no grades, since it is unknown which line is right.
    """
    lines: dict[tuple[str, str], GradeLine] = {}
    contradicted: set[tuple[str, str]] = set()
    refused: list[Refusal] = []
    for path in sorted(folder.rglob(FILE_PATTERN)):
        match = KIND.search(path.name)
        name = str(path.relative_to(folder))
        if not match:
            reason = "name of a grade file; expected -axial-center-, -axial-left-, -axial-right- or -sagittal-label.txt"
            refused.append(Refusal(name, reason))
            continue
        kind = (match[1] or match[2]).lower()
        for item in _read_lines(path, name, kind):
            if isinstance(item, Refusal):
                refused.append(item)
                continue
            label, line = item
            former = lines.setdefault((kind, label), line)
            if former is line:
                continue
            if former.grades == line.grades:
                refused.append(Refusal(name, f"{label} is repeated, with the same grades", line=line.line))
            else:
                contradicted.add((kind, label))
                reason = (
                    f"{label} is repeated, with other grades than {former.file} line {former.line}; neither is used"
                )
                refused.append(Refusal(name, reason, line=line.line))
    kept = {key: line for key, line in lines.items() if key not in contradicted}
    return GradeSheets(kept, tuple(refused))


def _read_lines(path: Path, name: str, kind: str) -> Iterator[tuple[str, GradeLine] | Refusal]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        yield Refusal(name, "cannot be read as text")
        return
    for number, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        match = re.fullmatch(r"\s*(.+?\.xml)((?:\s+\S+)*)\s*", content, re.IGNORECASE)
        try:
            if not match:
                raise AnnotationError("expected the name of a label file (.xml), then its grades")
            yield match[1], GradeLine(name, number, _grades(match[2].split(), kind))
        except FormatError as error:
            yield Refusal(name, str(error), line=number)


def _grades(words: list[str], kind: str) -> tuple[Grade, ...]:
    wrong = [word for word in words if word.lower() not in GRADE_OF_WORD]
    if wrong:
        raise AnnotationError(f'grade "{wrong[0]}"; expected one of {", ".join(GRADE_OF_WORD)}')
    if not words or (kind != "sagittal" and len(words) != 1):
        raise AnnotationError(f"{len(words)} grades; expected {'at least one' if kind == 'sagittal' else 'one'}")
    return tuple(GRADE_OF_WORD[word.lower()] for word in words)
