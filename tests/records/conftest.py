"""Twelve small slices with boxes known by hand, and their records."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from record_samples import write_records_folder

from tfspine.config import Experiment
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.records.examples import RecordExample
from tfspine.structures import Annotation

ROWS, COLUMNS = 40, 64
SPLIT_OF_STUDY = ("train", "train", "validation", "test")


@pytest.fixture
def experiment(tiny: Callable[..., Experiment]) -> Experiment:
    return tiny("records.shards=2")


@pytest.fixture
def examples(tmp_path: Path) -> list[RecordExample]:
    """Four studies of two axial slices and one sagittal; the second axial slice of each has no box."""
    return [
        _example(tmp_path / "slices", study, plane, number)
        for study in range(len(SPLIT_OF_STUDY))
        for plane, number in ((Plane.AXIAL, 1), (Plane.AXIAL, 2), (Plane.SAGITTAL, 1))
    ]


@pytest.fixture
def write(tmp_path: Path, experiment: Experiment) -> Callable[[list[RecordExample]], Path]:
    """Return a function that writes examples as the command does."""

    def write_folder(examples: list[RecordExample]) -> Path:
        return write_records_folder(tmp_path / "records", examples, experiment)

    return write_folder


def _example(folder: Path, study: int, plane: Plane, number: int) -> RecordExample:
    key = f"study{study}-{plane}-{number:02d}"
    pixels = np.random.default_rng(10 * study + number).integers(0, 256, (ROWS, COLUMNS), np.uint8)
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{key}.png")
    return RecordExample(
        key=key,
        plane=plane,
        split=SPLIT_OF_STUDY[study],
        image=folder / f"{key}.png",
        size_px=(ROWS, COLUMNS),
        annotations=_annotations(plane) if number == 1 else (),
    )


def _annotations(plane: Plane) -> tuple[Annotation, ...]:
    if plane is Plane.SAGITTAL:
        return (
            Annotation((2.0, 4.0, 12.0, 20.0), Region.NEURAL_FORAMEN, Side.LEFT, Grade.SEVERE, Level.L4_L5),
            Annotation((20.0, 4.0, 30.0, 20.0), Region.NEURAL_FORAMEN, Side.LEFT, Grade.NORMAL),
        )
    return (
        Annotation((10.0, 8.0, 20.0, 24.0), Region.LATERAL_RECESS, Side.RIGHT, Grade.MILD, Level.L4_L5),
        Annotation((10.0, 24.0, 30.0, 40.0), Region.CENTRAL_CANAL, None, Grade.MODERATE, Level.L4_L5),
        Annotation((10.0, 40.0, 20.0, 56.0), Region.LATERAL_RECESS, Side.LEFT, Grade.NORMAL, Level.L4_L5),
        Annotation((32.0, 24.0, 40.0, 40.0), Region.CENTRAL_CANAL, None),
    )
