"""Split a series into parts that were acquired together: ordered stacks, with gaps and duplicates.

One SeriesInstanceUID may hold several echoes, repeats, magnitudes and phases, planes and stacks. Slices with the same
plane, matrix, echo and kind of image form one part, which may have several stacks (for example one for each disc). If
slices share a position or overlap, and splitting by acquisition reduces this, each acquisition becomes a part of its
own; slices that still share a position are duplicates. (Acquisitions that interleave to one stack stay together.)
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.dicom.slice_headers import SliceHeader
from tfspine.geometry import Vector, along_stack_mm, stacks_of
from tfspine.labels import Plane

SAME_PLACE_MM = 0.1
"""Slices of one stack closer than this share a position; lumbar slices are always at least a millimetre apart."""

ECHOES_APART_MS = 2.0
"""Echoes of one excitation are further apart; the echo time of a single echo may be rounded differently per slice."""

CROWDED_SHARE = 0.5
"""Slices of one two-dimensional stack closer than this fraction of their thickness were not acquired together."""

GAP_SHARE = 1.5
"""A distance longer than this multiple of the stack's median is a gap: a slice is missing there."""


@dataclass(frozen=True)
class Part:
    """Slices acquired together: `stacks` in stacking order, each without duplicates.

    `gaps` counts positions where a slice is missing in a stack; slices missing at its ends cannot be detected.
    """

    plane: Plane | None
    stacks: tuple[tuple[SliceHeader, ...], ...]
    duplicates: tuple[SliceHeader, ...]
    gaps: int

    @property
    def slices(self) -> tuple[SliceHeader, ...]:
        """All slices in the order in which they are numbered."""
        return tuple(header for stack in self.stacks for header in stack)


def parts_of(series: Sequence[SliceHeader]) -> list[Part]:
    """Split one series into parts; every slice belongs to one part, possibly as a duplicate."""
    echoes = _echoes(series)
    parts: list[Part] = []
    for group in _grouped(series, lambda header: (echoes[header.sequence.echo_time_ms], *_kind(header))):
        whole = _part(group)
        apart = [_part(acquisition) for acquisition in _grouped(group, lambda header: header.acquisition_number)]
        is_repeated = _crowded(whole) > sum(map(_crowded, apart))
        parts += apart if is_repeated else [whole]
    return parts


def _echoes(series: Sequence[SliceHeader]) -> dict[float | None, int]:
    """Return the echo to which each echo time belongs, numbered by time; 0 if it is absent."""
    found = {header.sequence.echo_time_ms for header in series}
    times_ms = np.array(sorted(time_ms for time_ms in found if time_ms is not None))
    numbers = np.cumsum(np.diff(times_ms, prepend=-np.inf) > ECHOES_APART_MS)
    return {None: 0, **dict(zip(times_ms.tolist(), numbers.tolist(), strict=True))}


def _kind(header: SliceHeader) -> tuple[Hashable, ...]:
    return (
        header.plane,
        header.hung.size_px,
        tuple(np.round(header.hung.spacing_mm, 3)),
        header.image_type,
        bool(header.sequence.contrast_agent),
    )


def _grouped(headers: Iterable[SliceHeader], key: Callable[[SliceHeader], Hashable]) -> list[list[SliceHeader]]:
    """Return the groups in the order of their first slice, which does not depend on the order of files."""
    groups: dict[Hashable, list[SliceHeader]] = defaultdict(list)
    for header in sorted(headers, key=_number):
        groups[key(header)].append(header)
    return list(groups.values())


def _number(header: SliceHeader) -> tuple[int, int, float, Vector, str]:
    """Return the sort key of a slice; the UID comes last, since de-identification replaces it."""
    place = header.geometry.position_mm
    return header.instance_number or 0, header.frame, header.acquired_s, place, header.sop_instance_uid


def _part(group: Sequence[SliceHeader]) -> Part:
    plane = group[0].plane
    if plane is None:
        return Part(None, (tuple(group),), (), 0)
    stacks, duplicates, gaps = [], [], 0
    for stack in stacks_of([header.hung for header in group], plane):
        kept: list[SliceHeader] = []
        last_mm = -np.inf
        for header, at_mm in _placed([group[index] for index in stack], plane):
            if at_mm - last_mm < SAME_PLACE_MM:
                duplicates.append(header)
            else:
                kept.append(header)
                last_mm = at_mm
        stacks.append(tuple(kept))
        distances_mm = _distances_mm(kept, plane)
        gaps += int(np.sum(distances_mm > GAP_SHARE * np.median(distances_mm))) if len(distances_mm) > 1 else 0
    return Part(plane, tuple(stacks), tuple(duplicates), gaps)


def _crowded(part: Part) -> int:
    """Return how many slices share a position or overlap with another."""
    if part.plane is None:
        return 0
    within = 0
    for stack in part.stacks:
        limit_mm = CROWDED_SHARE * (stack[0].slice_thickness_mm or 0.0)
        within += int(np.sum(_distances_mm(stack, part.plane) < limit_mm))
    return within + len(part.duplicates)


def _placed(stack: Sequence[SliceHeader], plane: Plane) -> list[tuple[SliceHeader, float]]:
    return list(zip(stack, along_stack_mm([header.hung for header in stack], plane).tolist(), strict=True))


def _distances_mm(stack: Sequence[SliceHeader], plane: Plane) -> NDArray[np.float64]:
    return np.diff(along_stack_mm([header.hung for header in stack], plane))
