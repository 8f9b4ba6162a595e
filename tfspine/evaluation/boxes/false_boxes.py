"""The false boxes of a reader and the images that it looked at, row by row, so that rates respect patients."""

import pandas as pd

from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.labels import Region


def false_boxes_and_images(set_: ReadingSet, reader: str, region: Region) -> pd.DataFrame:
    """Return one row a box that matches none of the reference's (`events` 1), then one an image (`units` 1).

    Returns:
        Columns study, level and side (of boxes), `events`, `units` and `patient`.
    """
    extra = set_.pairs[reader].of(region).extra.assign(events=1, units=0)
    images = set_.read_by(reader).images(set_.compared[reader].covered, region).assign(events=0, units=1)
    columns = ["study", "level", "side", "events", "units"]
    rows = pd.concat([extra[columns], images.assign(level="", side="")[columns]], ignore_index=True)
    return rows.assign(patient=set_.patient_of(rows["study"]))
