"""Training, export and reading on a terminal: bars and results, and not one line of anybody else."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from record_samples import write_records_folder
from test_progress import in_terminal
from tests_settings import TINY

from tfspine.config import Experiment, as_dict
from tfspine.formats.slices_csv import SLICE_COLUMNS, geometry_to_row
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Plane, Region, Side
from tfspine.structures import Annotation

SIZE = 64
GEOMETRIES = {
    Plane.AXIAL: SliceGeometry((-32.0, -32.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), (SIZE, SIZE)),
    Plane.SAGITTAL: SliceGeometry((20.0, -32.0, 32.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), (SIZE, SIZE)),
}
SETTINGS = [word for setting in (*TINY, "records.shards=1") for word in ("--set", setting)]
BAR = re.compile(r"[━╸╺].* \d+/\d+ \d:\d\d:\d\d (-:--:--|\d:\d\d:\d\d)$")


def own_lines(words: list[str]) -> list[str]:
    """Run a command on a terminal and return the lines that are neither bars nor empty."""
    shown = in_terminal([sys.executable, "-m", "tfspine", *words])
    return [line.rstrip() for line in shown.splitlines() if line.strip() and not BAR.search(line.rstrip())]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[..., Experiment]) -> Path:
    """Write slices of both planes, records of the axial ones, untrained graders and an untrained sagittal detector."""
    import tensorflow as tf

    from tfspine.manifest import write_manifest
    from tfspine.models.detector import Detector
    from tfspine.models.grader import GRADER_FILE, build_grader
    from tfspine.records.examples import RecordExample

    root = tmp_path_factory.mktemp("terminal")
    (root / "slices" / "slices").mkdir(parents=True)
    rows, examples = [], []
    box = (20.0, 24.0, 36.0, 40.0)
    for number, split in enumerate(["train"] * 4 + ["validation", "test"], start=1):
        for plane, geometry in GEOMETRIES.items():
            key = f"s1-{plane}-{number:02d}"
            path = root / "slices" / "slices" / f"{key}.png"
            pixels = np.random.default_rng(number).integers(0, 90, (SIZE, SIZE), np.uint8)
            pixels[20:36, 24:40] = 230
            Image.fromarray(pixels).save(path)
            known = {"key": key, "study": "s1", "patient": "p1", "plane": str(plane), "number": number}
            rows.append(dict.fromkeys(SLICE_COLUMNS, 0) | known | geometry_to_row(geometry))
            if plane is Plane.AXIAL:
                drawn = (
                    Annotation(box, Region.CENTRAL_CANAL, None, Grade.NORMAL),
                    Annotation((20.0, 8.0, 36.0, 20.0), Region.LATERAL_RECESS, Side.RIGHT, Grade.MILD),
                )
                examples.append(RecordExample(key, plane, split, path, (SIZE, SIZE), drawn))
    pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).to_csv(root / "slices" / "slices.csv", index=False)
    experiment = tiny("records.shards=1", "detector.score_threshold=0.01")
    write_records_folder(root / "records", examples, experiment)
    for region in Region:
        (root / region).mkdir()
        build_grader(experiment.grader).save(root / region / GRADER_FILE)
        write_manifest(root / region, command="train", details={"kind": "grader", "region": region})
    network = Detector(experiment, Plane.SAGITTAL).network
    tf.train.Checkpoint(model=network).save(str(root / "sagittal" / "ckpt"))
    details = {"kind": "detector", "plane": "sagittal"}
    write_manifest(root / "sagittal", command="train", config=as_dict(experiment), details=details)
    return root


@pytest.mark.slow
def test_no_foreign_line_from_training_to_reading(files: Path) -> None:
    run, exported = files / "axial", files / "exported"
    words = ["--set", "detector.steps=4", "--set", "detector.steps_between_summaries=2", *SETTINGS]
    trained = own_lines(
        ["train", "detector", "--plane", "axial", "--records", str(files / "records"), "--out", str(run), *words]
    )
    # A training that takes long says once how long.
    assert [line for line in trained if not line.startswith((str(run), "axial detector: "))] == []
    assert "np.float32" in (run / "train.log").read_text()

    for plane in Plane:
        graders = [word for region in Region if region.plane is plane for word in ("--grader", str(files / region))]
        words = ["--detector", str(files / plane), *graders, "--slices", str(files / "slices")]
        told = own_lines(["export", *words, "--out", str(exported), "--set", "detector.score_threshold=0.01"])
        assert [line for line in told if not line.startswith((str(exported), "no operating point"))] == []

    words = ["--model", str(exported), "--slices", str(files / "slices"), "--out", str(files / "predictions"), "--json"]
    told = own_lines(["predict", *words])
    assert json.loads("".join(told))["slices"] == 12
