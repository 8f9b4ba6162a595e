"""The page of file formats lists exactly the columns that the code writes and reads, in their order."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tfspine.formats
from tfspine.annotations.importers.pictures import SOURCE_COLUMNS
from tfspine.annotations.importers.rsna_output import GRADE3_COLUMNS
from tfspine.annotations.importers.spider_tables import CENTRE_COLUMNS, GRADING_COLUMNS
from tfspine.annotations.importers.spider_tables import SERIES_COLUMNS as SPIDER_COLUMNS
from tfspine.annotations.importers.sudirman_output import PLAN_COLUMNS
from tfspine.annotations.importers.sudirman_truth_output import STRUCTURE_COLUMNS
from tfspine.dicom.deidentify.tables import REPORT_COLUMNS
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.formats.clinical_csv import CLINICAL_COLUMNS
from tfspine.formats.coverage_csv import COVERAGE_COLUMNS
from tfspine.formats.exclusions_csv import DECISION_COLUMNS, EXCLUSION_COLUMNS
from tfspine.formats.flow_csv import FLOW_COLUMNS
from tfspine.formats.grades_csv import GRADE_COLUMNS
from tfspine.formats.heatmaps_csv import HEATMAP_COLUMNS
from tfspine.formats.history_csv import DETECTOR_HISTORY_COLUMNS, GRADER_HISTORY_COLUMNS
from tfspine.formats.ids_csv import ID_COLUMNS
from tfspine.formats.key_csv import KEY_COLUMNS
from tfspine.formats.loaded_csv import LOADED_COLUMNS
from tfspine.formats.members_csv import MEMBER_COLUMNS
from tfspine.formats.problems_csv import PROBLEM_COLUMNS
from tfspine.formats.refused_csv import LEFT_OUT_COLUMNS, REFUSED_COLUMNS, REFUSED_LINE_COLUMNS
from tfspine.formats.series_csv import SERIES_COLUMNS
from tfspine.formats.series_map_csv import TEMPLATE_COLUMNS
from tfspine.formats.slices_csv import SLICE_COLUMNS
from tfspine.formats.splits_csv import SPLIT_COLUMNS
from tfspine.formats.studies_csv import STUDY_COLUMNS
from tfspine.formats.trials_csv import TRIAL_COLUMNS
from tfspine.formats.validated_csv import VALIDATED_COLUMNS
from tfspine.formats.validation_csv import VALIDATION_COLUMNS
from tfspine.workflows.explain import COMPLETENESS_COLUMNS

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"

LISTED = {
    "Columns of `series.csv`:": SERIES_COLUMNS,
    "Columns of `series_map.csv`:": TEMPLATE_COLUMNS,
    "| `refused.csv` |": REFUSED_COLUMNS,
    "and `refused.csv` (": REFUSED_LINE_COLUMNS,
    "| `refused.csv` of `fetch` |": LEFT_OUT_COLUMNS,
    "| `refused.csv` of `deidentify` and `labels rename` |": REFUSED_COLUMNS,
    "| `problems.csv` of `check` |": PROBLEM_COLUMNS,
    "| `exclusions.csv` of `exclude` |": EXCLUSION_COLUMNS,
    "| `studies.csv` of `exclude` |": STUDY_COLUMNS,
    "| your decisions for `exclude` |": DECISION_COLUMNS,
    "| `flow.csv` of `exclude` and `flow` |": FLOW_COLUMNS,
    "| `splits.csv` of `split` |": SPLIT_COLUMNS,
    "| `grades.csv` of `phantom` |": GRADE_COLUMNS,
    "| `key.csv` of `deidentify --key`, for `labels rename` |": KEY_COLUMNS,
    "| `report.csv` of `deidentify` |": REPORT_COLUMNS,
    "| `grades3.csv` of `rsna` |": GRADE3_COLUMNS,
    "| `series.csv` of `spider` |": SPIDER_COLUMNS,
    "| `gradings.csv` of `spider` |": GRADING_COLUMNS,
    "| `levels.csv` of `spider`, from masks |": CENTRE_COLUMNS,
    "| `plan.csv` of `sudirman` |": PLAN_COLUMNS,
    "| `sources.csv` of pictures |": SOURCE_COLUMNS,
    "| `structures.csv` of `sudirman` label images |": STRUCTURE_COLUMNS,
    "`ids.csv` (": ID_COLUMNS,
    "| `history.csv` of a detector |": DETECTOR_HISTORY_COLUMNS,
    "| `history.csv` of a grader |": GRADER_HISTORY_COLUMNS,
    "| `loaded.csv` |": LOADED_COLUMNS,
    "| `validated.csv` |": VALIDATED_COLUMNS,
    "| `validation.csv` of a grader |": VALIDATION_COLUMNS,
    "| `members.csv` of several |": MEMBER_COLUMNS,
    "| `trials.csv` of a sweep |": TRIAL_COLUMNS,
    "A table for `--clinical` has": CLINICAL_COLUMNS,
    "A table for `--read` has": COVERAGE_COLUMNS,
    "`heatmaps.csv` of `explain`:": HEATMAP_COLUMNS,
    "`completeness.csv`:": COMPLETENESS_COLUMNS,
}
"""Where the page begins to list the columns of a format, and the columns of the code."""

IN_A_TABLE = {"Columns of `slices.csv`:": SLICE_COLUMNS, "## Tables of boxes": BOX_COLUMNS}
"""The same where each row of a table explains some columns."""

PARTS = {
    "CORNER_COLUMNS", "MAP_COLUMNS", "NAME_COLUMNS", "NUMBER_COLUMNS", "OPTIONAL_BOX_COLUMNS", "OPTIONAL_MAP_COLUMNS",
    "PROBABILITY_COLUMNS", "TOLD_COLUMNS", "WORD_COLUMNS",
}  # fmt: skip
"""Constants of the code that are a part of the columns of a format."""


def listed(after: str) -> tuple[str, ...]:
    """Return the names from a place of the page to the end of the row, bracket or sentence; remarks are left out."""
    _, _, text = PAGE.read_text().partition(after)
    end = r"\n" if after.startswith("|") else r"\)" if after.endswith("(") else r"\.\s"
    return tuple(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", re.split(end, text)[0])))


def explained(after: str) -> tuple[str, ...]:
    """Return the names in the first column of the table that follows a place of the page."""
    _, _, text = PAGE.read_text().partition(after)
    table = text[text.index("\n| --- |") :].split("\n\n")[0]
    return tuple(re.findall(r"`(\w+)`", " ".join(re.findall(r"(?m)^\| ([^|]*) \|", table))))


@pytest.mark.parametrize("after", LISTED)
def test_the_page_lists_the_columns_of_the_code(after: str) -> None:
    assert PAGE.read_text().count(after) == 1
    assert listed(after) == LISTED[after]


@pytest.mark.parametrize("after", IN_A_TABLE)
def test_the_page_explains_the_columns_of_the_code(after: str) -> None:
    assert explained(after) == IN_A_TABLE[after]


def test_no_format_is_left_out() -> None:
    documented = {*LISTED.values(), *IN_A_TABLE.values()}
    for module in pkgutil.iter_modules(tfspine.formats.__path__, "tfspine.formats."):
        for name, columns in vars(importlib.import_module(module.name)).items():
            if name.endswith("COLUMNS") and name not in PARTS:
                assert columns in documented, f"{module.name}.{name}"
