"""Which boxes to explain: those that grade, the most severe first, from as many studies, levels and sides as fit."""

import numpy as np
import pandas as pd

from tfspine.formats.boxes_csv import PROBABILITY_COLUMNS
from tfspine.grading_box import grading_box, is_counted
from tfspine.labels import GRADE_WORDS, Region


def select_boxes(boxes: pd.DataFrame, *, region: Region, number: int) -> pd.DataFrame:
    """Return at most `number` rows of one region of a table of boxes (`boxes_csv.BOX_COLUMNS`).

    For each study, level and side only the box that grades it counts (`grading_box.py`; of equal ones the first by
    slice and place), so that the explained grade is the one in the study's table; boxes below the model's operating
    point are not findings. Boxes are taken from the studies in turn, each study's most severe box first; within a turn
    the more severe comes first. The order of the table's rows does not change the result.
    """
    ranked = boxes[boxes["region"] == region.value]
    ranked = ranked[is_counted(ranked["score"], ranked["score_threshold"])].copy()
    ranked["severity"] = ranked["grade"].map({word: code for code, word in enumerate(GRADE_WORDS)}).fillna(-1)
    probabilities = ranked[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
    ranked["certainty"] = np.nan_to_num(probabilities).max(axis=1) if len(ranked) else 0.0
    ranked = ranked.sort_values(["slice", "ymin", "xmin"], kind="stable").fillna({"side": "", "level": ""})
    chosen = [
        group.iloc[[at]]
        for _, group in ranked.groupby(["study", "level", "side"], sort=False)
        if (at := grading_box(group["severity"], group["score"], group["certainty"])) is not None
    ]
    ranked = pd.concat(chosen) if chosen else ranked.head(0)
    ranked = ranked.sort_values(
        ["severity", "certainty", "slice", "ymin", "xmin"], ascending=[False, False, True, True, True], kind="stable"
    )
    ranked["turn"] = ranked.groupby("study").cumcount()
    ranked = ranked.sort_values(["turn", "severity"], ascending=[True, False], kind="stable")
    return ranked.head(number)[list(boxes.columns)].reset_index(drop=True)
