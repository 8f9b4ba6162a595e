"""P of a reader's sensitivity and specificity against the model's, for the same boxes of the same patients.

The shares are those that the tables print: of the boxes that this reader found and graded. Each patient is left out of
both at once (`patient_jackknife.py`), so that what the two have in common cancels out. An average of members is
represented by the mean of its members' shares. The paper's P, by box, is given in addition.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfspine.evaluation.boxes.measures import shares
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.clustered import difference_of_spread, ratio
from tfspine.evaluation.statistics.paired_tests import pooled_z
from tfspine.evaluation.statistics.patient_jackknife import jackknife, patient_totals
from tfspine.labels import Region

MEASURES = ("sensitivity", "specificity")

BY_BOX = "_by_box"
"""Ending of a measure's name where its P is that of the paper, the pooled z of two proportions of boxes."""


def paired_p_values(
    set_: ReadingSet, *, model: str, averages: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str, Region, str], float]:
    """Return P by set, reader, region and measure, of every other reader and average; NaN where it is undefined.

    Args:
        set_: who read what.
        model: the reader or average that the others are compared with.
        averages: readers, the members of a model, by the name of their average.
    """
    members = {name: (name,) for name in set_.readers} | {
        name: tuple(members) for name, members in averages.items() if all(member in set_.readers for member in members)
    }
    if model not in members:
        return {}
    found = {}
    for reader in members:
        for region in set_.pairs[members[reader][0]].regions if reader != model else ():
            for measure in MEASURES:
                paired, pooled = _p_values(set_, members[model], members[reader], region, measure)
                found[set_.name, reader, region, measure] = paired
                found[set_.name, reader, region, f"{measure}{BY_BOX}"] = pooled
    return found


def _p_values(
    set_: ReadingSet, first: Sequence[str], second: Sequence[str], region: Region, measure: str
) -> tuple[float, float]:
    """Return P of the paired difference by patient, and by box of the pooled z, on the boxes that all readers read."""
    tables = {name: set_.pairs[name].of(region).boxes for name in (*first, *second)}
    common = sorted(set.intersection(*(set(table.index) for table in tables.values())))
    if not common:
        return float("nan"), float("nan")
    patients = set_.patient_of(tables[first[0]].loc[common, "study"]).to_numpy()
    columns = [
        _columns(tables[name].loc[common, ["truth", "call"]].to_numpy(np.float64), measure)
        for name in (*first, *second)
    ]
    split = len(first)

    def difference(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = ratio(totals.reshape(*totals.shape[:-1], -1, 2))
        return np.asarray(shares[..., :split].mean(axis=-1) - shares[..., split:].mean(axis=-1))

    spread = jackknife(patient_totals(np.hstack(columns), patients), difference)
    paired = difference_of_spread(
        spread, n=len(common), name=f"difference of {measure}", widest=1.0, confidence=set_.confidence
    )
    return paired.p_value, _pooled([each.sum(axis=0) for each in columns], split)


def _pooled(totals: Sequence[NDArray[np.float64]], split: int) -> float:
    """Return P of the pooled z of two shares, each the mean over members of correct calls among those that count.

    Args:
        totals: for each member, those of the first before those of the second: how many are correct, how many count.
        split: how many of the members belong to the first.
    """
    sides = []
    for members in (np.array(totals[:split]), np.array(totals[split:])):
        if not members[:, 1].all():
            return float("nan")
        sides.append((float((members[:, 0] / members[:, 1]).mean()), round(float(members[:, 1].mean()))))
    (first, first_n), (second, second_n) = sides
    return pooled_z(first, first_n, second, second_n).p_value


def _columns(grades: NDArray[np.float64], measure: str) -> NDArray[np.float64]:
    """Return for each box, from its grades [n, 2] by reference and reader, whether it is called right and counts."""
    share = shares(*grades.T)[measure]
    return np.stack([share.right, share.among], axis=1).astype(np.float64)
