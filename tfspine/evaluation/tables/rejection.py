"""How useful disagreement between members of a model is: uncertain regions are left to a person, the rest measured."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfspine.evaluation.boxes.grade_threshold import probabilities_of_boxes
from tfspine.evaluation.boxes.members import ensemble, mutual_information_bits, reject_curve
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region


def rejection_table(set_: ReadingSet, *, averages: Mapping[str, Sequence[str]]) -> Table:
    """Return one row per group of members, region and share rejected: how the ensemble grades what it keeps.

    Args:
        set_: who read what.
        averages: readers, the members of a model, by the name of their average; those without probabilities on common
            regions have no rows.
    """
    rows = []
    for name, members in averages.items():
        for region in Region:
            found = _on_common_regions(set_, members, region)
            if found is None:
                continue
            truth, probabilities, patients = found
            grades, doubt = ensemble(probabilities).argmax(axis=1), mutual_information_bits(probabilities)
            for point in reject_curve(truth, grades, doubt, patients=patients, confidence=set_.confidence):
                rows.append(
                    {
                        "reader": name,
                        "region": REGION_TITLES[region],
                        "refused": f"{100 * point.refused:.0f}% refused",
                        "refused_share": point.refused,
                        "threshold_bits": point.threshold,
                        "n": point.accuracy.n,
                        "exact": point.accuracy,
                        "gwet": point.agreement.coefficient,
                        "sensitivity": point.two_grades.sensitivity,
                        "specificity": point.two_grades.specificity,
                    }
                )
    return Table(
        "rejection",
        "The ensemble of the members, the most uncertain regions refused",
        (
            Column("reader", "Members"),
            Column("region", "Region"),
            Column("refused_share", "Refused %", Kind.SHARE),
            Column("threshold_bits", "Disagreement, bits, up to", Kind.NUMBER),
            Column("n", "Kept", Kind.COUNT),
            Column("exact", "Same grade %", Kind.PERCENT),
            Column("gwet", "Gwet AC1, four grades", Kind.COEFFICIENT),
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
        ),
        tuple(rows),
        note="Regions that every member found and graded. Uncertainty: mutual information of the members. "
        "Intervals are clustered by patient."
        if rows
        else "no --average whose members gave probabilities on the same boxes",
    )


def _on_common_regions(
    set_: ReadingSet, members: Sequence[str], region: Region
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the reference's grades [n], the members' probabilities [V, n, 4] and the patients [n].

    None without a common region.
    """
    boxes = [set_.pairs[member].of(region).boxes for member in members]
    graded = [probabilities_of_boxes(of_member) for of_member in boxes]
    # By the number of the reference's box, because members may have read different studies.
    rows = [of_member.index[each.rows] for of_member, each in zip(boxes, graded, strict=True)]
    common = rows[0]
    for of_member in rows[1:]:
        common = common.intersection(of_member)
    if common.empty:
        return None
    kept = [of_member.isin(common) for of_member in rows]
    shares = np.stack([each.probabilities[k] for each, k in zip(graded, kept, strict=True)])
    return graded[0].truth[kept[0]], shares, set_.patient_of(boxes[0].loc[rows[0][kept[0]], "study"]).to_numpy(object)
