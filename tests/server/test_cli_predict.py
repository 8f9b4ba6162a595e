"""``tfspine predict``: one slices folder, read through a server and through SavedModels in this process."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from bright_model import BrightModel, save
from PIL import Image

from tfspine.cli.main import main
from tfspine.client import reading
from tfspine.dicom.deidentify.pseudonyms import read_salt
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane
from tfspine.server.config_file import LatestVersions, ModelConfig
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.running import running
from tfspine.server.service import Service
from tfspine.signatures import MODEL_NAMES
from tfspine.structures import slice_key
from tfspine.workflows import predict
from tfspine.workflows.ingest import IngestSummary
from tfspine.workflows.read_studies import ReadingOptions, read_studies

STUDIES = ("aaaaaaaaaa", "bbbbbbbbbb")
ROWS, COLUMNS = 24, 30


def geometry_of(plane, number):
    if plane is Plane.AXIAL:
        position, row, column = (-15.0, -12.0, 40.0 - 8 * number), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    else:
        position, row, column = (-30.0 + 15 * number, -15.0, 60.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)
    return SliceGeometry(position, row, column, (1.0, 1.0), (ROWS, COLUMNS))


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Two studies of four axial and three sagittal slices; the bright rectangle grows with the slice number."""
    folder = tmp_path_factory.mktemp("ingested")
    (folder / "slices").mkdir()
    with (folder / "slices.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, SLICE_COLUMNS, restval="")
        writer.writeheader()
        for study in STUDIES:
            for plane, count in ((Plane.AXIAL, 4), (Plane.SAGITTAL, 3)):
                for number in range(1, count + 1):
                    key = slice_key(study, plane, number)
                    pixels = np.zeros((ROWS, COLUMNS), np.uint8)
                    pixels[5 : 8 + number, 10:14] = 200
                    Image.fromarray(pixels).save(folder / "slices" / f"{key}.png")
                    identity = {"key": key, "study": study, "patient": f"p{study}", "plane": plane, "number": number}
                    writer.writerow(identity | geometry_to_row(geometry_of(plane, number)))
    return folder


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    for name in MODEL_NAMES.values():
        save(models[1], root / name / "1")
    return root


@pytest.fixture(scope="module")
def server(exported):
    configs = [ModelConfig(name, exported / name, LatestVersions(), {}) for name in MODEL_NAMES.values()]
    lifecycle = Lifecycle()
    lifecycle.start(configs)
    with running(Service(lifecycle.catalogue), port=0, rest_port=0) as ports:
        yield {"grpc": f"grpc://127.0.0.1:{ports.grpc}", "http": f"http://127.0.0.1:{ports.rest}"}


def boxes_of(folder, name="predictions.csv"):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_server_and_savedmodel_write_the_same(slices, exported, server, tmp_path, scheme):
    assert main(["predict", "--slices", str(slices), "--model", str(exported), "--out", str(tmp_path / "local")]) == 0
    assert (
        main(["predict", "--slices", str(slices), "--server", server[scheme], "--out", str(tmp_path / "served")]) == 0
    )
    local = {path.relative_to(tmp_path / "local"): path.read_text() for path in files_of(tmp_path / "local")}
    served = {path.relative_to(tmp_path / "served"): path.read_text() for path in files_of(tmp_path / "served")}
    assert local == served
    assert len([path for path in local if path.suffix == ".xml"]) == 14


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]


def test_boxes_are_where_the_bright_pixels_are(slices, exported, tmp_path):
    assert main(["predict", "--slices", str(slices), "--model", str(exported), "--out", str(tmp_path / "out")]) == 0
    boxes = boxes_of(tmp_path / "out")
    assert tuple(boxes[0]) == BOX_COLUMNS
    assert len(boxes) == 14
    by_slice = {box["slice"]: box for box in boxes}
    for number in (1, 2, 3, 4):
        box = by_slice[slice_key(STUDIES[1], Plane.AXIAL, number)]
        assert [float(box[name]) for name in ("ymin", "xmin", "ymax", "xmax")] == [5, 10, 8 + number, 14]
        # docs/architecture.md, Decisions: axial class 1 is the patient's right recess.
        assert (box["region"], box["side"]) == ("lateral_recess", "right")
        assert float(box["score"]) == pytest.approx((3 + number) * 4 / (ROWS * COLUMNS))


def test_one_split_and_a_summary_for_programs(slices, exported, tmp_path, capsys):
    splits = tmp_path / "splits.csv"
    splits.write_text(f"patient,study,split\np1,{STUDIES[0]},train\np2,{STUDIES[1]},test\n")
    out = tmp_path / "out"
    words = ["--slices", str(slices), "--model", str(exported), "--splits", str(splits), "--split", "test", "--json"]
    assert main(["predict", *words, "--out", str(out)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["slices"] == summary["detections"] == 7
    assert list(summary["studies"]) == [STUDIES[1]]
    assert summary["models"] == {"tfspine_axial": 1, "tfspine_sagittal": 1}
    study = json.loads((out / "studies" / f"{STUDIES[1]}.json").read_text())
    # structures.StudyResult: 5 canals, 10 recesses, 10 foramina, found or not.
    assert len(study["rows"]) == 25
    assert {row["region"] for row in study["rows"] if row["grade"] is not None} <= {"lateral_recess", "neural_foramen"}
    details = json.loads((out / "manifest.json").read_text())["details"]
    assert details["models"] == summary["models"]
    assert details["split"] == "test"


def test_dicom_is_ingested_first_and_what_was_refused_is_kept(slices, exported, tmp_path, monkeypatch, capsys):
    def ingest(dicom, out, options, *, track):
        assert read_salt(options.salt.named).check() == read_salt(tmp_path / "pseudonyms.salt").check()
        shutil.copytree(slices, out)
        (out / "refused.csv").write_text(f"file,reason\n{dicom}/x.dcm,truncated\n")
        return IngestSummary(out, 2, 14, 1, (), ("2 series differ from their description",))

    monkeypatch.setattr(predict, "ingest", ingest)
    out = tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    assert main(["predict", "--dicom", "scans", "--model", str(exported), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slices"] == 14
    assert (out / "refused.csv").read_text() == "file,reason\nscans/x.dcm,truncated\n"
    # The slices stay with what was read on them, and a page of one study finds them there.
    assert (out / "slices" / "slices.csv").read_bytes() == (slices / "slices.csv").read_bytes()
    page = tmp_path / "report.html"
    words = ["report", "--predictions", str(out), "--study", STUDIES[1], "--out", str(page)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"{page}: 1 of 1 studies, ")
    assert STUDIES[1] in page.read_text() and STUDIES[0] not in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_the_library_reads_the_same_without_writing(slices, exported, tmp_path):
    assert main(["predict", "--slices", str(slices), "--model", str(exported), "--out", str(tmp_path / "out")]) == 0
    tracked = []

    def track(items, words, total=None):
        tracked.append((words, total))
        yield from items

    read = read_studies(slices, ReadingOptions(model=exported, studies=STUDIES[1:]), track=track)
    assert tracked == [("reading slices", 7)]
    assert [result.study for result in read.results] == [STUDIES[1]]
    assert read.versions == {Plane.AXIAL: 1, Plane.SAGITTAL: 1}
    written = [row for row in boxes_of(tmp_path / "out") if row["study"] == STUDIES[1]]
    boxes = [item for reading in read.readings for item in reading.detections]
    assert [[float(row[name]) for name in ("ymin", "xmin", "ymax", "xmax")] for row in written] == [
        list(item.box) for item in boxes
    ]


def test_a_model_that_trained_on_another_split_is_told(slices, exported, tmp_path, caplog):
    splits = tmp_path / "splits.csv"
    splits.write_text(f"patient,study,split\np1,{STUDIES[0]},train\np2,{STUDIES[1]},test\n")
    shutil.copytree(exported, tmp_path / "exported")
    for version, split in ((9, "e" * 64), (10, "f" * 64)):
        folder = tmp_path / "exported" / "tfspine_axial" / str(version)
        shutil.copytree(exported / "tfspine_axial" / "1", folder)
        (folder / "manifest.json").write_text(json.dumps({"command": "export", "details": {"split": split}}))
    options = predict.PredictOptions(ReadingOptions(model=tmp_path / "exported"), splits, "test")
    predict.predict(slices, tmp_path / "out", options)
    (told,) = caplog.messages
    assert "tfspine_axial/10: trained on another split (ffffffffffff) than that of" in told
    assert "studies called test there may be among its training data" in told


class TwoMembers(BrightModel):
    """Says what its one member says and, as a second member, severe; an even mean of both."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="images")])
    def read(self, images):
        found = super().read(images)
        first = found["grade_probabilities"]
        second = tf.reduce_sum(first, axis=-1, keepdims=True) * tf.constant([0.0, 0.0, 0.0, 1.0])
        return found | {
            "grade_probabilities": (first + second) / 2,
            "member_probabilities": tf.stack([first, second], axis=2),
            "grade_disagreement": tf.zeros_like(first[..., 0]),
        }


def test_each_member_has_a_table_of_the_same_boxes(slices, exported, tmp_path, capsys):
    for name in MODEL_NAMES.values():
        save(TwoMembers(0.0), tmp_path / "two" / name / "1")
    words = ["predict", "--slices", str(slices), "--json"]
    assert main([*words, "--model", str(tmp_path / "two"), "--out", str(tmp_path / "out"), "--members"]) == 0
    assert json.loads(capsys.readouterr().out)["members"] == 2
    assert main([*words, "--model", str(exported), "--out", str(tmp_path / "one")]) == 0

    mean, alone = boxes_of(tmp_path / "out"), boxes_of(tmp_path / "one")
    first, second = (boxes_of(tmp_path / "out", f"members/m{number}.csv") for number in (1, 2))
    # The first member is the very model of one member; levels and sides are there, too.
    assert first == alone
    assert {row["grade"] for row in second} == {"severe"}
    for ours, theirs in zip(mean, second, strict=True):
        assert float(theirs["p_severe"]) == pytest.approx(1)
        assert [ours[name] for name in BOX_COLUMNS[:10]] == [theirs[name] for name in BOX_COLUMNS[:10]]
    for ours, one in zip(mean, first, strict=True):
        assert float(ours["p_severe"]) == pytest.approx((float(one["p_severe"]) + 1) / 2)

    # Members are written on request only, and a client that does not ask reads the same boxes.
    assert main([*words, "--model", str(tmp_path / "two"), "--out", str(tmp_path / "plain")]) == 0
    assert not (tmp_path / "plain" / "members").exists()
    assert boxes_of(tmp_path / "plain") == mean


def test_a_model_of_one_member_has_none_to_write(slices, exported, tmp_path, capsys, monkeypatch):
    """It says so at the first box, and not after hours of reading."""
    requests = []

    def counted(*words):
        requests.append(words)
        return original(*words)

    original = reading.read_images
    monkeypatch.setattr(reading, "read_images", counted)
    out = tmp_path / "out"
    words = ["predict", "--slices", str(slices), "--model", str(exported), "--out", str(out), "--batch-size", "1"]
    assert main([*words, "--members"]) == 2
    assert "axial 1; expected several, and as many in both planes" in capsys.readouterr().err
    assert len(requests) == 1
    assert not out.exists()


def test_both_planes_have_as_many_members(slices, exported, tmp_path, capsys):
    for name, model in zip(MODEL_NAMES.values(), (TwoMembers(0.0), BrightModel(0.0)), strict=True):
        save(model, tmp_path / "mixed" / name / "1")
    words = ["predict", "--slices", str(slices), "--model", str(tmp_path / "mixed"), "--out", str(tmp_path / "out")]
    assert main([*words, "--members"]) == 2
    assert "axial 2, sagittal 1; expected several, and as many in both planes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--server", "grpc://127.0.0.1:1"], "nothing listens at grpc://127.0.0.1:1; start it with tfspine serve"),
        (["--server", "127.0.0.1:8500"], "expected grpc://HOST:PORT"),
        (["--model", "nowhere"], 'model "tfspine_axial": nowhere/tfspine_axial: no such folder; run tfspine export'),
        (["--split", "test"], "--splits and --split belong together"),
        (["--batch-size", "0"], "--batch-size 0; expected 1 or more"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(slices, tmp_path, capsys, words, message):
    assert main(["predict", "--slices", str(slices), "--out", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_series_map_belongs_to_dicom(slices, tmp_path, capsys):
    words = [
        "predict",
        "--slices",
        str(slices),
        "--series-map",
        str(tmp_path / "map.csv"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 2
    assert "--series-map belongs to --dicom" in capsys.readouterr().err
