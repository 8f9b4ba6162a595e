"""Which series of a study is the axial T2w, which the sagittal T1w, and why the others are not."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfspine.dicom.headers import SliceHeader
from tfspine.geometry import plane_of, stacking_position_mm
from tfspine.labels import Plane

T1_LONGEST_TR_MS = 1200.0
T1_LONGEST_TE_MS = 35.0
T2_SHORTEST_TR_MS = 1800.0
T2_SHORTEST_TE_MS = 60.0
"""Spin-echo weighting by TR and TE; the paper's examples are 500/10-15 and 3500-5300/80-100 (PAPER.md, Data)."""

FEWEST_SLICES = 5
"""A localizer has three; a lumbar stack has more than ten."""

SECONDARY_IMAGE_TYPES = frozenset({"DERIVED", "LOCALIZER", "SECONDARY", "PROJECTION IMAGE"})

WEIGHTING_OF_PLANE = {Plane.AXIAL: "T2", Plane.SAGITTAL: "T1"}


@dataclass(frozen=True)
class Decision:
    """One series: its slices in stacking order, and either the plane it serves or the reason why it does not."""

    slices: tuple[SliceHeader, ...]
    plane: Plane | None
    reason: str


def choose_series(headers: Iterable[SliceHeader]) -> list[Decision]:
    """Decide on every series of one study; at most one is chosen for each plane.

    Of several candidates the one with most slices is taken, of equals the one with the smaller SeriesInstanceUID,
    so that the choice does not depend on the order of the files.
    """
    groups: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        groups[header.series_instance_uid].append(header)
    decisions = [_judge(group) for _, group in sorted(groups.items())]
    for plane in Plane:
        candidates = [decision for decision in decisions if decision.plane is plane]
        best = max(candidates, key=lambda decision: len(decision.slices), default=None)
        decisions = [
            Decision(decision.slices, None, f"another {plane} series has more slices or came first")
            if decision.plane is plane and decision is not best
            else decision
            for decision in decisions
        ]
    return decisions


def _judge(group: Sequence[SliceHeader]) -> Decision:
    plane = _common_plane(group)
    if plane is None:
        return Decision(tuple(group), None, "slices are neither all axial nor all sagittal")
    ordered = tuple(sorted(group, key=lambda header: stacking_position_mm(header.geometry, plane)))
    secondary = SECONDARY_IMAGE_TYPES.intersection(*(header.image_type for header in group))
    if secondary:
        return Decision(ordered, None, f"ImageType {', '.join(sorted(secondary))}")
    if len(group) < FEWEST_SLICES:
        return Decision(ordered, None, f"{len(group)} slices; expected at least {FEWEST_SLICES}")
    weighting = _weighting(group)
    if weighting != WEIGHTING_OF_PLANE[plane]:
        return Decision(ordered, None, f"{plane} {weighting}; expected {WEIGHTING_OF_PLANE[plane]}-weighted")
    return Decision(ordered, plane, f"{plane} {weighting}")


def _common_plane(group: Sequence[SliceHeader]) -> Plane | None:
    planes = {plane_of(header.geometry) for header in group}
    return planes.pop() if len(planes) == 1 else None


def _weighting(group: Sequence[SliceHeader]) -> str:
    """Return T1, T2, or the times that are neither."""
    repetition_times = [header.repetition_time_ms for header in group if header.repetition_time_ms is not None]
    echo_times = [header.echo_time_ms for header in group if header.echo_time_ms is not None]
    if not repetition_times or not echo_times:
        return "without TR or TE"
    tr_ms, te_ms = statistics.median(repetition_times), statistics.median(echo_times)
    if tr_ms <= T1_LONGEST_TR_MS and te_ms <= T1_LONGEST_TE_MS:
        return "T1"
    if tr_ms >= T2_SHORTEST_TR_MS and te_ms >= T2_SHORTEST_TE_MS:
        return "T2"
    return f"TR/TE {tr_ms:g}/{te_ms:g} ms"
