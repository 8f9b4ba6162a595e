"""SPIDER's tables with their quirks, and disc centres out of masks."""

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from tfspine.annotations.importers.spider_tables import level_of_disc, read_gradings, read_overview
from tfspine.errors import AnnotationError, FormatError
from tfspine.labels import Level

REAL = Path(os.environ.get("TFSPINE_REAL_DATA", ""), "spider")

OVERVIEW = """new_file_name,num_vertebrae,num_discs,sex,birth_date,subset,AngioFlag,PixelSpacing,SliceThickness,\
MagneticFieldStrength,Manufacturer
1_t1,7,7,F ,,training,,"[0.625, 0.625]",3.0,3.0,Philips Healthcare
1_t2_SPACE,7,7,F,59.0,training,,"[.46875, 0.5]",0.9,1.5,SIEMENS
2_t2,8,8,X,44.0,validation,,"[0.625, 0.625]",3.0,3.0,SIEMENS
3_flair,8,8,M,44.0,validation,,"[0.625, 0.625]",3.0,3.0,SIEMENS
4_t1,8,8,M,44.0,validation,,0.625,3.0,3.0,SIEMENS
"""
GRADINGS = """Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,\
Disc bulging,Pfirrman grade
1,1,0,0,1,0,0,1,1,3
1,5,2,0,0,0,0,0,1,5
1,6,2,0,0,0,0,0,1,5
1,0,0,0,0,0,0,0,0,1
1,2,0,0,0,0,0,0,0,6
1,1,0,0,0,0,0,0,0,1
9,1,0,0,0,0,0,0,0,1
"""


@pytest.fixture
def spider(tmp_path: Path) -> Path:
    (tmp_path / "overview.csv").write_text(OVERVIEW)
    (tmp_path / "radiological_gradings.csv").write_text(GRADINGS)
    return tmp_path


def test_discs_are_counted_from_below() -> None:
    assert [level_of_disc(disc) for disc in (1, 2, 5, 6)] == [Level.L5_S1, Level.L4_L5, Level.L1_L2, None]
    with pytest.raises(AnnotationError, match="disc 0"):
        level_of_disc(0)


def test_the_overview_is_cleaned(spider: Path) -> None:
    series, refused = read_overview(spider)
    assert list(series["series"]) == ["1_t1", "1_t2_SPACE"]
    assert list(series["sex"]) == ["F", "F"]
    assert list(series["age_years"]) == ["", 59.0]
    assert list(series["sequence"]) == ["t1", "t2_SPACE"]
    assert series.loc[1, ["row_spacing_mm", "column_spacing_mm"]].tolist() == [0.46875, 0.5]
    assert [(item.line, item.reason) for item in refused] == [
        (4, 'sex "X"; expected F or M'),
        (5, 'new_file_name "3_flair"; expected NUMBER_t1, _t2 or _t2_SPACE'),
        (6, 'PixelSpacing "0.625"; expected two numbers in brackets'),
    ]


def test_the_gradings_are_cleaned(spider: Path) -> None:
    gradings, refused = read_gradings(spider, {"1"})
    assert list(gradings["level"]) == ["L5-S1", "L1-L2", ""]
    assert list(gradings["pfirrmann_grade"]) == [3, 5, 5]
    assert [(item.line, item.reason) for item in refused] == [
        (5, 'IVD label "0"; expected a whole number from 1 to 9'),
        (6, 'Pfirrman grade "6"; expected a whole number from 1 to 5'),
        (7, "disc 1 of patient 1 is repeated; the first line counts"),
        (8, "patient 9 has no series in overview.csv"),
    ]


def test_a_missing_column_is_named(spider: Path) -> None:
    (spider / "overview.csv").write_text(OVERVIEW.replace("PixelSpacing", "Spacing"))
    with pytest.raises(FormatError, match=r"overview\.csv: no column PixelSpacing"):
        read_overview(spider)


@pytest.mark.skipif(
    "TFSPINE_REAL_DATA" not in os.environ, reason="TFSPINE_REAL_DATA does not name the folder with real data"
)
def test_the_official_files_give_the_published_numbers() -> None:
    """447 series of 218 patients; 196 t1, 210 t2, 41 SPACE; disc 0 of patients 107 and 152 (docs/public_data.md)."""
    series, refused = read_overview(REAL)
    assert refused == []
    assert (len(series), series["patient"].nunique()) == (447, 218)
    assert series["sequence"].value_counts().to_dict() == {"t2": 210, "t1": 196, "t2_SPACE": 41}
    assert series["subset"].value_counts().to_dict() == {"training": 360, "validation": 87}
    assert (series["age_years"] == "").sum() == 328
    gradings, refused = read_gradings(REAL, set(series["patient"]))
    assert len(gradings) + len(refused) == 1520
    assert {item.reason for item in refused} == {'IVD label "0"; expected a whole number from 1 to 9'}
    assert len(refused) == 2
    assert (gradings["level"] == "L5-S1").sum() == 218


def write_mask(path: Path, values: np.ndarray, **geometry: object) -> Path:
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing(geometry.get("spacing", (4.0, 0.5, 2.0)))
    image.SetOrigin(geometry.get("origin", (-10.0, 20.0, -30.0)))
    if "direction" in geometry:
        image.SetDirection(geometry["direction"])
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path), useCompression=True)
    return path


def test_a_disc_lies_where_spacing_origin_and_direction_say(tmp_path: Path) -> None:
    from tfspine.annotations.importers.spider_masks import disc_centres

    values = np.zeros((12, 10, 6), np.uint8)  # z, y, x
    values[2:5, 4:7, 1:4] = 201  # middle at index x 2, y 5, z 3
    values[8, 2, 3] = 206
    values[0, 0, 0] = 1
    low, high = disc_centres(write_mask(tmp_path / "1_t1.mha", values))
    # By hand: origin + index * spacing.
    assert low.centre_mm == pytest.approx((-10 + 2 * 4.0, 20 + 5 * 0.5, -30 + 3 * 2.0))
    assert (low.disc, low.level, low.voxels) == (1, Level.L5_S1, 27)
    assert (high.disc, high.level, high.voxels) == (6, None, 1)
    # Sagittal volumes are stored with their slices along another axis: columns of the direction are the index axes.
    turned = write_mask(tmp_path / "2_t1.mha", values, direction=(0, 0, 1, 1, 0, 0, 0, -1, 0))
    assert disc_centres(turned)[0].centre_mm == pytest.approx((-10 + 3 * 2.0, 20 + 2 * 4.0, -30 - 5 * 0.5))


def test_a_mask_that_is_none_is_refused(tmp_path: Path) -> None:
    from tfspine.annotations.importers.spider_masks import disc_centres

    (tmp_path / "a.mha").write_bytes(b"no volume")
    with pytest.raises(AnnotationError, match="cannot be read as a volume"):
        disc_centres(tmp_path / "a.mha")
    empty = write_mask(tmp_path / "b.mha", np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(AnnotationError, match="no disc"):
        disc_centres(empty)
