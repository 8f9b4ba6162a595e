"""The flow of studies from the export to the splits, with the number at each arrow (docs/paper.md; Figure 2).

A `Flow` is made from `studies.csv` and `splits.csv` only, so it shows what a run actually did, not what was configured.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfspine.config import SPLITS
from tfspine.errors import AnnotationError
from tfspine.formats.exclusions_csv import StudyMeasure, Verdict
from tfspine.formats.flow_csv import FlowRow
from tfspine.formats.studies_csv import CohortStudy

TITLE_OF_MEASURE = {
    StudyMeasure.AGE: "too young",
    StudyMeasure.GADOLINIUM: "after gadolinium",
    StudyMeasure.SERIES: "without both series",
    StudyMeasure.INSTRUMENTATION: "instrumentation",
    StudyMeasure.SCOLIOSIS: "severe scoliosis",
    StudyMeasure.SNR: "poor quality",
    StudyMeasure.GHOSTING: "poor quality",
    StudyMeasure.SHARPNESS: "poor quality",
}

TITLE_OF_SPLIT = {"train": "training", "validation": "validation", "test": "internal test"}


@dataclass(frozen=True)
class Group:
    """Numbers of studies, patients and slices of both planes; the latter are 0 if ingest has not counted them yet."""

    title: str
    studies: int
    patients: int
    axial: int
    sagittal: int


@dataclass(frozen=True)
class FlowStep:
    """The studies at one step, and those left out after it: (reason, number), the most common reason first."""

    group: Group
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Flow:
    """Studies seen, usable and included, and the use of the included ones; a person must decide on `flagged` ones."""

    part: str
    steps: tuple[FlowStep, FlowStep, FlowStep]
    flagged: int
    ends: tuple[Group, ...]


def flow_of(cohort: Sequence[CohortStudy], *, part: str, splits: Mapping[str, str] | None = None) -> Flow:
    """Return the flow of one cohort.

    Args:
        cohort: the result of ``tfspine exclude`` for every study.
        part: the name of the cohort, such as ``"internal"``.
        splits: the split of each included study, or None if they are not split.

    Raises:
        AnnotationError: splits and cohort contradict each other.
    """
    usable = [study for study in cohort if study.axial]
    included = [study for study in usable if study.verdict is not Verdict.EXCLUDE]
    ends: tuple[Group, ...] = ()
    if splits is not None:
        _require_same(included, splits)
        ends = tuple(
            _group(TITLE_OF_SPLIT[split], [study for study in included if splits[study.study] == split])
            for split in SPLITS
        )
    return Flow(
        part=part,
        steps=(
            FlowStep(
                Group("studies seen", len(cohort), 0, 0, 0), _reasons(study for study in cohort if not study.axial)
            ),
            FlowStep(
                _group("studies with both series", usable),
                _reasons(study for study in usable if study.verdict is Verdict.EXCLUDE),
            ),
            FlowStep(_group("studies included", included), ()),
        ),
        flagged=sum(study.verdict is Verdict.FLAG for study in included),
        ends=ends,
    )


def flow_text(flow: Flow) -> str:
    """Return the chart as plain text, with the number at every arrow."""
    return "\n".join(_lines(flow))


def flow_rows(flow: Flow) -> Iterator[FlowRow]:
    """Yield the chart as rows of `flow.csv`."""
    for step in flow.steps:
        group = step.group
        yield FlowRow(flow.part, group.title, "", group.studies, group.axial, group.sagittal)
        for reason, count in step.left_out:
            yield FlowRow(flow.part, group.title, reason, count, 0, 0)
    for group in flow.ends:
        yield FlowRow(flow.part, group.title, "", group.studies, group.axial, group.sagittal)


def describe(group: Group) -> str:
    """Return the contents of a group besides its number of studies, as text; empty if it has no slices."""
    if not group.axial:
        return ""
    return f"{group.patients:,} patients; {group.axial:,} axial and {group.sagittal:,} sagittal slices"


def _group(title: str, studies: Sequence[CohortStudy]) -> Group:
    return Group(
        title,
        len(studies),
        len({study.patient for study in studies if study.patient}),
        sum(study.axial for study in studies),
        sum(study.sagittal for study in studies),
    )


def _reasons(studies: Iterator[CohortStudy]) -> tuple[tuple[str, int], ...]:
    counts = Counter(_reason(study) for study in studies)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _reason(study: CohortStudy) -> str:
    if not study.left_out_by:
        return "cannot be read"
    title = TITLE_OF_MEASURE[StudyMeasure(study.left_out_by)]
    return f"{title}: {study.detail}" if study.left_out_by == StudyMeasure.SERIES and study.detail else title


def _require_same(included: Sequence[CohortStudy], splits: Mapping[str, str]) -> None:
    known = {study.study for study in included}
    divided = {study for study, split in splits.items() if split in SPLITS}
    for study in sorted(known - divided):
        raise AnnotationError(f"study {study}: included, but in no split; run tfspine split --exclusions again")
    for study in sorted(divided - known):
        raise AnnotationError(
            f"study {study}: in split {splits[study]}, but not included; run tfspine split --exclusions again"
        )


def _lines(flow: Flow) -> Iterator[str]:
    yield f"{flow.part}:"
    last = len(flow.steps) - 1
    for number, step in enumerate(flow.steps):
        words = describe(step.group)
        flagged = f"; {flow.flagged:,} of them flagged for a person" if number == last and flow.flagged else ""
        yield f"  {step.group.studies:,} {step.group.title}{f' ({words})' if words else ''}{flagged}"
        if number == last:
            break
        yield f"    |--> {sum(count for _, count in step.left_out):,} left out"
        for reason, count in step.left_out:
            yield f"    |      {count:,} {reason}"
        yield f"    v {flow.steps[number + 1].group.studies:,}"
    for group in flow.ends:
        words = describe(group)
        yield f"    |--> {group.studies:,} {group.title}{f' ({words})' if words else ''}"
