"""Which series of a study are the axial T2w and the sagittal T1w, and why the others are not.

The measurement decides: orientation, sequence, TR and TE, image type, contrast agent, body part. What people typed can
only refuse a series, never choose it.
"""

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tfspine.dicom.headers import SliceHeader
from tfspine.dicom.parts import Part, parts_of
from tfspine.geometry import stacking_position_mm
from tfspine.labels import Plane

T1_SHORTEST_TR_MS = 200.0
T1_LONGEST_TR_MS = 1200.0
T1_LONGEST_TE_MS = 35.0
T2_SHORTEST_TR_MS = 1800.0
T2_SHORTEST_TE_MS = 60.0
"""Spin-echo weighting by TR and TE; the paper's examples are 500/10-15 and 3500-5300/80-100 (PAPER.md, Data).

A TR of a few ms is a gradient echo's, also where ScanningSequence does not say so.
"""

STIR_LONGEST_TI_MS = 300.0
"""Inversion this short nulls fat (some 150 to 220 ms)."""

T1_INVERSION_MS = (500.0, 1300.0)
"""Inversion of T1 FLAIR, with which spines are measured at 3 T (some 700 to 1000 ms); longer times null the fluid."""

FEWEST_SLICES = 5
"""A localizer has three; a lumbar stack has more than ten."""

SECONDARY_IMAGE_TYPES = frozenset(
    {"DERIVED", "LOCALIZER", "SECONDARY", "PROJECTION IMAGE", "MPR", "POSDISP", "MOSAIC", "ADC", "SUBTRACTION"}
)
"""Values of ImageType of pictures that were not measured slice by slice for reading."""

NOT_MAGNITUDE = frozenset(
    {"P", "PHASE", "PHASE MAP", "P_SE", "P_IR", "R", "REAL", "R_SE", "R_IR", "I", "IMAGINARY", "I_SE", "I_IR"}
    | {"VELOCITY", "VELOCITY MAP", "T1 MAP", "T2 MAP", "T2_STAR MAP", "R2 MAP"}
)
"""Values of ImageType, from the third on, of pictures that are no magnitude, and of maps; M_SE and OTHER are one."""

DIXON_PARTS = frozenset({"WATER", "W", "FAT", "F", "OUT_PHASE", "OPP_PHASE", "OPPOSED_PHASE", "FAT_FRACTION", "FF"})
"""Values of ImageType, from the third on, of what Dixon's method takes apart; in phase, fat is bright as usual."""

CORRECTED = frozenset({"DIS2D", "DIS3D"})
"""Values of ImageType of pictures that the scanner straightened; ND means that it did not, and both may be kept."""

TYPED_SECONDARY = re.compile(
    r"\b(POSDISP|LOC|3[- ]?(PL|PLANE) LOC\w*|LOCALI[SZ]ER\w*|SCOUT\w*|SURVEY\w*|MYELO\w*|REFORMAT\w*|MPR)\b"
)
TYPED_FAT_DARK = re.compile(r"\b(FS|FAT ?SAT\w*|FATSUPP?\w*|STIR|TIRM|SPIR|SPAIR|WATER ONLY)\b")
TYPED_CONTRAST = re.compile(
    r"(\bPOST\b(?![- ]?OP)|\bGAD\w*|\bGD\b|\bKM\b|\bCE\b|\bINJ\w*|\bC\+|\+ ?(C|GD)\b|\bCONTRAST\w*)"
)
TYPED_WITHOUT = re.compile(r"(\b(PRE|NO|NON|NONE|WITHOUT|W/?O|OHNE|NATIV\w*|SANS)\b)")
ELSEWHERE = re.compile(
    r"\b(C[- ]?SPINE|CERVICAL\w*|HWS|NECK|T[- ]?SPINE|THORAX|THORACIC\w*|BWS|CHEST|BRAIN|HEAD(?! FIRST)|SKULL|KNEE"
    r"|HIPS?|SHOULDER|ABDOMEN|LIVER|PELVIS|BREAST|PROSTATE|HEART|CARDIAC|WRIST|ELBOW|ANKLE|FOOT|HAND)\b"
)
LUMBAR = re.compile(r"(\bL[- ]?SPINE|\bLS[- ]?SPINE|L[UO]MB|\bLWS\b)")

WEIGHTING_OF_PLANE = {Plane.AXIAL: "T2", Plane.SAGITTAL: "T1"}


@dataclass(frozen=True)
class Decision:
    """One part of a series, and either the plane it serves or the reason why it does not; `reason` is never empty.

    `number` counts the parts of a series from 1.
    """

    part: Part
    number: int
    plane: Plane | None
    reason: str


def choose_series(headers: Iterable[SliceHeader]) -> list[Decision]:
    """Decide on every part of every series of one study.

    For each plane the best candidate is taken (`PREFERENCES`), and with it every other that shows mostly what the
    better ones do not: a second block of discs measured as a series of its own.
    """
    series: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        series[header.series_instance_uid].append(header)
    parts = [
        (number, part)
        for _, slices in sorted(series.items(), key=lambda item: (item[1][0].series_number or 0, item[0]))
        for number, part in enumerate(parts_of(slices), start=1)
    ]
    refusals = {part: _refusal(part) for _, part in parts}
    candidates = [part for part, refusal in refusals.items() if refusal is None]
    verdicts = {part: verdict for plane in Plane for part, verdict in _compared(candidates, plane)}
    return [
        Decision(part, number, None, refusals[part] or "")
        if refusals[part]
        else Decision(part, number, *verdicts[part])
        for number, part in parts
    ]


def weighting(part: Part) -> str:
    """Return T1, T2, or the times that are neither, by the median TR and TE of a part, and its inversion."""
    repetition_times = [header.sequence.repetition_time_ms for header in part.slices]
    echo_times = [header.sequence.echo_time_ms for header in part.slices]
    if None in repetition_times or None in echo_times:
        return "without TR or TE"
    tr_ms = statistics.median(value for value in repetition_times if value is not None)
    te_ms = statistics.median(value for value in echo_times if value is not None)
    inversion_ms = _inversion_ms(part)
    if inversion_ms is not None:
        is_t1 = T1_INVERSION_MS[0] <= inversion_ms <= T1_INVERSION_MS[1] and te_ms <= T1_LONGEST_TE_MS
        return "T1" if is_t1 else f"TR/TE/TI {tr_ms:g}/{te_ms:g}/{inversion_ms:g} ms"
    if T1_SHORTEST_TR_MS <= tr_ms <= T1_LONGEST_TR_MS and te_ms <= T1_LONGEST_TE_MS:
        return "T1"
    if tr_ms >= T2_SHORTEST_TR_MS and te_ms >= T2_SHORTEST_TE_MS:
        return "T2"
    return f"TR/TE {tr_ms:g}/{te_ms:g} ms"


def _refusal(part: Part) -> str | None:
    """Return why a part can serve no plane, or None; the first rule that speaks decides."""
    for rule in (_not_measured, _elsewhere, _after_contrast, _other_sequence, _other_plane_or_weighting, _too_few):
        reason = rule(part)
        if reason is not None:
            return reason
    return None


def _not_measured(part: Part) -> str | None:
    first = part.slices[0]
    secondary = sorted(SECONDARY_IMAGE_TYPES & set(first.image_type))
    if secondary:
        return f"ImageType {', '.join(secondary)}"
    other = sorted((NOT_MAGNITUDE | DIXON_PARTS) & set(first.image_type[2:]))
    if other:
        return f"ImageType {', '.join(other)}; expected the magnitude of all signal"
    typed = TYPED_SECONDARY.search(first.described)
    return f"described as {typed[0]}" if typed else None


def _elsewhere(part: Part) -> str | None:
    """Refuse what names another part of the body, and not the lumbar spine with it.

    What is said of the whole study counts only where its series do not say that they are lumbar.
    """
    first = part.slices[0]
    said = [(first.body_part_examined, "BodyPartExamined"), (first.described, "described as")]
    if not _names_lumbar(part):
        said.append((first.study_described, "study described as"))
    for text, source in said:
        elsewhere = ELSEWHERE.search(text)
        if elsewhere and not LUMBAR.search(text):
            return f"{source} {elsewhere[0]}; expected the lumbar spine"
    return None


def _after_contrast(part: Part) -> str | None:
    """Refuse what was measured after an agent was given; a study "with and without contrast" says nothing of it."""
    first = part.slices[0]
    if first.sequence.contrast_agent:
        return "post-contrast: ContrastBolusAgent is given"
    typed = TYPED_CONTRAST.search(first.described)
    if typed and not TYPED_WITHOUT.search(first.described):
        return f"post-contrast: described with {typed[0].strip()}"
    return None


def _other_sequence(part: Part) -> str | None:
    sequence = part.slices[0].sequence
    kinds = set(sequence.scanning_sequence)
    if "EP" in kinds:
        return "echo-planar; expected spin echo"
    if "GR" in kinds and "SE" not in kinds:
        return "gradient echo; expected spin echo"
    inversion_ms = _inversion_ms(part)
    if inversion_ms is not None and inversion_ms <= STIR_LONGEST_TI_MS:
        return f"STIR, InversionTime {inversion_ms:g} ms; expected fat to be bright"
    if sequence.is_fat_suppressed:
        return "fat-suppressed; expected fat to be bright"
    typed = TYPED_FAT_DARK.search(part.slices[0].described)
    return f"fat-suppressed: described with {typed[0]}; expected fat to be bright" if typed else None


def _inversion_ms(part: Part) -> float | None:
    """Return the inversion time of an inversion-recovery sequence; scanners fill InversionTime in others too."""
    sequence = part.slices[0].sequence
    return sequence.inversion_time_ms or None if "IR" in sequence.scanning_sequence else None


def _other_plane_or_weighting(part: Part) -> str | None:
    if part.plane is None:
        return "coronal or too oblique; expected axial or sagittal"
    seen, expected = weighting(part), WEIGHTING_OF_PLANE[part.plane]
    return None if seen == expected else f"{part.plane} {seen}; expected {expected}-weighted"


def _too_few(part: Part) -> str | None:
    count = len(part.slices)
    return None if count >= FEWEST_SLICES else f"{count} slices; expected at least {FEWEST_SLICES}"


def _names_lumbar(part: Part) -> bool:
    first = part.slices[0]
    return bool(LUMBAR.search(first.body_part_examined) or LUMBAR.search(first.described))


def _is_corrected(part: Part) -> bool:
    return bool(CORRECTED & set(part.slices[0].image_type))


def _pixel_area_mm2(part: Part) -> float:
    row_mm, column_mm = part.slices[0].hung.spacing_mm
    return round(row_mm * column_mm, 4)


PREFERENCES: tuple[tuple[str, Callable[[Part], float]], ...] = (
    ("names the lumbar spine", _names_lumbar),
    ("has more slices", lambda part: len(part.slices)),
    ("has finer pixels", lambda part: -_pixel_area_mm2(part)),
    ("is corrected for distortion", _is_corrected),
    ("was measured later, as a repeat is", lambda part: part.slices[0].series_number or 0),
    ("is a later acquisition", lambda part: part.slices[0].acquisition_number or 0),
)
"""Which of several candidates is taken: the first of these in which they differ decides; then SeriesInstanceUID."""


def _compared(candidates: Sequence[Part], plane: Plane) -> Iterator[tuple[Part, tuple[Plane | None, str]]]:
    """Yield the candidates of one plane with the plane they serve, if any, and the rule that decided."""
    best_first = sorted(
        (part for part in candidates if part.plane is plane),
        key=lambda part: (*(-preference(part) for _, preference in PREFERENCES), part.slices[0].series_instance_uid),
    )
    name = f"{plane} {WEIGHTING_OF_PLANE[plane]}"
    taken: list[Part] = []
    for part in best_first:
        if not taken:
            yield part, (plane, name)
        elif _is_beside(part, taken, plane):
            yield part, (plane, f"{name}, where the better series has no slices")
        else:
            yield part, (None, f"another {name} series {_what_decided(taken[0], part)}")
            continue
        taken.append(part)


def _is_beside(part: Part, taken: Sequence[Part], plane: Plane) -> bool:
    """Return whether most slices lie outside what is taken already, in the same frame of reference."""
    frame = part.slices[0].frame_of_reference_uid
    ranges = []
    for other in taken:
        if other.slices[0].frame_of_reference_uid != frame:
            return False
        positions = [stacking_position_mm(header.hung, plane) for header in other.slices]
        ranges.append((min(positions), max(positions)))
    outside = [
        all(not low <= stacking_position_mm(header.hung, plane) <= high for low, high in ranges)
        for header in part.slices
    ]
    return 2 * sum(outside) > len(outside)


def _what_decided(better: Part, part: Part) -> str:
    for words, preference in PREFERENCES:
        if preference(better) != preference(part):
            return words
    return "comes first by SeriesInstanceUID"
