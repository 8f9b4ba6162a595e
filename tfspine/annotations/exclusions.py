"""Which studies are excluded, and why: measures compared with the limits of `[exclusions]`, and a person's decisions.

Every study has one row for each measure, whatever the result, so that the values of included studies are visible too.
What could not be measured has no value, neither passes nor fails, and is flagged.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.config import ExclusionsConfig, OnFinding
from tfspine.errors import AnnotationError
from tfspine.formats.exclusions_csv import JudgedMeasure, StudyMeasure, Verdict, read_decisions

UNITS: dict[StudyMeasure, str] = {
    StudyMeasure.AGE: "years",
    StudyMeasure.SERIES: "planes",
    StudyMeasure.GADOLINIUM: "series",
    StudyMeasure.INSTRUMENTATION: "ml",
    StudyMeasure.SCOLIOSIS: "degrees",
    StudyMeasure.SNR: "",
    StudyMeasure.GHOSTING: "of the picture",
    StudyMeasure.SHARPNESS: "mm",
}


@dataclass(frozen=True)
class Measured:
    """One measure of one study: `value` is None if it could not be measured, and `note` says where it comes from."""

    study: str
    measure: StudyMeasure
    value: float | None
    note: str = ""


def judge_measures(measured: Iterable[Measured], config: ExclusionsConfig) -> list[JudgedMeasure]:
    """Compare every measure with its limit, and return the findings study by study.

    Raises:
        AnnotationError: a limit is outside the range of its measure.
    """
    _require(config)
    order = list(StudyMeasure)
    findings = [_judge_one(item, config) for item in measured]
    return sorted(findings, key=lambda finding: (finding.study, order.index(finding.measure)))


def decided(findings: Sequence[JudgedMeasure], path: Path) -> list[JudgedMeasure]:
    """Replace verdicts by a person's decisions.

    Args:
        findings: the findings of `judge_measures`.
        path: the person's table.

    Raises:
        FormatError: as in `read_decisions`.
    """
    decisions = read_decisions(path, {(finding.study, str(finding.measure)) for finding in findings})
    return [_decided_one(finding, decisions.get((finding.study, finding.measure))) for finding in findings]


def excluded_studies(findings: Iterable[JudgedMeasure]) -> dict[str, StudyMeasure]:
    """Return the excluded studies, each with the first measure, in the order of `StudyMeasure`, that excludes it."""
    order = list(StudyMeasure)
    out: dict[str, StudyMeasure] = {}
    for finding in sorted(findings, key=lambda finding: order.index(finding.measure)):
        if finding.verdict is Verdict.EXCLUDE:
            out.setdefault(finding.study, finding.measure)
    return out


def flagged_studies(findings: Sequence[JudgedMeasure]) -> dict[str, list[StudyMeasure]]:
    """Return the included studies that a person must decide on, with their findings."""
    out = excluded_studies(findings)
    flagged: dict[str, list[StudyMeasure]] = {}
    for finding in findings:
        if finding.verdict is Verdict.FLAG and finding.study not in out:
            flagged.setdefault(finding.study, []).append(finding.measure)
    return flagged


def _require(config: ExclusionsConfig) -> None:
    for name in ("metal_ml", "scoliosis_deg", "snr", "ghosting", "edge_mm"):
        value = getattr(config, name)
        if not 0 < value < float("inf"):
            raise AnnotationError(f"exclusions.{name} = {value}; expected more than 0")


def _judge_one(measured: Measured, config: ExclusionsConfig) -> JudgedMeasure:
    threshold, action = _rules(config)[measured.measure]
    name, unit, note = measured.measure, UNITS[measured.measure], measured.note

    def found(verdict: Verdict, reason: str) -> JudgedMeasure:
        return JudgedMeasure(
            measured.study, name, measured.value, threshold, verdict, f"{reason}; {note}" if note else reason
        )

    if measured.value is None:
        return found(Verdict.INCLUDE if action is OnFinding.IGNORE else Verdict.FLAG, "could not be measured")
    is_low = name in (StudyMeasure.AGE, StudyMeasure.SERIES, StudyMeasure.SNR)
    is_beyond = measured.value < threshold if is_low else measured.value > threshold
    if name is StudyMeasure.AGE:  # the criterion is "older than", so a patient of exactly this age is excluded
        is_beyond = measured.value <= threshold
    words = " ".join(f"{name} {measured.value:.3g} {unit}".split())
    if not is_beyond:
        return found(Verdict.INCLUDE, words)
    beyond = "not older" if name is StudyMeasure.AGE else "less" if is_low else "more"
    limit = " ".join(f"{words}, {beyond} than {threshold:.3g}".split())
    if action is OnFinding.IGNORE:
        return found(Verdict.INCLUDE, f"{limit}, ignored by the experiment")
    return found(Verdict(action.value), limit)


def _rules(config: ExclusionsConfig) -> Mapping[StudyMeasure, tuple[float, OnFinding]]:
    """Return the limit of each measure and the verdict beyond it; a study without both series is always excluded."""
    return {
        StudyMeasure.AGE: (config.age_years, config.age),
        StudyMeasure.SERIES: (2.0, OnFinding.EXCLUDE),
        StudyMeasure.GADOLINIUM: (0.0, config.gadolinium),
        StudyMeasure.INSTRUMENTATION: (config.metal_ml, config.instrumentation),
        StudyMeasure.SCOLIOSIS: (config.scoliosis_deg, config.scoliosis),
        StudyMeasure.SNR: (config.snr, config.quality),
        StudyMeasure.GHOSTING: (config.ghosting, config.quality),
        StudyMeasure.SHARPNESS: (config.edge_mm, config.quality),
    }


def _decided_one(finding: JudgedMeasure, verdict: Verdict | None) -> JudgedMeasure:
    if verdict is None:
        return finding
    return dataclasses.replace(finding, verdict=verdict, reason=f"{finding.reason}; a person decided: {verdict}")
