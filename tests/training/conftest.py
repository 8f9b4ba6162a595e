"""Records of noisy slices: on some the grade of a canal is the brightness of its box, others have boxes to find."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from record_samples import write_records_folder

from tfspine.config import Experiment
from tfspine.labels import GRADES, Grade, Plane, Region, Side
from tfspine.records.examples import RecordExample
from tfspine.records.folder import RecordFolder, open_records
from tfspine.structures import Annotation

SIZE = 64


@pytest.fixture
def experiment(tiny: Callable[..., Experiment]) -> Experiment:
    return tiny(
        "records.shards=2",
        "grader.dense_units=16",
        "grader.dropout=0.0",
        "grader.norm_momentum=0.5",
        "grader.loss=plain",
        "grader.batch_size=8",
        "grader.epochs=3",
        "grader.learning_rate=0.01",
    )


@pytest.fixture
def records_folder(tmp_path: Path, experiment: Experiment) -> Path:
    examples = [
        _example(tmp_path, number, split)
        for split, slices in (("train", 8), ("validation", 4), ("test", 2))
        for number in range(slices)
    ]
    return write_records_folder(tmp_path / "records", examples, experiment)


@pytest.fixture
def records(records_folder: Path, experiment: Experiment) -> RecordFolder:
    return open_records(records_folder, plane=Plane.AXIAL, experiment=experiment)


def _example(folder: Path, number: int, split: str) -> RecordExample:
    generator = np.random.default_rng(len(split) * 100 + number)
    pixels = generator.integers(0, 40, (SIZE, SIZE), np.uint8)
    annotations = []
    for grade in GRADES:
        top, left = 32 * (grade // 2) + 8, 32 * (grade % 2) + 8
        pixels[top : top + 16, left : left + 16] += np.uint8(60 * grade)
        annotations.append(Annotation((top, left, top + 16, left + 16), Region.CENTRAL_CANAL, None, grade))
    path = folder / f"{split}{number}-axial-01.png"
    Image.fromarray(pixels).save(path)
    return RecordExample(path.stem, Plane.AXIAL, split, path, (SIZE, SIZE), tuple(annotations))


@pytest.fixture(scope="session")
def detector_records(tiny: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight slices with a bright canal and two grey recesses."""
    root = tmp_path_factory.mktemp("detector")
    examples = [_slice(root, number, split) for number, split in enumerate(["train"] * 6 + ["validation", "test"])]
    return write_records_folder(root / "records", examples, tiny("records.shards=1"))


def _slice(root: Path, number: int, split: str) -> RecordExample:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (SIZE, SIZE), np.uint8)
    top, left = rng.integers(20, 28, 2)
    pixels[top : top + 16, left : left + 16] = 230
    canal = (float(top), float(left), float(top + 16), float(left + 16))
    path = root / f"{number}.png"
    Image.fromarray(pixels).save(path)
    boxes = (
        Annotation(canal, Region.CENTRAL_CANAL, None, Grade.NORMAL),
        Annotation((canal[0], canal[1] - 12, canal[2], canal[1]), Region.LATERAL_RECESS, Side.RIGHT, Grade.MILD),
    )
    return RecordExample(path.stem, Plane.AXIAL, split, path, (SIZE, SIZE), boxes)
