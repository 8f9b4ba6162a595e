"""The same records with another split into training and validation, without writing them again.

The training and validation shards together hold all development studies. A new split reads the shards of both and
selects the studies that it names; the shards of the test studies are never opened.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfspine.config import DEVELOPMENT, SPLITS
from tfspine.errors import RecordError
from tfspine.formats.ids_csv import read_ids
from tfspine.labels import GRADES, Region
from tfspine.records import features
from tfspine.records.folder import RecordFolder
from tfspine.structures import study_of


def refold(records: RecordFolder, splits: Mapping[str, str]) -> RecordFolder:
    """Return the records with training and validation split according to `splits`, and without the test studies.

    Training slices that were left out because they have no box (`records.empty_slices`) stay left out, while all
    validation slices are kept. Use this for graders only, which are trained on boxes.

    Args:
        records: the records of one plane.
        splits: the split of every study, as `formats.splits_csv.read_splits` gives it.

    Raises:
        RecordError: a study of the records has no split, or changes between development and test.
    """
    studies = _studies_of_records(records)
    for study, was in studies.items():
        now = splits.get(study)
        if now not in SPLITS or (was == "test") != (now == "test"):
            raise RecordError(
                f"{records.folder}: study {study} is in {was} there and {now or 'not in the splits'} here; only "
                "training and validation may change; name the splits that the records were made with"
            )
    divided = {split: tuple(sorted(study for study in studies if splits[study] == split)) for split in DEVELOPMENT}
    shards = tuple(name for split in DEVELOPMENT for name in records.shards.get(split, ()))
    images, grades = _count(records, shards, {study: split for split in DEVELOPMENT for study in divided[split]})
    return replace(records, images=images, grades=grades, shards=dict.fromkeys(DEVELOPMENT, shards), studies=divided)


def _studies_of_records(records: RecordFolder) -> dict[str, str]:
    """Return the split under which each study of this plane was written."""
    return {study_of(row.key): row.split for row in read_ids(records.folder) if row.plane == records.plane}


def _count(
    records: RecordFolder, shards: tuple[str, ...], split_of: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, dict[str, tuple[int, ...]]]]:
    """Return the images of each split, and its boxes by region and grade, in the form used by the manifest."""
    images = dict.fromkeys(DEVELOPMENT, 0)
    grades = {str(region): {split: np.zeros(len(GRADES), int) for split in DEVELOPMENT} for region in Region}
    for serialized in tf.data.TFRecordDataset([str(records.folder / name) for name in shards]).as_numpy_iterator():
        found = tf.train.Example.FromString(serialized).features.feature
        split = split_of[study_of(found[features.KEY].bytes_list.value[0].decode())]
        images[split] += 1
        regions = (name.decode() for name in found[features.REGION].bytes_list.value)
        for region, grade in zip(regions, found[features.GRADE].int64_list.value, strict=True):
            if grade != features.UNKNOWN_GRADE:
                grades[region][split][grade] += 1
    counted = {
        region: {split: tuple(int(count) for count in counts) for split, counts in of_region.items()}
        for region, of_region in grades.items()
    }
    return images, counted
