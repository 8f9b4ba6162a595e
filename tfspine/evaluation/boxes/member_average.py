"""The average of several members of a model: the mean of their estimates and of their limits (docs/statistics.md).

It shows how well one member does on average. It is not a model that could read a study; the ensemble of their
probabilities is one, and is usually better.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.matching import BOX
from tfspine.evaluation.boxes.members import average_estimate, ensemble
from tfspine.evaluation.boxes.pairs import PROBABILITIES
from tfspine.evaluation.boxes.reader_metrics import ReaderMetrics
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.labels import GRADE_WORDS

T = TypeVar("T")


def average_metrics(members: Sequence[ReaderMetrics]) -> ReaderMetrics:
    """Return the mean of every statistic and limit; counts, and the n of estimates, are means rounded to whole ones.

    P values have no mean and are NaN. What is undefined for one member is undefined in the average.

    Raises:
        EvaluationError: fewer than two members, or members that read different regions.
    """
    if len(members) < 2:
        raise EvaluationError(f"an average of {len(members)} member; expected at least 2")
    regions = [set(member.regions) for member in members]
    if any(found != regions[0] for found in regions):
        raise EvaluationError("an average of members that found different regions; leave out those that found nothing")
    return mean_of(members)


def mean_of(items: Sequence[T]) -> T:
    """Return the mean of dataclasses, mappings, estimates or numbers of one form; see `average_metrics`."""
    mean: T = _mean(list(items), name="")
    return mean


def ensemble_boxes(members: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    """Return the boxes with the mean probabilities of all members and the grade that is then most probable.

    None where the members did not grade the same boxes, or give no probabilities, and so have no ensemble.

    Args:
        members: tables with `boxes_csv.BOX_COLUMNS`, such as ``tfspine predict --members`` writes.
    """
    first, places = members[0], ["study", "plane", "slice", "region", *BOX]
    if first.empty or any(
        not each[places].reset_index(drop=True).equals(first[places].reset_index(drop=True)) for each in members
    ):
        return None
    probabilities = np.stack([each[PROBABILITIES].to_numpy(np.float64) for each in members])
    if np.isnan(probabilities).any():
        return None
    mean = ensemble(probabilities)
    grades = [GRADE_WORDS[code] for code in mean.argmax(axis=1)]
    return first.assign(grade=grades, **dict(zip(PROBABILITIES, mean.T, strict=True)))


def _mean(items: list[Any], *, name: str) -> Any:
    first = items[0]
    if isinstance(first, Estimate):
        return average_estimate(items)
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        return dataclasses.replace(
            first,
            **{
                item.name: _mean([getattr(each, item.name) for each in items], name=item.name)
                for item in dataclasses.fields(first)
            },
        )
    if isinstance(first, dict):
        return {key: _mean([each[key] for each in items], name=name) for key in first}
    if isinstance(first, tuple):
        return tuple(_mean(list(each), name=name) for each in zip(*items, strict=True))
    if name == "p_value":
        return math.nan
    if isinstance(first, str):
        return first
    mean = math.fsum(items) / len(items)
    return round(mean) if isinstance(first, int) else mean
