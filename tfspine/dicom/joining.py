"""Choose the candidates for one plane, and which of their slices are used: one series, or several that complement it.

A plane may be acquired as one series, as one series for each disc, or slice by slice. The best candidate is chosen
first (`PREFERENCES`), together with every other that was acquired with similar parameters in the same frame of
reference and mostly shows what the better ones do not. Slices at a position that a better series covers are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfspine.dicom.parts import Part
from tfspine.dicom.series_rules import WEIGHTING_OF_PLANE, is_in_phase, names_lumbar
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.dicom.wording import Wording
from tfspine.geometry import patient_to_pixel
from tfspine.labels import Plane

FEWEST_SLICES = 5
"""Smallest number of slices of all series used for one plane; a localizer has three, a lumbar stack more than ten."""

SAME_ANATOMY_SHARE = 0.75
"""Slices closer together than this fraction of their thickness show the same tissue; neighbours in a stack do not."""

USUAL_THICKNESS_MM = 4.0
"""Used if SliceThickness is absent."""

MOST_UNLIKE = 1.6
"""Largest ratio of echo times, thicknesses and pixel sizes at which series count as acquired alike."""

CORRECTED = frozenset({"DIS2D", "DIS3D"})
"""Values of ImageType of distortion-corrected images; ND marks uncorrected ones, and a scanner may store both."""


_Joined = tuple[dict[int, tuple[Part, tuple[SliceHeader, ...]]], dict[int, str]]
"""The chosen candidates by index, with the slices used and left out of each, and why the others were not chosen."""


@dataclass(frozen=True)
class Candidate:
    """A part that no rule refuses, with its descriptions; `is_named` if the user's series map names it.

    `together` is its number of slices or, for a part too small to be used alone, that of all equally small parts that
    were acquired alike. `covers` is the share of axial slices, in tenths, whose height it shows; 0 for an axial part.
    """

    part: Part
    wording: Wording
    is_named: bool = False
    together: int = 0
    covers: float = 0.0


@dataclass(frozen=True)
class CandidateVerdict:
    """The decision on a candidate: the part with the slices that are used, if any, those left out, and the rule."""

    part: Part
    is_taken: bool
    reason: str
    repeated: tuple[SliceHeader, ...] = ()


def compared(
    candidates: Sequence[Candidate], plane: Plane, axial: Sequence[SliceHeader] = ()
) -> Iterator[tuple[Candidate, CandidateVerdict]]:
    """Yield the candidates of one plane, best first, each with the decision on it.

    Args:
        candidates: the parts to compare.
        plane: the plane in which all of them lie.
        axial: the slices chosen for the axial plane, whose positions a sagittal series should cover.
    """
    known = [
        replace(item, together=_together(item, candidates), covers=_share_shown(item.part, axial))
        for item in candidates
    ]
    best_first = sorted(known, key=_rank)
    joined = ((order, _joined(order)) for order in _orders(best_first))
    enough = next((found for found in joined if _is_enough(*found)), None)
    best_first, (taken, others) = enough or (best_first, _joined(best_first))
    slices = sum(len(part.slices) for part, _ in taken.values())
    name = f"{plane} {WEIGHTING_OF_PLANE[plane]}"
    is_enough = enough is not None
    for number, candidate in enumerate(best_first):
        if not is_enough:
            together = f", {slices} of all that belong together" if slices > len(candidate.part.slices) else ""
            count = len(candidate.part.slices)
            yield (
                candidate,
                CandidateVerdict(candidate.part, False, f"{count} slices{together}; expected at least {FEWEST_SLICES}"),
            )
        elif number in taken:
            part, repeated = taken[number]
            beside = ", where the better series has no slices" if number else ""
            said = " by the series map" if candidate.is_named else beside
            yield candidate, CandidateVerdict(part, True, f"{name}{said}", repeated)
        else:
            yield candidate, CandidateVerdict(candidate.part, False, others[number].format(name=name))


def _rank(candidate: Candidate) -> tuple[float | str, ...]:
    return *(-preference(candidate) for _, preference in PREFERENCES), candidate.part.slices[0].series_instance_uid


def _orders(best_first: list[Candidate]) -> Iterator[list[Candidate]]:
    """Yield orders with each candidate first in turn: if the best has too few slices, the next may have enough."""
    for number, first in enumerate(best_first):
        yield [first, *best_first[:number], *best_first[number + 1 :]]


def _is_enough(order: Sequence[Candidate], joined: _Joined) -> bool:
    taken, _ = joined
    slices = sum(len(part.slices) for part, _ in taken.values())
    return slices >= FEWEST_SLICES or any(order[number].is_named for number in taken)


def _together(candidate: Candidate, candidates: Sequence[Candidate]) -> int:
    own = len(candidate.part.slices)
    if own >= FEWEST_SLICES:
        return own
    small = [item.part for item in candidates if len(item.part.slices) < FEWEST_SLICES]
    return sum(len(part.slices) for part in small if _is_alike(part, candidate.part))


def _share_shown(part: Part, axial: Sequence[SliceHeader]) -> float:
    """Return the share of axial slices whose centre lies between the upper and the lower border of a sagittal part."""
    middle = part.slices[len(part.slices) // 2]
    known = [header for header in axial if header.frame_of_reference_uid == middle.frame_of_reference_uid]
    if part.plane is not Plane.SAGITTAL or not known:
        return 0.0
    rows = [float(patient_to_pixel(middle.hung, header.hung.centre_mm)[0]) for header in known]
    return round(sum(0 <= row < middle.hung.size_px[0] for row in rows) / len(rows), 1)


def _joined(best_first: Sequence[Candidate]) -> _Joined:
    """Return the chosen candidates, with the slices used and left out of each, and why the others were not chosen."""
    taken: dict[int, tuple[Part, tuple[SliceHeader, ...]]] = {}
    others: dict[int, str] = {}
    for number, candidate in enumerate(best_first):
        shown = [header for part, _ in taken.values() for header in part.slices]
        repeated = [header for header in candidate.part.slices if any(_shows_same(header, other) for other in shown)]
        is_new = 2 * len(repeated) < len(candidate.part.slices)
        if number and not (is_new and (candidate.is_named or _is_alike(candidate.part, best_first[0].part))):
            better = best_first[0]
            others[number] = f"another {{name}} series {_what_decided(better, candidate)}"
            continue
        taken[number] = _without(candidate.part, repeated), tuple(repeated)
    return taken, others


def _is_alike(part: Part, best: Part) -> bool:
    """Return whether two parts were acquired alike and in one frame of reference, so that positions are comparable."""
    first, second = part.slices[0], best.slices[0]
    if first.frame_of_reference_uid != second.frame_of_reference_uid:
        return False
    pairs = [
        (first.sequence.echo_time_ms, second.sequence.echo_time_ms),
        (first.slice_thickness_mm, second.slice_thickness_mm),
        (_pixel_area_mm2(part) ** 0.5, _pixel_area_mm2(best) ** 0.5),
    ]
    known = [(one, other) for one, other in pairs if one and other]
    return all(max(one, other) <= MOST_UNLIKE * min(one, other) for one, other in known)


def _shows_same(header: SliceHeader, other: SliceHeader) -> bool:
    """Return whether the centre of a slice lies within another; False if their frames of reference differ."""
    if header.frame_of_reference_uid != other.frame_of_reference_uid:
        return False
    offset_mm = header.hung.centre_mm - other.hung.centre_mm
    thickness_mm = other.slice_thickness_mm or USUAL_THICKNESS_MM
    return bool(abs(float(np.dot(offset_mm, other.hung.normal))) < SAME_ANATOMY_SHARE * thickness_mm)


def _without(part: Part, repeated: Sequence[SliceHeader]) -> Part:
    if not repeated:
        return part
    left_out = set(map(id, repeated))
    stacks = [tuple(header for header in stack if id(header) not in left_out) for stack in part.stacks]
    return replace(part, stacks=tuple(stack for stack in stacks if stack))


def _is_corrected(candidate: Candidate) -> bool:
    return bool(CORRECTED & set(candidate.part.slices[0].image_type))


def _is_plain(candidate: Candidate) -> bool:
    return not is_in_phase(candidate.part, candidate.wording)


def _is_described(candidate: Candidate) -> bool:
    plane = candidate.part.plane
    return plane is not None and candidate.wording.series.weighting == WEIGHTING_OF_PLANE[plane]


def _pixel_area_mm2(part: Part) -> float:
    row_mm, column_mm = part.slices[0].hung.spacing_mm
    return round(row_mm * column_mm, 4)


PREFERENCES: tuple[tuple[str, Callable[[Candidate], float]], ...] = (
    ("names the lumbar spine", lambda item: names_lumbar(item.wording)),
    ("is not a Dixon picture", _is_plain),
    ("shows where the axial slices lie", lambda item: item.covers),
    ("has more slices", lambda item: item.together),
    ("has finer pixels", lambda item: -_pixel_area_mm2(item.part)),
    ("is corrected for distortion", _is_corrected),
    ("has a description that fits", _is_described),
    ("was measured later, as a repeat is", lambda item: item.part.slices[0].series_number or 0),
    ("is a later acquisition", lambda item: item.part.slices[0].acquisition_number or 0),
    ("was measured later by its times", lambda item: item.part.slices[0].acquired_s),
    ("begins further to the patient's left", lambda item: item.part.slices[0].geometry.position_mm[0]),
    ("begins further back", lambda item: item.part.slices[0].geometry.position_mm[1]),
    ("begins further up", lambda item: item.part.slices[0].geometry.position_mm[2]),
)
"""Which of several candidates is chosen: the first criterion in which they differ decides, then SeriesInstanceUID.

The UID comes last because de-identification replaces it, and the choice should not depend on it.
"""


def _what_decided(better: Candidate, candidate: Candidate) -> str:
    for words, preference in PREFERENCES:
        if preference(better) != preference(candidate):
            return words
    return "comes first by SeriesInstanceUID"
