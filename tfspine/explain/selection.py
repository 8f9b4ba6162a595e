"""Which boxes to explain: the most severe, from as many studies, levels and sides as there are."""

import numpy as np
import pandas as pd

from tfspine.labels import GRADE_WORDS, Region


def select_boxes(boxes: pd.DataFrame, *, region: Region, number: int) -> pd.DataFrame:
    """Return at most `number` rows of one region of a table of boxes (`structures.BOX_COLUMNS`).

    Of each study, level and side only the most severe box counts (of equals the one graded with more certainty, then
    the first by slice and place). Studies take turns, each giving its most severe box first; within a turn the more
    severe goes first. The same table gives the same rows, whatever their order.
    """
    ranked = boxes[boxes["region"] == region.value].copy()
    ranked["severity"] = ranked["grade"].map({word: code for code, word in enumerate(GRADE_WORDS)}).fillna(-1)
    probabilities = ranked[[f"p_{word}" for word in GRADE_WORDS]].to_numpy(np.float64)
    ranked["certainty"] = np.nan_to_num(probabilities).max(axis=1) if len(ranked) else 0.0
    ranked = ranked.sort_values(
        ["severity", "certainty", "slice", "ymin", "xmin"], ascending=[False, False, True, True, True], kind="stable"
    )
    ranked = ranked.fillna({"side": "", "level": ""}).drop_duplicates(["study", "level", "side"])
    ranked["turn"] = ranked.groupby("study").cumcount()
    ranked = ranked.sort_values(["turn", "severity"], ascending=[True, False], kind="stable")
    return ranked.head(number)[list(boxes.columns)].reset_index(drop=True)
