"""``exclusions.csv``: every measure of every study against its limit; ``included.txt``; and a person's decisions.

A person decides in a table with study, measure and verdict. It may have other columns, such as a remark, so that a copy
of some rows of ``exclusions.csv`` can be used.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.compat import StrEnum
from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.outputs import write_text

EXCLUSIONS_FILE = "exclusions.csv"
INCLUDED_FILE = "included.txt"

EXCLUSION_COLUMNS = ("study", "measure", "value", "threshold", "verdict", "reason")
DECISION_COLUMNS = ("study", "measure", "verdict")


class StudyMeasure(StrEnum):
    """The exclusion criteria, in the order in which an excluded study is attributed to them.

    Age comes first, as it defines the population. Gadolinium comes before the series, as it is the reason why a series
    acquired after it cannot be used.
    """

    AGE = "age"
    GADOLINIUM = "gadolinium"
    SERIES = "series"
    INSTRUMENTATION = "instrumentation"
    SCOLIOSIS = "scoliosis"
    SNR = "snr"
    GHOSTING = "ghosting"
    SHARPNESS = "sharpness"


class Verdict(StrEnum):
    """The result of one measure of one study. A flagged study stays included until a person decides."""

    INCLUDE = "include"
    FLAG = "flag"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class JudgedMeasure:
    """One measure of one study against its limit; `value` is None if it could not be measured."""

    study: str
    measure: StudyMeasure
    value: float | None
    threshold: float
    verdict: Verdict
    reason: str


def write_findings(folder: Path, findings: Iterable[JudgedMeasure]) -> None:
    """Write `exclusions.csv`.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / EXCLUSIONS_FILE, EXCLUSION_COLUMNS, findings)


def write_included(folder: Path, studies: Iterable[str]) -> None:
    """Write `included.txt`, one study per line.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(folder / INCLUDED_FILE, "".join(f"{study}\n" for study in sorted(studies)))


def read_findings(folder: Path) -> list[JudgedMeasure]:
    """Read `exclusions.csv` of a folder that ``tfspine exclude`` wrote.

    Raises:
        FormatError: it does not exist, or has an invalid measure, verdict or number; the message gives the line.
    """
    return read_csv_rows(folder / EXCLUSIONS_FILE, EXCLUSION_COLUMNS, _finding, made_by="tfspine exclude")


def read_decisions(path: Path, known: Collection[tuple[str, str]]) -> dict[tuple[str, str], Verdict]:
    """Return a person's decisions (include or exclude) by study and measure.

    Args:
        path: the person's table.
        known: study and measure of everything that is measured.

    Raises:
        FormatError: the file cannot be read, or decides on something that is not measured, or decides twice.
    """
    table = read_csv_file(path, DECISION_COLUMNS)
    decisions: dict[tuple[str, str], Verdict] = {}
    for number, row in enumerate(table.rows):
        where, (study, measure, verdict) = table.where(number), (row[name] for name in DECISION_COLUMNS)
        if verdict not in (Verdict.INCLUDE, Verdict.EXCLUDE):
            raise FormatError(f'{where}: verdict "{verdict}"; expected include or exclude')
        if (study, measure) not in known:
            raise FormatError(f'{where}: study "{study}", measure "{measure}": not among those in {EXCLUSIONS_FILE}')
        if (study, measure) in decisions:
            raise FormatError(f"{where}: study {study}, measure {measure}: decided twice; keep one line")
        decisions[study, measure] = Verdict(verdict)
    return decisions


def _finding(values: Mapping[str, str]) -> JudgedMeasure:
    return JudgedMeasure(
        values["study"],
        StudyMeasure(values["measure"]),
        one_or_none(float, values["value"]),
        float(values["threshold"]),
        Verdict(values["verdict"]),
        values["reason"],
    )
