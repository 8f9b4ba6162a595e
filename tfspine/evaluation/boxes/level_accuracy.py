"""Whether boxes are at the level that the reader names: the levels of matching boxes are compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.compat import StrEnum
from tfspine.evaluation.boxes.pairs import Compared
from tfspine.evaluation.statistics.clustered import clustered_share
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.labels import LEVELS, Region

STUDIES = "Whole studies"
ALL = "all"


class Certainty(StrEnum):
    """Whether a reader is certain of a level, from `level_certain`, which human readers leave empty."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"
    NOT_SAID = "not said"


_OF_WORD = {"yes": Certainty.CERTAIN, "no": Certainty.UNCERTAIN}


@dataclass(frozen=True)
class LevelAccuracy:
    """Levels of some boxes, or of whole studies.

    Attributes:
        right: share at the reference's level; for studies, the share with every box right.
        above: how many lie nearer to the head than in the reference; 0 for studies.
        below: nearer to the feet.
        unnamed: boxes to which the reader gave no level; they do not count in `right`.
    """

    right: Estimate
    above: int
    below: int
    unnamed: int


def named_levels(both: Compared, *, iou: float) -> pd.DataFrame:
    """Return one row per pair of matching boxes to which the reference gives a level.

    Args:
        both: the boxes that are compared.
        iou: overlap that a pair must exceed.

    Returns:
        Columns study, region, `off` (how many levels the reader is nearer to the feet; NaN where the reader gives no
        level), and `certainty`.
    """
    found = both.matched(iou=iou)
    reference = both.reference.iloc[[pair.reference for pair in found]]
    reader = both.reader.iloc[[pair.reader for pair in found]]
    said = reader["level_certain"] if "level_certain" in reader else pd.Series("", index=reader.index)
    table = pd.DataFrame(
        {
            "study": reference["study"].to_numpy(object),
            "region": reference["region"].to_numpy(object),
            "off": _numbers(reader["level"]) - _numbers(reference["level"]),
            "certainty": [_OF_WORD.get(str(word), Certainty.NOT_SAID) for word in said],
        }
    )
    return table[(reference["level"] != "").to_numpy()].reset_index(drop=True)


def level_accuracies(
    levels: pd.DataFrame, patients: "pd.Series[str]", *, confidence: float
) -> Iterator[tuple[str, str, LevelAccuracy]]:
    """Yield a region's name or `STUDIES`, "all" or a certainty, and the accuracy; empty groups are left out.

    A study is uncertain as a whole where one of its boxes is.

    Args:
        levels: rows of `named_levels`.
        patients: the patient of each row.
        confidence: level of the intervals, 0 to 1.
    """
    people = patients.to_numpy(object)
    for region in Region:
        of_region = (levels["region"] == region.value).to_numpy(bool)
        for kind, rows in _kinds(levels["certainty"], of_region):
            yield region.value, kind, _accuracy(levels[rows], people[rows], confidence)
    named = levels["off"].notna().to_numpy(bool)
    rows_of = levels[named].assign(is_right=levels["off"] == 0, patient=people[named])
    studies = rows_of.groupby("study").agg(
        is_right=("is_right", "all"), patient=("patient", "first"), certainty=("certainty", _of_study)
    )
    right, whose = studies["is_right"].to_numpy(bool), studies["patient"].to_numpy(object)
    for kind, rows in _kinds(studies["certainty"], np.ones(len(studies), bool)):
        share = clustered_share(right[rows], whose[rows], confidence=confidence)
        yield STUDIES, kind, LevelAccuracy(share, 0, 0, 0)


def _kinds(certainty: "pd.Series[Any]", rows: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield "all" and, where a reader states some certainties, each certainty with its rows."""
    if rows.any():
        yield ALL, rows
    occurring = [kind for kind in Certainty if (rows & (certainty == kind).to_numpy(bool)).any()]
    if occurring != [Certainty.NOT_SAID]:
        for kind in occurring:
            yield kind.value, rows & (certainty == kind).to_numpy(bool)


def _of_study(certainties: "pd.Series[Any]") -> Certainty:
    """Return the lowest certainty among a study's boxes."""
    found = set(certainties)
    return next(kind for kind in (Certainty.UNCERTAIN, Certainty.NOT_SAID, Certainty.CERTAIN) if kind in found)


def _accuracy(levels: pd.DataFrame, patients: NDArray[np.object_], confidence: float) -> LevelAccuracy:
    off = levels["off"].to_numpy(np.float64)
    named = ~np.isnan(off)
    return LevelAccuracy(
        right=clustered_share(off[named] == 0, patients[named], confidence=confidence),
        above=int((off < 0).sum()),
        below=int((off > 0).sum()),
        unnamed=int((~named).sum()),
    )


def _numbers(levels: "pd.Series[Any]") -> NDArray[np.float64]:
    numbers = {level.value: float(number) for number, level in enumerate(LEVELS)}
    return np.array([numbers.get(str(level), np.nan) for level in levels], np.float64)
