"""Records are written once and opened only by the experiment that made them."""

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tfspine.config import Experiment
from tfspine.errors import RecordError
from tfspine.formats.splits_csv import split_hash
from tfspine.labels import Grade, Plane, Region
from tfspine.records.examples import RecordExample
from tfspine.records.folder import open_records

Write = Callable[[list[RecordExample]], Path]


def test_counts_and_files(write: Write, examples: list[RecordExample], experiment: Experiment) -> None:
    records = open_records(write(examples), plane=Plane.AXIAL, experiment=experiment)
    assert [records.count(split) for split in ("train", "validation", "test")] == [4, 2, 2]
    assert [Path(name).name for name in records.files("train")] == [
        "axial-train-00000-of-00002.tfrecord",
        "axial-train-00001-of-00002.tfrecord",
    ]
    # Two training studies, one labelled axial slice each; the second canal box of each has no grade.
    assert records.grade_counts(Region.LATERAL_RECESS, "train") == {
        Grade.NORMAL: 2,
        Grade.MILD: 2,
        Grade.MODERATE: 0,
        Grade.SEVERE: 0,
    }
    assert records.grade_counts(Region.CENTRAL_CANAL, "train")[Grade.MODERATE] == 2


def test_fewer_images_than_shards_leave_no_empty_shard(
    write: Write, examples: list[RecordExample], experiment: Experiment
) -> None:
    records = open_records(write(examples), plane=Plane.SAGITTAL, experiment=experiment)
    assert [Path(name).name for name in records.files("test")] == ["sagittal-test-00000-of-00001.tfrecord"]


def test_ids_name_every_slice_once(write: Write, examples: list[RecordExample]) -> None:
    with (write(examples) / "ids.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["key"] for row in rows) == sorted(example.key for example in examples)
    assert [int(row["source_id"]) for row in rows] == list(range(1, 13))


def test_other_settings_are_refused_with_both_values(
    write: Write, examples: list[RecordExample], experiment: Experiment
) -> None:
    other = dataclasses.replace(experiment, records=dataclasses.replace(experiment.records, empty_slices=0.25))
    with pytest.raises(RecordError, match=r"records\.empty_slices = 1\.0 there, 0\.25 here; .*another --out"):
        open_records(write(examples), plane=Plane.AXIAL, experiment=other)


def test_another_split_is_refused_though_its_shares_are_the_same(
    write: Write, examples: list[RecordExample], experiment: Experiment, tmp_path: Path
) -> None:
    records = open_records(write(examples), plane=Plane.AXIAL, experiment=experiment)
    ours, theirs = split_hash({"a": "train", "b": "test"}), split_hash({"a": "test", "b": "train"})
    assert ours == split_hash({"b": "test", "a": "train"})  # the order of the lines is nobody's choice
    made = dataclasses.replace(records, split=ours)
    made.require_split(ours, tmp_path / "splits.csv")
    with pytest.raises(RecordError, match=f"another split: {ours[:12]} there, {theirs[:12]} in .*splits.csv"):
        made.require_split(theirs, tmp_path / "splits.csv")


def test_missing_shard_is_named(write: Write, examples: list[RecordExample], experiment: Experiment) -> None:
    folder = write(examples)
    (folder / "axial-test-00001-of-00002.tfrecord").unlink()
    with pytest.raises(RecordError, match=r"axial-test-00001-of-00002\.tfrecord: missing shard"):
        open_records(folder, plane=Plane.AXIAL, experiment=experiment)


def test_folder_without_records_is_refused(tmp_path: Path, experiment: Experiment) -> None:
    with pytest.raises(RecordError, match="no records here; make them with tfspine records"):
        open_records(tmp_path, plane=Plane.AXIAL, experiment=experiment)


def test_empty_split_is_refused(write: Write, examples: list[RecordExample], experiment: Experiment) -> None:
    folder = write([example for example in examples if example.split != "validation"])
    records = open_records(folder, plane=Plane.AXIAL, experiment=experiment)
    assert records.count("validation") == 0
    with pytest.raises(RecordError, match='no axial image in split "validation"'):
        records.files("validation")


def test_image_of_another_size_is_refused(write: Write, examples: list[RecordExample]) -> None:
    wrong = dataclasses.replace(examples[0], size_px=(40, 65))
    with pytest.raises(RecordError, match=r"40 x 64 pixels of 8 bit.*expected 40 x 65"):
        write([wrong])
