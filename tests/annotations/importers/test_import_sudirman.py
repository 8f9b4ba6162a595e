"""Sudirman's tree of .ima files and its label images."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfspine.annotations.importers.pictures import read_grey
from tfspine.annotations.importers.sudirman import patients_without, read_plan
from tfspine.annotations.importers.sudirman_output import write_plan
from tfspine.annotations.importers.sudirman_truth import TruthSlice, Weighting, read_truth, structure_boxes
from tfspine.annotations.importers.sudirman_truth_output import write_truth
from tfspine.errors import AnnotationError
from tfspine.formats.boxes_csv import read_boxes
from tfspine.labels import Level, Plane, Region
from tfspine.structures import Refusal

LUMBAR = "L-SPINE_LSS_20160309_091629_240000"
REAL = Path(os.environ.get("TFSPINE_REAL_DATA", ""), "sudirman_t1_output")

FILES = (
    f"0001/{LUMBAR}/T2_TSE_SAG_384_0002/T2_TSE_SAG__0001_001.ima",
    f"0001/{LUMBAR}/T1_TSE_SAG_320_0003/T1_TSE_SAG__0001_010.ima",
    f"0001/{LUMBAR}/T1_TSE_SAG_320_0003/T1_TSE_SAG__0001_002.ima",
    f"0001/{LUMBAR}/T2_TSE_TRA_384_0004/T2_TSE_TRA__0001_001.ima",
    f"0001/{LUMBAR}/T1_TSE_TRA_0005/T1_TSE_TRA__0001_001.ima",
    f"0001/{LUMBAR}/LOCALIZER_0001/LOCALIZER_0_0001_001.ima",
    f"0001/{LUMBAR}/POSDISP_[4]_T2_TSE_TRA_384_5001/POSDISP_[4]_0001_001.ima",
    "0002/L-SPINE_CLINICAL_LIBRARIES_20160310_101010_000001/T2_TSE_TRA_384_0009/T2_TSE_TRA__0002_001.IMA",
    "0003/C-SPINE_CLINICAL_LIBRARIES_20160310_101010_000001/T2_TSE_TRA_384_0009/T2_TSE_TRA__0003_001.ima",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "set" / "01_MRI_Data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"DICM")
    return tmp_path / "set"


def test_series_are_taken_by_name_and_refused_with_a_reason(tree: Path) -> None:
    decisions = {(item.patient, item.folder.name): (item.is_taken, item.reason) for item in read_plan(tree)}
    assert decisions == {
        ("0001", "T2_TSE_SAG_384_0002"): (False, "sagittal T2; expected T1 in this plane"),
        ("0001", "T1_TSE_SAG_320_0003"): (True, "sagittal T1"),
        ("0001", "T2_TSE_TRA_384_0004"): (True, "axial T2"),
        ("0001", "T1_TSE_TRA_0005"): (False, "axial T1; expected T2 in this plane"),
        ("0001", "LOCALIZER_0001"): (False, "localizer"),
        ("0001", "POSDISP_[4]_T2_TSE_TRA_384_5001"): (False, "position display: derived from other series"),
        ("0002", "T2_TSE_TRA_384_0009"): (True, "axial T2"),
        ("0003", "T2_TSE_TRA_384_0009"): (False, "region C-SPINE; expected L-SPINE"),
    }


def test_the_last_number_of_a_name_is_its_instance(tree: Path) -> None:
    [series] = [item for item in read_plan(tree) if item.folder.name == "T1_TSE_SAG_320_0003"]
    assert [path.name for path in series.files] == ["T1_TSE_SAG__0001_002.ima", "T1_TSE_SAG__0001_010.ima"]


def test_patients_whom_ingest_cannot_read_are_named(tree: Path) -> None:
    assert dict(patients_without(read_plan(tree))) == {
        "0002": "no sagittal T1 series; ingest needs both",
        "0003": "no axial T2 and no sagittal T1 series; ingest needs both",
    }


def test_the_links_lead_to_the_files_taken_and_to_no_other(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = write_plan(out, read_plan(tree), source=tree).details
    links = sorted(path for path in (out / "dicom").rglob("*") if path.is_symlink())
    assert len(links) == summary["files"] == 4
    assert {Path(os.readlink(link)).name for link in links} == {link.name for link in links}
    assert all(link.read_bytes() == b"DICM" for link in links)
    plan = pd.read_csv(out / "plan.csv", dtype=str)
    assert list(plan["decision"]).count("refused") == 5
    assert len(pd.read_csv(out / "refused.csv")) == 5 + 2


def label_image() -> np.ndarray:
    """Return a disc, a sac of two pieces, of which the smaller is a stray pixel, on another background."""
    label = np.full((40, 40), 250, np.uint8)
    label[5:15, 8:32] = 50
    label[16:22, 15:26] = 150
    label[30, 30] = 150
    return label


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    images = folder / "05_Final_Ground_Truth_Data" / "Label_Images"
    resized = folder / "05_Final_Ground_Truth_Data" / "Resized_Label_Images"
    pictures = folder / "04_Intermediary_Ground_Truth_Data" / "T2_Output"
    for path in (images, resized, pictures):
        path.mkdir(parents=True)
    for name in ("0001_D3", "0001_D5", "0002_D4"):
        Image.fromarray(label_image()).save(images / f"L1_{name}.png")
        Image.fromarray(label_image()).save(resized / f"L1_{name}.png")
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(pictures / f"T2_{name}.png")
    (pictures / "T2_0002_D4.png").unlink()
    return folder


def test_the_sac_becomes_the_canal_of_its_level(truth: Path) -> None:
    items = list(read_truth(truth, Weighting.T2))
    [first, second] = [item.picture for item in items if isinstance(item, TruthSlice)]
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert [first.annotations[0].level, second.annotations[0].level] == [Level.L3_L4, Level.L5_S1]
    canal = first.annotations[0]
    assert (canal.region, canal.grade, canal.box) == (Region.CENTRAL_CANAL, None, (16.0, 15.0, 22.0, 26.0))
    assert (first.plane, first.patient) == (Plane.AXIAL, "0001")
    assert refusal.reason.startswith("no picture T2_0002_D4.png")


def test_a_stray_pixel_does_not_stretch_a_box_but_is_counted() -> None:
    disc, sac = structure_boxes(label_image(), "L1.png")
    assert (disc.structure, disc.box, disc.stray) == ("intervertebral_disc", (5.0, 8.0, 15.0, 32.0), 0)
    assert (sac.structure, sac.pixels, sac.stray) == ("thecal_sac", 66, 1)


def test_a_resized_label_image_is_refused() -> None:
    """Between a disc (50) and the background (250) interpolation invents 150, which would be the sac."""
    small = Image.fromarray(label_image()).resize((30, 30), Image.Resampling.BILINEAR)
    with pytest.raises(AnnotationError, match=r"label values .*not resized"):
        structure_boxes(np.array(small), "L1.png")


def test_what_is_written_is_read(truth: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = write_truth(out, read_truth(truth, Weighting.T2)).details
    assert (summary["slices"], summary["boxes"], summary["structures"], summary["refused"]) == (2, 2, 4, 1)
    assert set(read_boxes(out / "reference.csv")["level"]) == {"L3-L4", "L5-S1"}
    assert len(pd.read_csv(out / "structures.csv")) == 4


@pytest.mark.skipif(
    "TFSPINE_REAL_DATA" not in os.environ, reason="TFSPINE_REAL_DATA does not name the folder with real data"
)
def test_real_pictures_are_read_with_label_images_of_their_names(tmp_path: Path) -> None:
    """The twelve real T1 pictures, with label images made for them."""
    pictures = tmp_path / "04_Intermediary_Ground_Truth_Data"
    pictures.mkdir()
    (pictures / "T1_Output").symlink_to(REAL)
    labels = tmp_path / "Label_Images"
    labels.mkdir()
    for path in REAL.glob("*.png"):
        label = np.zeros((320, 320), np.uint8)
        label[150:170, 140:180] = 150
        Image.fromarray(label).save(labels / path.name.replace("T1_", "L1_"))
    items = list(read_truth(tmp_path, Weighting.T1))
    assert all(isinstance(item, TruthSlice) for item in items) and len(items) == 12
    assert {item.picture.patient for item in items if isinstance(item, TruthSlice)} == {"0002", "0130", "0260", "0400"}
    assert read_grey(REAL / "T1_0002_D3.png").shape == (320, 320)
