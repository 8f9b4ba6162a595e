"""Measures against limits by hand, and the way of the paper's 500 studies."""

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pytest

from tfspine.annotations.cohort import Ingested, cohort_of, excluded_of, measures_of_age, measures_of_ingest
from tfspine.annotations.exclusions import Measured, decided, excluded_studies, flagged_studies, judge_measures
from tfspine.annotations.flow import flow_of, flow_rows, flow_text
from tfspine.annotations.flow_figure import flow_figure
from tfspine.config import ExclusionsConfig, OnFinding
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.exclusions_csv import (
    JudgedMeasure,
    StudyMeasure,
    Verdict,
    read_findings,
    write_findings,
    write_included,
)
from tfspine.formats.flow_csv import FlowRow
from tfspine.formats.series_csv import SeriesRow
from tfspine.formats.studies_csv import CohortStudy, read_cohort, write_cohort
from tfspine.structures import Refusal

CONFIG = ExclusionsConfig()


def verdict(measure: StudyMeasure, value: float | None, config: ExclusionsConfig = CONFIG) -> Verdict:
    [finding] = judge_measures([Measured("s", measure, value)], config)
    return finding.verdict


@pytest.mark.parametrize(
    ("measure", "good", "bad", "expected"),
    [
        (StudyMeasure.GADOLINIUM, 0.0, 1.0, Verdict.EXCLUDE),
        (StudyMeasure.SERIES, 2.0, 1.0, Verdict.EXCLUDE),
        (StudyMeasure.INSTRUMENTATION, 0.5, 0.51, Verdict.FLAG),
        (StudyMeasure.SCOLIOSIS, 30.0, 30.1, Verdict.EXCLUDE),
        (StudyMeasure.SNR, 6.5, 6.4, Verdict.FLAG),
        (StudyMeasure.GHOSTING, 0.1, 0.11, Verdict.FLAG),
        (StudyMeasure.SHARPNESS, 4.5, 4.6, Verdict.FLAG),
    ],
)
def test_the_limit_itself_is_still_good(measure: StudyMeasure, good: float, bad: float, expected: Verdict) -> None:
    assert verdict(measure, good) is Verdict.INCLUDE
    assert verdict(measure, bad) is expected
    assert verdict(measure, None) is Verdict.FLAG  # a failed measurement is not a good one


@pytest.mark.parametrize(
    ("years", "expected"),
    [(0.9, Verdict.EXCLUDE), (17.0, Verdict.EXCLUDE), (18.0, Verdict.EXCLUDE), (19.0, Verdict.INCLUDE)],
)
def test_patients_are_older_than_the_limit(years: float, expected: Verdict) -> None:
    assert verdict(StudyMeasure.AGE, years) is expected
    assert verdict(StudyMeasure.AGE, years, dataclasses.replace(CONFIG, age=OnFinding.FLAG)) is not Verdict.EXCLUDE
    [finding] = judge_measures([Measured("s", StudyMeasure.AGE, years)], CONFIG)
    assert ("not older than 18" in finding.reason) == (expected is Verdict.EXCLUDE)


def test_ages_are_those_of_the_studies_and_an_age_not_given_is_flagged() -> None:
    slices = pd.DataFrame({"study": ["a", "a", "b", "c"], "study_instance_uid": ["1.1", "1.1", "1.2", "1.3"]})
    ingested = Ingested(slices, [], [])
    measured = list(measures_of_age(ingested, {"1.1": 44.0, "1.2": math.nan}))
    assert [(item.study, item.value) for item in measured] == [("a", 44.0), ("b", None), ("c", None)]
    assert flagged_studies(judge_measures(measured, CONFIG)) == {"b": [StudyMeasure.AGE], "c": [StudyMeasure.AGE]}
    with pytest.raises(AnnotationError, match="name the folder that was ingested"):
        list(measures_of_age(ingested, {"9.9": 50.0}))


def test_the_experiment_decides_what_a_finding_does() -> None:
    for action, expected in (
        (OnFinding.EXCLUDE, Verdict.EXCLUDE),
        (OnFinding.FLAG, Verdict.FLAG),
        (OnFinding.IGNORE, Verdict.INCLUDE),
    ):
        config = ExclusionsConfig(instrumentation=action, metal_ml=3.0)
        assert verdict(StudyMeasure.INSTRUMENTATION, 3.1, config) is expected
        assert verdict(StudyMeasure.INSTRUMENTATION, 2.9, config) is Verdict.INCLUDE
    assert verdict(StudyMeasure.SCOLIOSIS, None, ExclusionsConfig(scoliosis=OnFinding.IGNORE)) is Verdict.INCLUDE
    with pytest.raises(AnnotationError, match=r"exclusions\.snr = -1\.0; expected more than 0"):
        judge_measures([], ExclusionsConfig(snr=-1.0))


def test_the_reason_has_both_numbers() -> None:
    [finding] = judge_measures([Measured("s", StudyMeasure.SNR, 4.25, "axial 4.25, sagittal 31")], CONFIG)
    assert finding.reason == "snr 4.25, less than 6.5; axial 4.25, sagittal 31"
    [finding] = judge_measures([Measured("s", StudyMeasure.SCOLIOSIS, 41.0)], CONFIG)
    assert finding.reason == "scoliosis 41 degrees, more than 30"


def three_studies() -> list[JudgedMeasure]:
    return judge_measures(
        [
            Measured("0123456789", StudyMeasure.INSTRUMENTATION, 4.0),
            Measured("12345e6789", StudyMeasure.SCOLIOSIS, 45.0),
            Measured("12345e6789", StudyMeasure.INSTRUMENTATION, 4.0),
            Measured("b", StudyMeasure.SNR, 20.0),
        ],
        CONFIG,
    )


def test_a_study_is_left_out_once_and_flagged_only_where_it_stays() -> None:
    findings = three_studies()
    assert excluded_studies(findings) == {"12345e6789": StudyMeasure.SCOLIOSIS}
    assert flagged_studies(findings) == {"0123456789": [StudyMeasure.INSTRUMENTATION]}


def test_a_person_decides(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(
        "study,measure,verdict,remark\n0123456789,instrumentation,exclude,rods\n12345e6789,scoliosis,include,\n"
    )
    findings = decided(three_studies(), path)
    assert excluded_studies(findings) == {"0123456789": StudyMeasure.INSTRUMENTATION}
    assert flagged_studies(findings) == {"12345e6789": [StudyMeasure.INSTRUMENTATION]}
    assert findings[0].reason.endswith("a person decided: exclude")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0123456789,instrumentation,maybe", 'line 3: verdict "maybe"; expected include or exclude'),
        ("c,snr,include", 'line 3: study "c", measure "snr": not among'),
        ("b,snr,exclude", "line 3: study b, measure snr: decided twice"),
    ],
)
def test_a_decision_on_nothing_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(f"study,measure,verdict\nb,snr,include\n{line}\n")
    with pytest.raises(FormatError, match=said):
        decided(three_studies(), path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    findings = [*three_studies(), *judge_measures([Measured("c", StudyMeasure.SNR, None, 'no "tissue", none')], CONFIG)]
    write_findings(tmp_path, findings)
    write_included(tmp_path, {finding.study for finding in findings} - set(excluded_studies(findings)))
    assert read_findings(tmp_path) == findings
    assert (tmp_path / "included.txt").read_text() == "0123456789\nb\nc\n"
    cohort = paper_cohort()
    write_cohort(tmp_path, cohort)
    assert read_cohort(tmp_path) == cohort
    path = tmp_path / "exclusions.csv"
    path.write_text(path.read_text().replace(",flag,", ",flaged,"))
    with pytest.raises(FormatError, match=r"exclusions\.csv: line 2: 'flaged'"):
        read_findings(tmp_path)


def _series(study: str, chosen_as: str, reason: str) -> SeriesRow:
    return SeriesRow(study, 1, 1, 20, 1, 0, 0, chosen_as, "", 0.5, 0.5, chosen_as, reason, "")


def test_what_ingest_left_out_is_counted_with_its_reason() -> None:
    series = [
        _series(*row)
        for row in (
            ("a", "axial", "axial T2"),
            ("a", "sagittal", "sagittal T1"),
            ("b", "axial", "axial T2"),
            ("b", "", "post-contrast: ContrastBolusAgent is given"),
            ("c", "axial", "axial T2"),
            ("c", "", "3 slices; expected at least 5"),
            ("d", "axial", "axial T2"),
            ("d", "sagittal", "sagittal T1"),
        )
    ]
    slices = pd.DataFrame(
        [("a", "p", "axial"), ("a", "p", "axial"), ("a", "p", "sagittal")], columns=["study", "patient", "plane"]
    )
    refused = [Refusal("f", "study 00000000ee: failed with KeyError"), Refusal("g", "not a DICOM file")]
    ingested = Ingested(slices, series, refused)
    measured = list(measures_of_ingest(ingested))
    assert {(item.study, item.value, item.note) for item in measured if item.measure is StudyMeasure.SERIES} == {
        ("a", 2.0, ""),
        ("b", 1.0, "no sagittal T1w"),
        ("c", 1.0, "no sagittal T1w"),
        ("d", 0.0, "cannot be read"),
        ("00000000ee", 0.0, "cannot be read"),
    }
    cohort = cohort_of(ingested, measured, judge_measures(measured, CONFIG))
    assert {study.study: study.left_out_by for study in cohort} == {
        "a": "",
        "b": "gadolinium",
        "c": "series",
        "d": "series",
        "00000000ee": "series",
    }
    assert (cohort[1].study, cohort[1].axial, cohort[1].sagittal) == ("a", 2, 1)


def paper_cohort() -> list[CohortStudy]:
    """Return docs/paper.md's studies: 500, less instrumentation 15, scoliosis 10, quality 10, gadolinium 19."""
    reasons = (
        *["gadolinium"] * 19,
        *["instrumentation"] * 15,
        *["scoliosis"] * 10,
        *["snr"] * 6,
        *["ghosting"] * 4,
        *[""] * 446,
    )
    return [
        CohortStudy(
            study=f"s{number:03d}",
            patient="" if reason == "gadolinium" else f"p{number}",
            axial=0 if reason == "gadolinium" else 28,
            sagittal=0 if reason == "gadolinium" else 14,
            verdict=Verdict.EXCLUDE if reason else Verdict.FLAG if number == 499 else Verdict.INCLUDE,
            left_out_by=reason,
            detail="",
            flags="instrumentation" if number == 499 else "",
        )
        for number, reason in enumerate(reasons)
    ]


def paper_splits() -> dict[str, str]:
    """Return 11 % (50) for testing and 9 % (40) for validation, and the 54 that stay out."""
    words = ["excluded"] * 54 + ["train"] * 356 + ["validation"] * 40 + ["test"] * 50
    return {f"s{number:03d}": split for number, split in enumerate(words)}


def test_the_flow_of_the_paper() -> None:
    text = flow_text(flow_of(paper_cohort(), part="internal", splits=paper_splits()))
    assert [line.strip(" |->v") for line in text.splitlines()] == [
        "internal:",
        "500 studies seen",
        "19 left out",
        "19 after gadolinium",
        "481",
        "481 studies with both series (481 patients; 13,468 axial and 6,734 sagittal slices)",
        "35 left out",
        "15 instrumentation",
        "10 poor quality",
        "10 severe scoliosis",
        "446",
        "446 studies included (446 patients; 12,488 axial and 6,244 sagittal slices); 1 of them flagged for a person",
        "356 training (356 patients; 9,968 axial and 4,984 sagittal slices)",
        "40 validation (40 patients; 1,120 axial and 560 sagittal slices)",
        "50 internal test (50 patients; 1,400 axial and 700 sagittal slices)",
    ]


def test_every_arrow_adds_up() -> None:
    flow = flow_of(paper_cohort(), part="internal", splits=paper_splits())
    for step, following in zip(flow.steps[:-1], flow.steps[1:], strict=True):
        assert step.group.studies - sum(count for _, count in step.left_out) == following.group.studies
    assert sum(group.studies for group in flow.ends) == flow.steps[-1].group.studies
    assert FlowRow("internal", "studies with both series", "instrumentation", 15, 0, 0) in list(flow_rows(flow))


def test_splits_that_contradict_the_cohort_are_refused() -> None:
    cohort, splits = paper_cohort(), paper_splits()
    with pytest.raises(AnnotationError, match="study s499: included, but in no split"):
        flow_of(cohort, part="internal", splits={study: split for study, split in splits.items() if study != "s499"})
    with pytest.raises(AnnotationError, match="study s020: in split train, but not included"):
        flow_of(cohort, part="internal", splits=splits | {"s020": "train"})
    with pytest.raises(AnnotationError, match=r"no study new \(and 0 more\); run tfspine exclude again"):
        excluded_of(cohort, ["s001", "new"], Path("out"))
    assert excluded_of(cohort, ["s001", "s499"], Path("out")) == {"s001"}


def test_the_figure_has_the_numbers_and_is_the_same_every_time() -> None:
    flows = [flow_of(paper_cohort(), part="internal", splits=paper_splits())]
    flows.append(dataclasses.replace(flow_of(paper_cohort()[54:154], part="external")))
    drawn = flow_figure(flows, file_format="svg")
    assert drawn == flow_figure(flows, file_format="svg")
    for words in ("500 studies seen", "35 left out", "446 studies included", "50 internal test", "external", ">356<"):
        assert words in drawn.decode()
    assert flow_figure(flows, file_format="png").startswith(b"\x89PNG")
