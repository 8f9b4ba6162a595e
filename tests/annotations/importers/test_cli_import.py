"""``tfspine import``: each data set from its own layout to what the next command reads."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rsna_samples as rsna
import SimpleITK
from picture_samples import write_picture, write_voc_text

from tfspine.cli.main import main
from tfspine.structures import pseudonym

POINTS = [
    f"{rsna.SAGITTAL_T1},6,Left Neural Foraminal Narrowing,L4/L5,60,40",
    f"{rsna.SAGITTAL_T2},4,Spinal Canal Stenosis,L2/L3,80,44",
    f"{rsna.AXIAL},3,Right Subarticular Stenosis,L2/L3,40,60",
    f"{rsna.AXIAL},3,Left Subarticular Stenosis,L2/L3,80,60",
    f"{rsna.AXIAL},77,Left Subarticular Stenosis,L4/L5,80,60",
]


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def rsna_folder(tmp_path: Path) -> Path:
    folder = rsna.write_images(tmp_path / "rsna")
    return rsna.write_tables(folder, POINTS, grades={"spinal_canal_stenosis_l2_l3": "Severe"})


def test_rsna_from_dicom_to_checked_labels(
    rsna_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices, out = tmp_path / "slices", tmp_path / "out"
    assert run("ingest", rsna_folder / "train_images", "--out", slices) == 0
    assert run("import", "rsna", rsna_folder, "--slices", slices, "--out", out, "--json") == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["boxes"], summary["slices"], summary["refused"]) == (4, 2, 1)
    assert pd.read_csv(out / "refused.csv")["reason"].tolist() == ["no picture 4711/23/77.dcm"]
    study = pseudonym(rsna.STUDY)
    grades = pd.read_csv(out / "grades3.csv", keep_default_na=False)
    canal = grades[(grades["region"] == "central_canal") & (grades["level"] == "L2-L3")]
    assert canal[["grade3", "slice"]].to_numpy().tolist() == [["severe", f"{study}-axial-03"]]
    assert set(pd.read_csv(out / "reference.csv", keep_default_na=False)["grade"]) == {""}
    # The sides of the data set agree with the positions of the slices.
    assert run("check", "--labels", out / "labels", "--slices", slices, "--out", tmp_path / "problems.csv") == 0
    manifest = json.loads((out / "manifest.json").read_text())["details"]
    assert manifest["box_mm"]["neural_foramen"] == [22.0, 13.0] and "non-commercial" in manifest["licence"]


def test_rsna_without_slices_ingests_its_own_pictures(rsna_folder: Path, tmp_path: Path) -> None:
    """The same labels as after ingest, together with slices."""
    slices, out, alone = tmp_path / "slices", tmp_path / "out", tmp_path / "alone"
    assert run("ingest", rsna_folder / "train_images", "--out", slices) == 0
    assert run("import", "rsna", rsna_folder, "--slices", slices, "--out", out) == 0
    assert run("import", "rsna", rsna_folder, "--out", alone) == 0
    for path in (out / "labels").iterdir():
        assert (alone / "labels" / path.name).read_text() == path.read_text()
    chosen = pd.read_csv(alone / "slices" / "slices.csv", dtype=str)
    assert chosen.groupby("plane").series_instance_uid.agg(set).to_dict() == {
        "axial": {f"{rsna.STUDY}.{rsna.AXIAL}", f"{rsna.STUDY}.{rsna.SECOND_AXIAL}"},
        "sagittal": {f"{rsna.STUDY}.{rsna.SAGITTAL_T1}"},
    }
    assert run("check", "--labels", alone / "labels", "--slices", alone / "slices", "--out", tmp_path / "p.csv") == 0


def test_the_size_of_boxes_can_be_said(rsna_folder: Path, tmp_path: Path) -> None:
    slices, out = tmp_path / "slices", tmp_path / "out"
    assert run("ingest", rsna_folder / "train_images", "--out", slices) == 0
    words = ("import", "rsna", rsna_folder, "--slices", slices, "--out", out)
    assert run(*words, "--box-mm", "neural_foramen=10x8") == 0
    boxes = pd.read_csv(out / "reference.csv")
    foramen = boxes[boxes["region"] == "neural_foramen"].iloc[0]
    assert (foramen["ymax"] - foramen["ymin"], foramen["xmax"] - foramen["xmin"]) == pytest.approx((10.0, 16.0))


@pytest.mark.parametrize("size", ["neural_foramen=10", "foramen=10x8", "neural_foramen=0x8"])
def test_a_size_that_means_nothing_is_one_line(
    rsna_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    out = tmp_path / "out"
    assert run("import", "rsna", rsna_folder, "--slices", tmp_path / "slices", "--out", out, "--box-mm", size) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "expected REGION=HEIGHTxWIDTH" in captured.err
    assert not out.exists()


def test_aisslab_can_be_checked_and_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "LSS"
    for patient in range(12):
        write_picture(folder / f"{patient}" / "IM000001.png")
        objects = [(f"LFS{patient % 4}", (10, 20, 18, 31))]
        write_voc_text(folder / f"{patient}" / "IM000001.xml", objects, level="L4-L5")
    out = tmp_path / "out"
    assert run("import", "aisslab", folder, "--out", out) == 0
    assert capsys.readouterr().out == f"{out}: 12 studies, 12 slices, 12 boxes\n"
    problems = tmp_path / "problems.csv"
    assert run("check", "--labels", out / "labels", "--slices", out, "--out", problems) == 0
    assert pd.read_csv(problems)["problem"].str.contains("the side was not checked").all()
    settings = ("--set", "split.validation=0.3", "--set", "split.test=0.3")
    assert run("split", "--slices", out, "--out", tmp_path / "splits.csv", *settings) == 0
    words = ("--reference", out / "reference.csv", "--reader", f"copy={out / 'labels'}", "--slices", out)
    assert run("evaluate", *words, "--out", tmp_path / "evaluation") == 0


def test_slices_without_positions_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sides and levels come from positions: without them every foramen would lie on the same side."""
    write_picture(tmp_path / "LSS" / "1" / "IM1.png")
    write_voc_text(tmp_path / "LSS" / "1" / "IM1.xml", [("LFS1", (10, 20, 18, 31))], level="L4-L5")
    assert run("import", "aisslab", tmp_path / "LSS", "--out", tmp_path / "out") == 0
    assert run("predict", "--slices", tmp_path / "out", "--out", tmp_path / "read") == 2
    assert "has no position in the patient" in capsys.readouterr().err


def test_spineai_with_a_table_of_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "jpgs"
    write_picture(folder / "7_x--T1W_Sagittal--1.JPG")
    write_voc_text(folder / "7_x--T1W_Sagittal--1.xml", [("sagittal", (5, 5, 15, 20))])
    (tmp_path / "sides.csv").write_text("file,side\n7_x--T1W_Sagittal--1.JPG,right\n")
    out = tmp_path / "out"
    words = ("import", "spineai", folder, "--out", out, "--sides", tmp_path / "sides.csv")
    assert run(*words, "--patient-pattern", r"(?P<patient>\d+)_") == 0
    study = pseudonym("spineai/7")
    assert "right_neural_foramen" in (out / "labels" / f"{study}-sagittal-01.xml").read_text()
    capsys.readouterr()
    assert run(*words, "--patient-pattern", "(") == 2
    assert run(*words, "--patient-pattern", "x") == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_sudirman_plans_what_ingest_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The .ima files are DICOM of another name: what the plan links, ingest takes."""
    rsna.write_images(tmp_path / "made")
    study = tmp_path / "set" / "01_MRI_Data" / "0001" / "L-SPINE_LSS_20160309_091629_240000"
    for series, name in ((rsna.AXIAL, "T2_TSE_TRA_384_0004"), (rsna.SAGITTAL_T1, "T1_TSE_SAG_320_0003")):
        (study / name).mkdir(parents=True)
        for path in (tmp_path / "made" / "train_images" / rsna.STUDY / series).glob("*.dcm"):
            path.rename(study / name / f"{name[:11]}_0001_{int(path.stem):03d}.ima")
    (tmp_path / "set" / "Radiologists Report.xlsx").write_bytes(b"")
    out = tmp_path / "out"
    assert run("import", "sudirman", tmp_path / "set", "--out", out) == 0
    assert "grades are not derived from text" in pd.read_csv(out / "refused.csv")["reason"].iloc[0]
    assert run("ingest", out / "dicom", "--out", tmp_path / "slices") == 0
    assert len(pd.read_csv(tmp_path / "slices" / "slices.csv")) == 8 + 7


def test_spider_without_masks_says_so(tmp_path: Path) -> None:
    data = tmp_path / "spider"
    data.mkdir()
    (data / "overview.csv").write_text(
        "new_file_name,num_vertebrae,num_discs,sex,birth_date,subset,PixelSpacing,SliceThickness,"
        'MagneticFieldStrength,Manufacturer\n1_t1,7,7,F ,,training,"[0.6, 0.6]",3.0,3.0,SIEMENS\n'
    )
    (data / "radiological_gradings.csv").write_text(
        "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,"
        "Disc bulging,Pfirrman grade\n1,1,0,0,1,0,0,1,1,3\n"
    )
    assert run("import", "spider", tmp_path / "spider", "--out", tmp_path / "out") == 0
    assert "unpack masks.zip" in pd.read_csv(tmp_path / "out" / "refused.csv")["reason"].iloc[0]


def test_spider_levels_come_from_masks(tmp_path: Path) -> None:
    test_spider_without_masks_says_so(tmp_path)
    values = np.zeros((4, 4, 4), np.uint8)
    values[1, 2, 3] = 202
    masks = tmp_path / "spider" / "masks"
    masks.mkdir()
    for name in ("1_t1", "9_t1"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(masks / f"{name}.mha"))
    assert run("import", "spider", tmp_path / "spider", "--out", tmp_path / "out") == 0
    [row] = pd.read_csv(tmp_path / "out" / "levels.csv").to_dict("records")
    assert (row["series"], row["level"], row["x_mm"], row["y_mm"], row["z_mm"]) == ("1_t1", "L4-L5", 3, 2, 1)
    assert pd.read_csv(tmp_path / "out" / "refused.csv")["file"].tolist() == ["masks/9_t1.mha"]


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "aisslab", tmp_path / "none", "--out", tmp_path / "out") == 2
    assert "no such folder; expected the unpacked data set" in capsys.readouterr().err
