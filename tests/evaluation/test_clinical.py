"""Ethnicity, indication and comorbidities in Table 1, from a CSV with columns by name."""

from pathlib import Path

import pandas as pd
import pytest

from tfspine.errors import EvaluationError, FormatError
from tfspine.evaluation.tables.clinical import check_known, clinical_facts
from tfspine.evaluation.tables.cohort import cohort_table
from tfspine.formats.clinical_csv import read_clinical
from tfspine.formats.slices_csv import SLICE_COLUMNS


def slices(**columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(columns).assign(plane="axial", manufacturer="SIEMENS", magnetic_field_strength_t=1.5)
    return table.reindex(columns=list(SLICE_COLUMNS))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.csv"
    path.write_text(
        "remark,Patient,indication,Comorbidities,ethnicity\n"
        "x,p,back pain,diabetes; hypertension,Chinese\n"
        "x,q,back pain,none,Malay\n"
        "x,r,,diabetes,\n"
        "x,elsewhere,trauma,,Indian\n"
    )
    return path


def test_table_1_counts_patients_of_whom_it_is_known(table: Path) -> None:
    part = slices(study=["a", "b", "c", "d", "e"], patient=["p", "p", "q", "r", "s"])  # p has two studies
    facts = clinical_facts(part, read_clinical(table))
    assert facts == {
        "Ethnicity: Chinese": "1 (50%)", "Ethnicity: Malay": "1 (50%)", "Ethnicity not stated": "2",
        "Indication: back pain": "2 (100%)", "Indication not stated": "2",
        "Comorbidity: diabetes": "2 (67%)", "Comorbidity: hypertension": "1 (33%)", "Comorbidity: none": "1 (33%)",
        "Comorbidity not stated": "1",
    }  # fmt: skip


def test_rows_of_all_parts_stand_factor_by_factor_after_the_rest(table: Path) -> None:
    parts = {"internal": slices(study=["a"], patient=["p"]), "external": slices(study=["c"], patient=["q"])}
    found = cohort_table(parts, clinical=read_clinical(table))
    names = [row["what"] for row in found.rows]
    assert names[0] == "Patients" and names.index("Ethnicity: Malay") < names.index("Indication: back pain")
    row = next(row for row in found.rows if row["what"] == "Ethnicity: Malay")
    assert (row["internal"], row["external"]) == ("0", "1 (100%)")
    assert "Ethnicity" not in cohort_table(parts).note


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_studies_will_do(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(f'study{separator}comorbidities\na{separator}"diabetes; obesity"\nb{separator}None\n', "utf-16")
    facts = clinical_facts(slices(study=["a", "b"], patient=["p", "q"]), read_clinical(path))
    assert facts == {
        "Comorbidity: diabetes": "1 (50%)",
        "Comorbidity: obesity": "1 (50%)",
        "Comorbidity: none": "1 (50%)",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,ethnicity\np,x\n", "no patient or study"),
        ("patient,age\np,40\n", "no ethnicity, indication, comorbidities"),
        ("patient,ethnicity\np,x\n,y\n", "line 3: no patient"),
        ("patient,ethnicity\np,x\np,y\n", "line 3: patient p: its ethnicity differs"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_clinical(path)


def test_a_table_of_other_patients_is_refused(table: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none of its 4 in the column patient .* z9"):
        check_known(read_clinical(table), [slices(study=["a"], patient=["z9"])], table)
