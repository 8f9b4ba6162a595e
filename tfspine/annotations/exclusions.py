"""Which studies are excluded, and why: measures compared with the limits of `[exclusions]`, and a person's decisions.

Every study has one row for each measure, whatever the result, so that the values of included studies are visible too.
What could not be measured has no value, neither passes nor fails, and is flagged.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfspine.compat import StrEnum
from tfspine.config import ExclusionsConfig, OnFinding
from tfspine.errors import AnnotationError
from tfspine.formats.csv_files import read_csv_file
from tfspine.formats.csv_words import read_table_of_words
from tfspine.outputs import write_text

TABLE = "exclusions.csv"
INCLUDED = "included.txt"


class Measure(StrEnum):
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


UNITS: dict[Measure, str] = {
    Measure.AGE: "years",
    Measure.SERIES: "planes",
    Measure.GADOLINIUM: "series",
    Measure.INSTRUMENTATION: "ml",
    Measure.SCOLIOSIS: "degrees",
    Measure.SNR: "",
    Measure.GHOSTING: "of the picture",
    Measure.SHARPNESS: "mm",
}


class Verdict(StrEnum):
    """The result of one measure of one study. A flagged study stays included until a person decides."""

    INCLUDE = "include"
    FLAG = "flag"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class Measured:
    """One measure of one study: `value` is None if it could not be measured, and `note` says where it comes from."""

    study: str
    measure: Measure
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """One row of `exclusions.csv`."""

    study: str
    measure: Measure
    value: float | None
    threshold: float
    verdict: Verdict
    reason: str


COLUMNS = tuple(field.name for field in dataclasses.fields(Finding))
DECISION_COLUMNS = ("study", "measure", "verdict")


def judge(measured: Iterable[Measured], config: ExclusionsConfig) -> list[Finding]:
    """Compare every measure with its limit, and return the findings study by study.

    Raises:
        AnnotationError: a limit is outside the range of its measure.
    """
    _require(config)
    order = list(Measure)
    findings = [_judge_one(item, config) for item in measured]
    return sorted(findings, key=lambda finding: (finding.study, order.index(finding.measure)))


def decided(findings: Sequence[Finding], path: Path) -> list[Finding]:
    """Replace verdicts by a person's decisions.

    Args:
        findings: the findings of `judge`.
        path: as in `read_decisions`.

    Raises:
        AnnotationError: as in `read_decisions`.
    """
    decisions = read_decisions(path, {(finding.study, str(finding.measure)) for finding in findings})
    return [_decided_one(finding, decisions.get((finding.study, finding.measure))) for finding in findings]


def read_decisions(path: Path, known: Collection[tuple[str, str]]) -> dict[tuple[str, str], Verdict]:
    """Return a person's decisions by study and measure.

    Args:
        path: a CSV with the columns study, measure, verdict (include or exclude). Other columns, such as a remark, are
            ignored, so that a copy of some rows of `exclusions.csv` can be used.
        known: study and measure of everything that is measured.

    Raises:
        AnnotationError: the file cannot be read, or decides on something that is not measured, or decides twice.
    """
    table = read_csv_file(path, DECISION_COLUMNS)
    decisions: dict[tuple[str, str], Verdict] = {}
    for number, row in enumerate(table.rows):
        where, (study, measure, verdict) = table.where(number), (row[name] for name in DECISION_COLUMNS)
        if verdict not in (Verdict.INCLUDE, Verdict.EXCLUDE):
            raise AnnotationError(f'{where}: verdict "{verdict}"; expected include or exclude')
        if (study, measure) not in known:
            raise AnnotationError(f'{where}: study "{study}", measure "{measure}": not among those in {TABLE}')
        if (study, measure) in decisions:
            raise AnnotationError(f"{where}: study {study}, measure {measure}: decided twice; keep one line")
        decisions[study, measure] = Verdict(verdict)
    return decisions


def excluded_studies(findings: Iterable[Finding]) -> dict[str, Measure]:
    """Return the excluded studies, each with the first measure, in the order of `Measure`, that excludes it."""
    order = list(Measure)
    out: dict[str, Measure] = {}
    for finding in sorted(findings, key=lambda finding: order.index(finding.measure)):
        if finding.verdict is Verdict.EXCLUDE:
            out.setdefault(finding.study, finding.measure)
    return out


def flagged_studies(findings: Sequence[Finding]) -> dict[str, list[Measure]]:
    """Return the included studies that a person must decide on, with their findings."""
    out = excluded_studies(findings)
    flagged: dict[str, list[Measure]] = {}
    for finding in findings:
        if finding.verdict is Verdict.FLAG and finding.study not in out:
            flagged.setdefault(finding.study, []).append(finding.measure)
    return flagged


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """Write `exclusions.csv`, and `included.txt` with one study per line."""
    table = pd.DataFrame([dataclasses.astuple(finding) for finding in findings], columns=list(COLUMNS))
    write_text(folder / TABLE, table.to_csv(index=False))
    out = excluded_studies(findings)
    included = sorted({finding.study for finding in findings} - set(out))
    write_text(folder / INCLUDED, "".join(f"{study}\n" for study in included))


def read_findings(folder: Path) -> list[Finding]:
    """Read `exclusions.csv` of a folder that ``tfspine exclude`` wrote.

    Raises:
        AnnotationError: the table is missing, or contains an invalid measure, verdict or number.
    """
    path = folder / TABLE
    if not path.is_file():
        raise AnnotationError(f"{path}: not found; make it with tfspine exclude --out {folder}")
    findings = []
    for line, row in enumerate(read_table_of_words(path, COLUMNS).to_dict("records"), start=2):
        try:
            value = float(row["value"]) if row["value"] else None
            measure, verdict = Measure(row["measure"]), Verdict(row["verdict"])
            findings.append(Finding(row["study"], measure, value, float(row["threshold"]), verdict, row["reason"]))
        except ValueError as error:
            raise AnnotationError(f"{path}: line {line}: {error}; make it again with tfspine exclude") from None
    return findings


def _require(config: ExclusionsConfig) -> None:
    for name in ("metal_ml", "scoliosis_deg", "snr", "ghosting", "edge_mm"):
        value = getattr(config, name)
        if not 0 < value < float("inf"):
            raise AnnotationError(f"exclusions.{name} = {value}; expected more than 0")


def _judge_one(measured: Measured, config: ExclusionsConfig) -> Finding:
    threshold, action = _rules(config)[measured.measure]
    name, unit, note = measured.measure, UNITS[measured.measure], measured.note

    def found(verdict: Verdict, reason: str) -> Finding:
        return Finding(
            measured.study, name, measured.value, threshold, verdict, f"{reason}; {note}" if note else reason
        )

    if measured.value is None:
        return found(Verdict.INCLUDE if action is OnFinding.IGNORE else Verdict.FLAG, "could not be measured")
    is_low = name in (Measure.AGE, Measure.SERIES, Measure.SNR)
    is_beyond = measured.value < threshold if is_low else measured.value > threshold
    if name is Measure.AGE:  # the criterion is "older than", so a patient of exactly this age is excluded
        is_beyond = measured.value <= threshold
    words = " ".join(f"{name} {measured.value:.3g} {unit}".split())
    if not is_beyond:
        return found(Verdict.INCLUDE, words)
    beyond = "not older" if name is Measure.AGE else "less" if is_low else "more"
    limit = " ".join(f"{words}, {beyond} than {threshold:.3g}".split())
    if action is OnFinding.IGNORE:
        return found(Verdict.INCLUDE, f"{limit}, ignored by the experiment")
    return found(Verdict(action.value), limit)


def _rules(config: ExclusionsConfig) -> Mapping[Measure, tuple[float, OnFinding]]:
    """Return the limit of each measure and the verdict beyond it; a study without both series is always excluded."""
    return {
        Measure.AGE: (config.age_years, config.age),
        Measure.SERIES: (2.0, OnFinding.EXCLUDE),
        Measure.GADOLINIUM: (0.0, config.gadolinium),
        Measure.INSTRUMENTATION: (config.metal_ml, config.instrumentation),
        Measure.SCOLIOSIS: (config.scoliosis_deg, config.scoliosis),
        Measure.SNR: (config.snr, config.quality),
        Measure.GHOSTING: (config.ghosting, config.quality),
        Measure.SHARPNESS: (config.edge_mm, config.quality),
    }


def _decided_one(finding: Finding, verdict: Verdict | None) -> Finding:
    if verdict is None:
        return finding
    return dataclasses.replace(finding, verdict=verdict, reason=f"{finding.reason}; a person decided: {verdict}")
