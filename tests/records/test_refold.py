"""The same records, divided again: counts and reading follow the new splits, and the test studies stay out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tfspine.config import Experiment
from tfspine.errors import RecordError
from tfspine.labels import Plane, Region
from tfspine.records.examples import RecordExample
from tfspine.records.folder import RecordFolder, open_records
from tfspine.records.pipelines import graded_batches
from tfspine.records.refold import refold

MADE_WITH = {"study0": "train", "study1": "train", "study2": "validation", "study3": "test"}


@pytest.fixture
def records(
    write: Callable[[list[RecordExample]], Path], examples: list[RecordExample], experiment: Experiment
) -> RecordFolder:
    return open_records(write(examples), plane=Plane.AXIAL, experiment=experiment)


def _crops(records: RecordFolder, experiment: Experiment, split: str) -> NDArray[np.float32]:
    """Return the crops of a split in an order that does not depend on the files."""
    batches = graded_batches(records, region=Region.LATERAL_RECESS, split=split, config=experiment.grader)
    crops = np.concatenate([crops.numpy() for crops, _ in batches])
    return crops[np.argsort(crops.mean(axis=(1, 2, 3)))]


def test_the_same_splits_give_the_same_crops(records: RecordFolder, experiment: Experiment) -> None:
    same = refold(records, MADE_WITH)
    for split in ("train", "validation"):
        np.testing.assert_array_equal(_crops(same, experiment, split), _crops(records, experiment, split))
        assert same.grade_counts(Region.LATERAL_RECESS, split) == records.grade_counts(Region.LATERAL_RECESS, split)
        assert same.count(split) == records.count(split)


def test_training_and_validation_change_places(records: RecordFolder, experiment: Experiment) -> None:
    """Studies 0 and 1 trained, and now validate; study 2 the other way round."""
    swapped = refold(records, MADE_WITH | {"study0": "validation", "study1": "validation", "study2": "train"})
    for now, was in (("train", "validation"), ("validation", "train")):
        np.testing.assert_array_equal(_crops(swapped, experiment, now), _crops(records, experiment, was))
        for region in (Region.LATERAL_RECESS, Region.CENTRAL_CANAL):
            assert swapped.grade_counts(region, now) == records.grade_counts(region, was)
        assert swapped.count(now) == records.count(was)


def test_the_test_studies_cannot_be_read(records: RecordFolder) -> None:
    with pytest.raises(RecordError, match='no axial image in split "test"'):
        refold(records, MADE_WITH).files("test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study3": "train"}, "study study3 is in test there and train here"),
        ({"study0": "test"}, "study study0 is in train there and test here"),
        ({"study0": "excluded"}, "study study0 is in train there and excluded here"),
        ({"study2": None}, "study study2 is in validation there and not in the splits here"),
    ],
)
def test_other_splits_than_the_records_were_made_with_are_refused(
    records: RecordFolder, change: dict[str, str | None], message: str
) -> None:
    splits = {study: split for study, split in (MADE_WITH | change).items() if split}
    with pytest.raises(RecordError, match=message):
        refold(records, splits)
