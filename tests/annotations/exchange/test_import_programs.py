"""Labels of CVAT, COCO, Label Studio and YOLO become label files; the rest is listed with the reason.

The files are made from the documentation of these formats (`export_samples`, with the pages); no program wrote them.
"""

import csv
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from export_samples import (
    AXIAL,
    COLUMNS,
    OTHER,
    ROWS,
    SAGITTAL,
    annotation,
    coco_file,
    cvat_box,
    cvat_file,
    region,
    task,
    write_json,
    write_slices,
)
from hypothesis import given
from hypothesis import strategies as st

from tfspine.annotations.exchange.coco import coco_table, read_coco
from tfspine.annotations.exchange.drawn import DrawnImage
from tfspine.annotations.exchange.labelstudio import read_labelstudio
from tfspine.annotations.exchange.yolo import read_yolo
from tfspine.annotations.labelled_boxes import labels_table
from tfspine.cli.main import main
from tfspine.errors import AnnotationError, TfspineError
from tfspine.formats.labelimg_xml import read_voc, write_voc
from tfspine.formats.slices_csv import SliceRow
from tfspine.geometry import SliceGeometry
from tfspine.labels import GRADES, LEVELS, Grade, Level, Plane, Region, Side
from tfspine.structures import AnnotatedSlice, Annotation
from tfspine.workflows.import_labels import DrawnIn, ImportedLabels, ImportLabelsOptions, import_labels


def run(tmp_path: Path, source: Path, drawn_in: str, **options: Any) -> ImportedLabels:
    slices = write_slices(tmp_path / "slices")
    return import_labels(source, slices, tmp_path / "labels", ImportLabelsOptions(DrawnIn(drawn_in), **options))


def labels(tmp_path: Path, key: str) -> tuple[Annotation, ...]:
    return read_voc(tmp_path / "labels" / f"{key}.xml").annotations


def reasons(tmp_path: Path) -> list[str]:
    with (tmp_path / "labels" / "refused.csv").open() as file:
        return [f"{row['file']}: {row['reason']}" for row in csv.DictReader(file)]


def cvat(tmp_path: Path, images: dict[str, str], **more: Any) -> Path:
    path = tmp_path / "annotations.xml"
    path.write_text(cvat_file(images, **more))
    return path


GOOD = cvat_box("central_canal", (100, 50, 140, 80), grade="severe")


def test_cvat_boxes_with_grade_and_level_as_attributes(tmp_path: Path) -> None:
    shapes = GOOD + cvat_box("left_lateral_recess", (150, 60, 170, 75), grade="ungraded", level="unknown")
    sagittal = cvat_box("neural_foramen", (10, 20, 30, 60), grade="2", side="right", level="L4-L5")
    summary = run(tmp_path, cvat(tmp_path, {f"{AXIAL}.png": shapes, f"{SAGITTAL}.png": sagittal}), "cvat")
    assert summary == ImportedLabels(labels=2, boxes=3, empty=0, refused=0)
    canal, recess = labels(tmp_path, AXIAL)
    assert canal == Annotation((50.0, 100.0, 80.0, 140.0), Region.CENTRAL_CANAL, None, Grade.SEVERE, None)
    assert recess == Annotation((60.0, 150.0, 75.0, 170.0), Region.LATERAL_RECESS, Side.LEFT, None, None)
    (foramen,) = labels(tmp_path, SAGITTAL)
    assert foramen == Annotation((20, 10, 60, 30), Region.NEURAL_FORAMEN, Side.RIGHT, Grade.MODERATE, Level.L4_L5)


def test_an_archive_as_cvat_downloads_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.writestr("annotations.xml", cvat_file({f"{AXIAL}.png": GOOD}))
        archive.writestr(f"images/{AXIAL}.png", b"picture")
    assert run(tmp_path, tmp_path / "task.zip", "cvat").boxes == 1


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ('<polygon label="central_canal" points="1,2;3,4;5,6" z_order="0"></polygon>', "polygon .* as one"),
        ('<ellipse label="central_canal" cx="5" cy="5" rx="2" ry="3" z_order="0"></ellipse>', "ellipse .* as one"),
        ('<tag label="good" source="manual"></tag>', 'tag "good"; expected a rectangle'),
        (cvat_box("central_canal", (1, 2, 30, 40), 'rotation="12.50" '), "rotated by 12.5 degrees"),
        (cvat_box("central_canal", (1, 2, 330, 40)), "columns 1 to 330; expected a box with an area inside"),
        (cvat_box("central_canal", (30, 2, 30, 40)), "expected a box with an area"),
        (cvat_box("canal", (1, 2, 30, 40)), 'label "canal"; expected one of central_canal.*--names'),
        (cvat_box("lateral_recess", (1, 2, 30, 40)), "has no side; give it in the name or as the attribute side"),
        (cvat_box("central_canal", (1, 2, 30, 40), side="left"), "of side left; central_canal has no side"),
        (cvat_box("central_canal", (1, 2, 30, 40), grade="bad"), 'grade "bad"; expected one of normal, mild'),
        (cvat_box("central_canal:mild", (1, 2, 30, 40), grade="severe"), "another grade in its attribute, severe"),
        (cvat_box("central_canal", (1, 2, 30, 40), level="L6-S1"), 'level "L6-S1"; expected one of L1-L2'),
        (cvat_box("left_neural_foramen", (1, 2, 30, 40)), "on an axial slice; its region belongs to the other plane"),
    ],
)
def test_what_is_no_usable_box_is_a_row_and_the_rest_is_imported(tmp_path: Path, shape: str, told: str) -> None:
    summary = run(tmp_path, cvat(tmp_path, {f"{AXIAL}.png": GOOD + shape}), "cvat")
    assert (summary.boxes, summary.refused) == (1, 1)
    (reason,) = reasons(tmp_path)
    assert reason.startswith(f"{AXIAL}.png: annotations.xml: image 1: object 2: ")
    assert re.search(told, reason)


def test_images_that_are_no_slices_or_of_another_size_are_rows(tmp_path: Path) -> None:
    images = {"photo.png": GOOD, f"{AXIAL}.png": GOOD, f"again/{AXIAL}.jpg": GOOD, f"{OTHER}.png": ""}
    summary = run(tmp_path, cvat(tmp_path, images), "cvat")
    assert summary == ImportedLabels(labels=1, boxes=1, empty=1, refused=2)
    assert reasons(tmp_path) == [
        "photo.png: no slice photo; its 1 boxes are left out",
        f"again/{AXIAL}.jpg: a second image of slice {AXIAL}; its boxes are left out",
    ]


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="image of 100 rows x 100 columns, slice of 200 rows x 320 columns"):
        run(tmp_path, cvat(tmp_path, {f"{AXIAL}.png": GOOD}, size=(100, 100)), "cvat")
    assert not (tmp_path / "labels").exists()


def test_labels_of_other_pictures_are_refused_with_their_names(tmp_path: Path) -> None:
    images = {f"scan{number}.png": GOOD for number in range(7)}
    with pytest.raises(
        AnnotationError, match=r"none of 7 images .* 3 slices: scan0.png, .*scan4.png and 2 more; label"
    ):
        run(tmp_path, cvat(tmp_path, images), "cvat")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("<annotations><track id='0'></track></annotations>", "tracks of CVAT for video; export"),
        ("<annotation/>", "root element <annotation>; expected <annotations>"),
        ("{}", "not a readable XML file"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "not a readable XML file"),
        ("<annotations/>", "no box that can be used"),
    ],
)
def test_what_is_no_cvat_file_is_one_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "annotations.xml").write_text(content)
    with pytest.raises(AnnotationError, match=told):
        run(tmp_path, tmp_path / "annotations.xml", "cvat")


def test_names_of_others_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text(
        '[names]\n"Canal" = "central_canal"\n"LR left" = "left_lateral_recess"\n[attributes]\n"Stenose" = "grade"\n'
        '"Etage" = "level"\n[values]\n"hochgradig" = "severe"\n"L4/5" = "L4-L5"\n'
    )
    shapes = cvat_box("Canal", (100, 50, 140, 80), Stenose="hochgradig", Etage="L4/5") + cvat_box(
        "LR left", (1, 2, 9, 9), Stenose="mild"
    )
    run(tmp_path, cvat(tmp_path, {f"{AXIAL}.png": shapes}), "cvat", names=tmp_path / "names.toml")
    canal, recess = labels(tmp_path, AXIAL)
    assert (canal.grade, canal.level, recess.side, recess.grade) == (
        *(Grade.SEVERE, Level.L4_L5, Side.LEFT, Grade.MILD),
    )


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("n.csv", "name,label\nA,canal\n", 'n.csv: "A": label "canal"; expected one of central_canal'),
        ("n.csv", "name,label\nA,central_canal\nA,central_canal:mild\n", "n.csv: .*A.*"),
        ("n.csv", "name,label,level\nA,central_canal,L9\n", 'n.csv: "A": level "L9"'),
        ("n.toml", '[name]\n"A" = "central_canal"\n', 'unknown key "name"; expected one of names, attributes'),
        ("n.toml", '[names]\n"A" = 3\n', r"\[names\]; expected lines of"),
        ("n.toml", '[attributes]\n"A" = "degree"\n', 'attributes."a" = "degree"; expected one of grade, side, level'),
        ("n.toml", "[names", "not a readable map of names"),
    ],
)
def test_a_map_that_means_nothing_is_one_line(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TfspineError, match=told):
        run(tmp_path, cvat(tmp_path, {f"{AXIAL}.png": GOOD}), "cvat", names=tmp_path / name)


def yolo_folder(tmp_path: Path, lines: str, *, names: tuple[str, str] = ("classes.txt", "K\nN4\n")) -> Path:
    (tmp_path / "yolo" / "labels").mkdir(parents=True)
    (tmp_path / "yolo" / names[0]).write_text(names[1])
    (tmp_path / "yolo" / "labels" / f"1a2b3c4d-{AXIAL}.txt").write_text(lines)
    (tmp_path / "yolo" / "train.txt").write_text(f"data/{AXIAL}.png\n")
    return tmp_path / "yolo"


@pytest.mark.parametrize(
    "names",
    [
        ("classes.txt", "K\nN4\n"),
        ("obj.names", "K\r\nN4\r\n"),
        ("data.yaml", "path: x\nnames: ['K', \"N4\"]\nnc: 2\n"),
        ("data.yaml", "nc: 2\nnames:\n  0: K\n  1: N4\n"),
        ("data.yaml", "names:\n- K\n- N4\ntrain: images\n"),
    ],
)
def test_yolo_shares_and_the_grade_in_the_mapped_name(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "map.csv").write_text("name,label,level\nK,central_canal:mild,\nN4,left_lateral_recess,L4-L5\n")
    folder = yolo_folder(tmp_path, "0 0.5 0.5 0.25 0.1\n1 0.1 0.2 0.05 0.1\n", names=names)
    assert run(tmp_path, folder, "yolo", names=tmp_path / "map.csv") == ImportedLabels(1, 2, 0, 0)
    canal, recess = labels(tmp_path, AXIAL)
    # Middle 160, 100 and size 80, 20 of 320 x 200 pixels.
    assert canal == Annotation((90, 120, 110, 200), Region.CENTRAL_CANAL, None, Grade.MILD, None)
    assert recess == Annotation((30, 24, 50, 40), Region.LATERAL_RECESS, Side.LEFT, None, Level.L4_L5)


def test_yolo_lines_that_are_no_boxes_are_rows(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("name,label\nK,central_canal:mild\n")
    lines = "0 0.5 0.5 0.25 0.1\n0 0.1 0.1 0.2 0.1 0.9\n0 0.1 0.1 0.2 0.1 0.3 0.3\n7 0.5 0.5 0.1 0.1\n0 x 1\n\n"
    summary = run(tmp_path, yolo_folder(tmp_path, lines), "yolo", names=tmp_path / "map.csv")
    assert (summary.boxes, summary.refused) == (1, 4)
    told = " ".join(reasons(tmp_path))
    for words in (
        "line 2: 6 values, as a model's box with a score",
        "line 3: 7 values, as a polygon",
        "class 7; expected 0 to 1",
        "0 x 1",
    ):
        assert words in told


def test_yolo_without_names_is_refused(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path, "0 0.5 0.5 0.25 0.1\n", names=("data.yaml", "nc: 2\n"))
    with pytest.raises(AnnotationError, match="no names of the classes"):
        run(tmp_path, folder, "yolo")


def test_label_studio_percent_and_choices_of_a_region(tmp_path: Path) -> None:
    drawn = annotation(
        region("central_canal", (25, 50, 10, 5), grade="moderate", level="L3-L4")
        + region("right_lateral_recess", (50, 50, 5, 5), name="r2", grade="ungraded"),
        by={"id": 3, "email": "a@example.org"},
    )
    source = write_json(tmp_path / "export.json", [task(f"/data/upload/1/1a2b3c4d-{AXIAL}.png", drawn)])
    assert run(tmp_path, source, "labelstudio") == ImportedLabels(1, 2, 0, 0)
    canal, recess = labels(tmp_path, AXIAL)
    assert canal == Annotation((100, 80, 110, 112), Region.CENTRAL_CANAL, None, Grade.MODERATE, Level.L3_L4)
    assert recess == Annotation((100, 160, 110, 176), Region.LATERAL_RECESS, Side.RIGHT, None, None)


@pytest.mark.parametrize(
    "image", [f"/data/local-files/?d=a/{AXIAL}.png", f"s3://b/c/{AXIAL}.png", f"C:\\x\\{AXIAL}.png"]
)
def test_label_studio_images_of_any_storage_are_met_by_name(tmp_path: Path, image: str) -> None:
    source = write_json(tmp_path / "x.json", [task(image, annotation(region("central_canal", (1, 1, 5, 5))))])
    assert run(tmp_path, source, "labelstudio").boxes == 1


BOX = region("central_canal", (25, 50, 10, 5), grade="mild")


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (task(f"{OTHER}.png", annotation(BOX, was_cancelled=True)), "skipped by its annotator"),
        (task(f"{OTHER}.png", drafts=[{"result": []}]), "a draft that was not submitted"),
        (task(f"{OTHER}.png", annotation(BOX), annotation(BOX, by=2)), "2 annotations by 1, 2; choose whose"),
        (task(f"{OTHER}.png", annotation(region("central_canal", (1, 1, 5, 5), rotation=30))), "rotated by 30 degrees"),
        (
            task(f"{OTHER}.png", annotation([{"id": "e", "type": "ellipselabels", "value": {"ellipselabels": ["x"]}}])),
            "a region of type ellipselabels; expected a rectangle",
        ),
        (
            task(f"{OTHER}.png", annotation([{"id": "p", "type": "polygonlabels", "value": {"points": [[1, 2]]}}])),
            "a region of type polygonlabels",
        ),
        (
            task(f"{OTHER}.png", annotation([{"id": "c", "type": "choices", "value": {"choices": ["bad picture"]}}])),
            "a choice for the whole image",
        ),
        (task("photo.png", annotation(BOX)), "no slice photo"),
        (task(f"{OTHER}.png", annotation(region("central_canal", (95, 1, 10, 5)))), "inside the image"),
    ],
)
def test_label_studio_tasks_that_cannot_be_used_are_rows(tmp_path: Path, item: dict[str, Any], told: str) -> None:
    source = write_json(tmp_path / "export.json", [task(f"{AXIAL}.png", annotation(BOX)), item])
    summary = run(tmp_path, source, "labelstudio")
    assert (summary.boxes, summary.refused) == (1, 1)
    assert told in reasons(tmp_path)[0]


def test_one_annotator_of_several_is_chosen_by_id_or_by_ground_truth(tmp_path: Path) -> None:
    second = region("central_canal", (25, 50, 10, 5), grade="severe")
    two = task(f"{AXIAL}.png", annotation(BOX), annotation(second, by={"id": 2, "email": "b@example.org"}))
    source = write_json(tmp_path / "export.json", [two])
    run(tmp_path, source, "labelstudio", annotator="b@example.org")
    assert labels(tmp_path, AXIAL)[0].grade is Grade.SEVERE
    with pytest.raises(AnnotationError, match=r"annotated by 1, b@example\.org, not by 8"):
        run(tmp_path, source, "labelstudio", annotator="8")
    two["annotations"][0]["ground_truth"] = True
    run(tmp_path, write_json(tmp_path / "export.json", [two]), "labelstudio")
    assert labels(tmp_path, AXIAL)[0].grade is Grade.MILD


def test_the_short_export_of_label_studio_is_refused(tmp_path: Path) -> None:
    source = write_json(tmp_path / "min.json", [{"image": "a.png", "label": [], "id": 1}])
    with pytest.raises(AnnotationError, match="JSON-MIN has none"):
        run(tmp_path, source, "labelstudio")


def test_coco_boxes_with_attributes(tmp_path: Path) -> None:
    annotations = [
        {
            "image_id": 1,
            "category_id": 1,
            "bbox": [100, 50, 40, 30],
            "attributes": {"occluded": False, "grade": "mild"},
        },
        {"image_id": 3, "category_id": 2, "bbox": [10, 20, 20, 40], "attributes": {"side": "left", "rotation": 0.0}},
        {"image_id": 1, "category_id": 1, "bbox": [100, 50, 40, 30], "attributes": {"rotation": 45.0}},
        {"image_id": 1, "category_id": 1, "bbox": [100, 50, 40, 30], "iscrowd": 1},
        {"image_id": 1, "category_id": 1, "bbox": [100, 50, 40]},
        {"image_id": 8, "category_id": 1, "bbox": [100, 50, 40, 30]},
        {"image_id": 1, "category_id": 9, "bbox": [100, 50, 40, 30]},
    ]
    source = write_json(
        tmp_path / "instances_default.json", coco_file(annotations, ("central_canal", "neural_foramen"))
    )
    assert run(tmp_path, source, "coco") == ImportedLabels(labels=2, boxes=2, empty=1, refused=5)
    assert labels(tmp_path, AXIAL) == (Annotation((50, 100, 80, 140), Region.CENTRAL_CANAL, None, Grade.MILD, None),)
    assert labels(tmp_path, SAGITTAL)[0].side is Side.LEFT
    told = " ".join(reasons(tmp_path))
    for words in (
        "rotated by 45",
        "is a crowd",
        "has no bbox",
        "image_id 8 is not among",
        "category_id 9 is not among",
    ):
        assert words in told


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense", '{"images": 1, "annotations": [], "categories": []}'])
def test_what_is_no_coco_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(AnnotationError, match=r"x\.json: .*expected a COCO file"):
        run(tmp_path, tmp_path / "x.json", "coco")


def drawn_slice(key: str, seed: int) -> AnnotatedSlice:
    boxes = []
    for number, (region_, side) in enumerate(
        [(Region.NEURAL_FORAMEN, Side.LEFT)] * 2
        if "sagittal" in key
        else [(Region.CENTRAL_CANAL, None), (Region.LATERAL_RECESS, Side.LEFT), (Region.LATERAL_RECESS, Side.RIGHT)]
    ):
        y, x = 10 + seed + 20 * number, 30 + 3 * seed
        grade = None if number == 1 else GRADES[(seed + number) % 4]
        level = LEVELS[seed % 5] if number else None
        boxes.append(Annotation((float(y), float(x), float(y + 17), float(x + 40)), region_, side, grade, level))
    return AnnotatedSlice(key, (ROWS, COLUMNS), tuple(boxes))


def test_coco_export_and_import_give_the_same_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = write_slices(tmp_path / "slices")
    for seed, key in enumerate((AXIAL, SAGITTAL)):
        write_voc(tmp_path / "drawn" / f"{key}.xml", drawn_slice(key, seed))
    out = tmp_path / "coco.json"
    words = ["--labels", str(tmp_path / "drawn"), "--slices", str(slices), "--out", str(out)]
    assert main(["export-labels", "coco", *words]) == 0
    assert "3 images, 5 boxes" in capsys.readouterr().out
    table = json.loads(out.read_text())
    assert [image["file_name"] for image in table["images"]] == [f"{key}.png" for key in (AXIAL, OTHER, SAGITTAL)]
    assert table["annotations"][0]["attributes"] == {"grade": "normal"}
    assert table["annotations"][0]["bbox"] == [30.0, 10.0, 40.0, 17.0]
    assert main(["import", "coco", str(out), "--slices", str(slices), "--out", str(tmp_path / "labels")]) == 0
    for key in (AXIAL, SAGITTAL):
        assert read_voc(tmp_path / "labels" / f"{key}.xml") == read_voc(tmp_path / "drawn" / f"{key}.xml")
    before, after = (labels_table(tmp_path / name, slices) for name in ("drawn", "labels"))
    assert before.equals(after)
    # Imported labels are as good as drawn ones: they are imported again over the old ones.
    assert main(["import", "coco", str(out), "--slices", str(slices), "--out", str(tmp_path / "labels")]) == 0


def test_the_export_is_what_pycocotools_asks_for(tmp_path: Path) -> None:
    """Keys of https://cocodataset.org/#format-data; a model's box has its score, as in COCO's results."""
    box = {
        **{"slice": AXIAL, "region": "neural_foramen", "side": "", "level": "", "grade": "mild", "score": 0.75},
        **dict(zip(("ymin", "xmin", "ymax", "xmax"), (1.5, 2.0, 11.5, 22.0), strict=True)),
    }
    place = SliceGeometry((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1), (200, 320))
    table = coco_table([box], [SliceRow(AXIAL, "s", Plane.AXIAL, place)])
    (found,) = table["annotations"]
    names = {item["id"]: item["name"] for item in table["categories"]}
    assert names[found["category_id"]] == "neural_foramen"
    assert (found["area"], found["iscrowd"], found["score"]) == (200.0, 0, 0.75)
    assert {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"} <= set(found)
    assert set(table) == {"info", "licenses", "categories", "images", "annotations"}


corner = st.integers(0, 150)
side_px = st.integers(1, 49)


@given(y=corner, x=corner, height=side_px, width=side_px)
def test_whole_pixels_survive_shares_and_percents(
    y: int, x: int, height: int, width: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shares")
    (folder / "classes.txt").write_text("central_canal\n")
    shares = ((x + width / 2) / COLUMNS, (y + height / 2) / ROWS, width / COLUMNS, height / ROWS)
    (folder / f"{AXIAL}.txt").write_text("0 " + " ".join(f"{share:.6f}" for share in shares) + "\n")
    percent = (100 * x / COLUMNS, 100 * y / ROWS, 100 * width / COLUMNS, 100 * height / ROWS)
    studio = write_json(folder / "x.json", [task(f"{AXIAL}.png", annotation(region("central_canal", percent)))])
    coco = coco_file([{"image_id": 1, "category_id": 1, "bbox": [x, y, width, height]}], ("central_canal",))
    for read in (
        read_yolo(folder, {AXIAL: (ROWS, COLUMNS)}),
        read_labelstudio(studio),
        read_coco(write_json(folder / "coco.json", coco)),
    ):
        image = next(item for item in read if isinstance(item, DrawnImage))
        assert image.boxes[0].box == pytest.approx((y, x, y + height, x + width), abs=1e-3)


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(["id", "image_id", "category_id", "bbox", "attributes", "iscrowd"]), value=json_value)
def test_any_value_in_a_coco_box_is_a_box_or_a_refusal(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    good = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "attributes": {}}
    path = tmp_path_factory.mktemp("any") / "x.json"
    items = list(read_coco(write_json(path, coco_file([good | {key: value}], ("central_canal",)))))
    boxes = [box for item in items if isinstance(item, DrawnImage) for box in item.boxes]
    assert len(boxes) + len([item for item in items if not isinstance(item, DrawnImage)]) == 1


@given(
    key=st.sampled_from(["id", "type", "value", "original_width", "original_height", "from_name", "image_rotation"]),
    value=json_value,
)
def test_any_value_in_a_label_studio_region_is_a_box_or_a_refusal(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = region("central_canal", (1, 2, 3, 4))[0] | {key: value}
    path = tmp_path_factory.mktemp("any") / "x.json"
    items = list(read_labelstudio(write_json(path, [task(f"{AXIAL}.png", annotation([result]))])))
    boxes = [box for item in items if isinstance(item, DrawnImage) for box in item.boxes]
    assert len(boxes) + len([item for item in items if not isinstance(item, DrawnImage)]) == 1
