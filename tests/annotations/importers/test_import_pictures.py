"""AISSLab's foramina, and the folder that every importer of pictures writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_samples import SIZE, write_picture, write_voc_text
from PIL import Image

from tfspine.annotations.importers.aisslab import read_aisslab
from tfspine.annotations.importers.pictures import LabelledPicture, read_grey, write_pictures
from tfspine.annotations.importers.raw_voc import read_raw_voc
from tfspine.annotations.labelled_boxes import labels_table
from tfspine.errors import AnnotationError
from tfspine.formats.boxes_csv import read_boxes
from tfspine.formats.labelimg_xml import read_voc
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.structures import Annotation, Refusal, pseudonym


@pytest.fixture
def aisslab(tmp_path: Path) -> Path:
    folder = tmp_path / "LSS" / "Foramina_Detection" / "train"
    for patient, number, name, level in (
        ("0017", 3, "RFS2", "L4-L5"),
        ("0017", 4, "LFS0", "L5-S1"),
        ("0020", 1, "LFS3", "L1-L2"),
        ("0021", 1, "RFS4", "L1-L2"),
        ("0022", 1, "RFS1", "L6-S1"),
    ):
        write_picture(folder / patient / f"IM{number:06d}.png")
        write_voc_text(folder / patient / f"IM{number:06d}.xml", [(name, (10.6, 20.2, 18.9, 31.5))], level=level)
    return tmp_path / "LSS"


def test_a_foramen_keeps_side_grade_level_and_whole_pixels(aisslab: Path) -> None:
    first, *_ = [item for item in read_aisslab(aisslab) if isinstance(item, LabelledPicture)]
    # LabelImg cuts 10.6, 20.2, 18.9, 31.5 to 10, 20, 18, 31, counted from 1 and included.
    assert first.annotations == (
        Annotation((19.0, 9.0, 31.0, 18.0), Region.NEURAL_FORAMEN, Side.RIGHT, Grade.MODERATE, Level.L4_L5),
    )


def test_unknown_grades_and_levels_are_refused(aisslab: Path) -> None:
    refused = [item for item in read_aisslab(aisslab) if isinstance(item, Refusal)]
    assert [item.reason for item in refused] == [
        'object 1: label "RFS4"; expected RFS0 to RFS3 or LFS0 to LFS3',
        'object 1: level "L6-S1"; expected one of L1-L2, L2-L3, L3-L4, L4-L5, L5-S1',
    ]
    assert refused[0].file == "Foramina_Detection/train/0021/IM000001.xml"


def test_the_folder_written_is_one_that_the_other_commands_read(aisslab: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    imported = write_pictures(out, read_aisslab(aisslab), dataset="aisslab")
    assert (imported.counts, imported.refused) == ({"studies": 2, "slices": 3, "boxes": 3}, 2)
    study = pseudonym("aisslab/0017")
    label = read_voc(out / "labels" / f"{study}-sagittal-02.xml")
    assert label.size_px == SIZE and label.annotations[0].grade is Grade.NORMAL
    slices = pd.read_csv(out / "slices.csv", dtype=str)
    assert slices["row_spacing_mm"].isna().all() and slices["position_x_mm"].isna().all()  # nobody said
    reference = read_boxes(out / "reference.csv")
    expected = labels_table(out / "labels", out).set_index("slice")
    pd.testing.assert_frame_equal(reference.set_index("slice").sort_index(), expected.sort_index())
    assert pd.read_csv(out / "sources.csv")["file"].iloc[0].endswith("0017/IM000003.png")


def test_a_foramen_without_a_side_stays_in_the_table_and_is_told(tmp_path: Path) -> None:
    item = Annotation((1.0, 2.0, 9.0, 8.0), Region.NEURAL_FORAMEN, None, Grade.MILD)
    picture = LabelledPicture("a.png", "1", Plane.SAGITTAL, (item,), np.zeros(SIZE, np.uint8))
    write_pictures(tmp_path, [picture], dataset="d")
    assert list(read_boxes(tmp_path / "reference.csv")["side"]) == [""]
    assert not (tmp_path / "labels").exists()
    assert "1 boxes without a side" in pd.read_csv(tmp_path / "refused.csv")["reason"].iloc[0]


def test_patients_of_two_data_sets_are_two() -> None:
    assert pseudonym("aisslab/0017") != pseudonym("sudirman/0017")


def test_two_boxes_of_one_foramen_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "1" / "IM1.png")
    write_voc_text(tmp_path / "1" / "IM1.xml", [("RFS1", (1, 1, 9, 9)), ("RFS2", (20, 1, 29, 9))], level="L4-L5")
    [refusal] = read_aisslab(tmp_path)
    assert isinstance(refusal, Refusal) and refusal.reason == "two boxes of the right foramen at L4-L5; expected one"


def test_an_empty_folder_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no label files"):
        list(read_aisslab(tmp_path))


def test_grey_is_grey_in_any_dress_and_colour_is_refused(tmp_path: Path) -> None:
    grey = read_grey(write_picture(tmp_path / "l.png"))
    np.testing.assert_array_equal(read_grey(write_picture(tmp_path / "rgb.png", mode="RGB")), grey)
    assert np.abs(read_grey(write_picture(tmp_path / "rgb.jpg", mode="RGB")).astype(int) - grey).max() <= 2
    drawn = np.repeat(grey[..., None], 3, axis=2)
    drawn[3, :] = (255, 0, 0)
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    with pytest.raises(AnnotationError, match="coloured picture"):
        read_grey(tmp_path / "drawn.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "l.png").read_bytes()[:60])
    with pytest.raises(AnnotationError, match="damaged picture"):
        read_grey(tmp_path / "bad.png")


@given(st.lists(st.floats(-5, 70), min_size=4, max_size=4))
def test_a_box_that_is_read_lies_in_its_image(tmp_path_factory: pytest.TempPathFactory, corners: list[float]) -> None:
    path = tmp_path_factory.mktemp("voc") / "k.xml"
    write_voc_text(path, [("x", tuple(corners))])
    try:
        ymin, xmin, ymax, xmax = read_raw_voc(path).objects[0].box
    except AnnotationError:
        low_x, low_y, high_x, high_y = (int(corner) for corner in corners)
        assert not (0 <= low_x <= high_x <= 64 and 0 <= low_y <= high_y <= 48 and high_x > 0 and high_y > 0)
        return
    assert 0 <= ymin < ymax <= SIZE[0] and 0 <= xmin < xmax <= SIZE[1]
