"""What a run took from its initial checkpoint is written tensor by tensor, and summed up by part."""

from pathlib import Path

from tfspine.formats.loaded_csv import LoadedRow, parts_loaded, read_loaded, write_loaded

ROWS = [
    LoadedRow("backbone", "conv2d/kernel:0", ""),
    LoadedRow("detection_head", "detection-fc_0/kernel:0", ""),
    LoadedRow("detection_head", "detection-scores/kernel:0", "of another number of classes"),
    LoadedRow("detection_head", "detection-scores/bias:0", "of another number of classes"),
]


def test_the_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_loaded(tmp_path, ROWS)
    assert (tmp_path / "loaded.csv").read_text().splitlines()[:2] == [
        "part,tensor,left_out_because",
        "backbone,conv2d/kernel:0,",
    ]
    assert read_loaded(tmp_path) == ROWS


def test_a_run_from_scratch_loaded_nothing(tmp_path: Path) -> None:
    assert read_loaded(tmp_path) == []


def test_the_summary_counts_the_tensors_of_each_part() -> None:
    assert parts_loaded(ROWS) == [
        "backbone 1 of 1 tensors",
        "detection_head 1 of 3 tensors (not detection-scores/kernel:0, detection-scores/bias:0: "
        "of another number of classes)",
    ]
