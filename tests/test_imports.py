"""What must work without TensorFlow, and how quickly the command answers."""

import subprocess
import sys
from pathlib import Path

from blocked_imports import HELP, TENSORFLOW, run_without


def test_help_loads_the_standard_library_alone() -> None:
    code = "import sys; from tfspine.cli.main import build_parser; build_parser(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pandas", "tensorflow", "rich", "pydicom"} & set(modules)


def test_the_way_to_the_table_needs_no_tensorflow(tmp_path: Path) -> None:
    """Simulate, ingest, check, split and evaluate: a reader who copies the reference agrees with it entirely."""
    out = tmp_path
    settings = ("--set", "phantom.studies=3", "--set", "phantom.matrix_px=128")
    for words in (
        ("phantom", "--out", out / "phantom", *settings),
        ("ingest", out / "phantom" / "dicom", "--out", out / "slices"),
        ("check", "--labels", out / "phantom" / "labels", "--slices", out / "slices", "--out", out / "problems.csv"),
    ):
        done = run_without(TENSORFLOW, *words)
        assert done.returncode == 0, done.stderr
    reference = ("--reference", out / "phantom" / "labels", "--slices", out / "slices")
    from tfspine.annotations.labelled_boxes import labels_table
    from tfspine.formats.boxes_csv import write_boxes

    copy = out / "copy.csv"
    write_boxes(copy, labels_table(out / "phantom" / "labels", out / "slices"))
    done = run_without(TENSORFLOW, "evaluate", *reference, "--reader", f"copy={copy}", "--out", out / "evaluation")
    assert done.returncode == 0, done.stderr
    assert "1.00" in done.stdout


def test_help_of_the_commands_without_networks_needs_no_tensorflow() -> None:
    verbs = (
        *("info", "predict", "report", "phantom", "fetch", "deidentify", "ingest", "import", "labels"),
        *("export-labels", "exclude", "flow", "check", "split", "evaluate"),
    )
    done = run_without(TENSORFLOW, *verbs, code=HELP)
    assert done.returncode == 0, done.stderr
    assert [verb for verb in verbs if f"usage: tfspine {verb}" not in done.stdout] == []
