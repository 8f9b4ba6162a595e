"""Why a part of a series cannot be the axial T2w or the sagittal T1w: first by its physics, then by its description.

Attributes measured or set by the scanner decide: orientation, sequence, TR and TE, image type, contrast agent. The
description decides only where these are missing, such as a contrast agent or fat suppression that only it names. It
never overrules what was measured.
"""

from collections.abc import Callable

from tfspine.dicom.parts import Part
from tfspine.dicom.series_words import Meaning
from tfspine.dicom.weighting import STIR_LONGEST_TI_MS, inversion_ms, is_measured, weighting
from tfspine.dicom.wording import Wording
from tfspine.labels import Plane

SECONDARY_IMAGE_TYPES = frozenset(
    {"DERIVED", "LOCALIZER", "SECONDARY", "PROJECTION IMAGE", "MPR", "POSDISP", "MOSAIC", "ADC", "SUBTRACTION"}
)
"""Values of ImageType of images that were not acquired slice by slice for reading."""

NOT_MAGNITUDE = frozenset(
    {"P", "PHASE", "PHASE MAP", "P_SE", "P_IR", "R", "REAL", "R_SE", "R_IR", "I", "IMAGINARY", "I_SE", "I_IR"}
    | {"VELOCITY", "VELOCITY MAP", "T1 MAP", "T2 MAP", "T2_STAR MAP", "R2 MAP"}
)
"""Values of ImageType, from the third on, of maps and non-magnitude images; M_SE and OTHER mean magnitude."""

DIXON_PARTS = frozenset(
    {"WATER", "W", "FAT", "F", "OUT_PHASE", "OPP_PHASE", "OPPOSED_PHASE", "OUTPHASE", "OP", "OPP", "FAT_FRACTION", "FF"}
)
"""Values of ImageType, from the third on, of the images that the Dixon method separates."""

IN_PHASE = frozenset({"IN_PHASE", "INPHASE", "IP"})
"""Values of ImageType of the in-phase Dixon image, which looks like a plain one although computed: fat is bright."""

WEIGHTING_OF_PLANE = {Plane.AXIAL: "T2", Plane.SAGITTAL: "T1"}

_DIXON_WORDS = (Meaning.WATER, Meaning.FAT, Meaning.OUT_PHASE)


def refusal(part: Part, wording: Wording) -> str | None:
    """Return why a part cannot be used for any plane, or None; the first rule that applies decides."""
    for rule in _RULES:
        reason = rule(part, wording)
        if reason is not None:
            return reason
    return None


def contradicted_words(part: Part, wording: Wording) -> str:
    """Return how a used part contradicts its description, or that it was chosen only by it; usually empty."""
    named, measured = wording.series.weighting, weighting(part)
    told = []
    if not is_measured(part):
        told.append(f"{named or 'taken'} by its description or the series map alone: TR or TE is absent")
    elif named and named != measured:
        told.append(f"described as {named}, measured as {measured}")
    for meaning in (Meaning.INVERSION, *_DIXON_WORDS):
        if meaning in wording.series.said and named != meaning.name:
            told.append(f"described with {wording.series.said[meaning]}, which the measured values contradict")
    for meaning in (Meaning.OTHER_SPINE, Meaning.ELSEWHERE):
        if meaning in wording.body_part.said and Meaning.LUMBAR not in wording.body_part.said:
            told.append(f"BodyPartExamined {wording.body_part.said[meaning]}, described as lumbar")
    return "; ".join(told)


def is_in_phase(part: Part, wording: Wording) -> bool:
    """Return whether a part is the in-phase image of the Dixon method."""
    return bool(IN_PHASE & set(part.slices[0].image_type)) or wording.series.dixon_part is Meaning.IN_PHASE


def names_lumbar(wording: Wording) -> bool:
    """Return whether the lumbar spine is named for the series itself, and not only for the study."""
    return Meaning.LUMBAR in wording.series.said or Meaning.LUMBAR in wording.body_part.said


def _not_measured(part: Part, wording: Wording) -> str | None:
    first = part.slices[0]
    secondary = SECONDARY_IMAGE_TYPES & set(first.image_type)
    if is_in_phase(part, wording):
        secondary -= {"DERIVED", "SECONDARY"}
    if secondary:
        return f"ImageType {', '.join(sorted(secondary))}"
    other = sorted((NOT_MAGNITUDE | DIXON_PARTS) & set(first.image_type[2:]))
    if other:
        return f"ImageType {', '.join(other)}; expected the magnitude of all signal"
    typed = wording.series.said.get(Meaning.SECONDARY)
    return f"described as {typed}" if typed else None


def _dixon(part: Part, wording: Wording) -> str | None:
    """Refuse water, fat and opposed-phase images that only the description names as such; ImageType comes first."""
    named = wording.series.dixon_part
    if named not in _DIXON_WORDS or IN_PHASE & set(part.slices[0].image_type):
        return None
    return f"described as {wording.series.said[named]}; expected the magnitude of all signal"


def _elsewhere(part: Part, wording: Wording) -> str | None:
    """Refuse images of another part of the body that do not also show the lumbar spine.

    The description of the series comes first, then BodyPartExamined, then the description of the study. Scanners may
    leave BodyPartExamined at ABDOMEN for a lumbar spine, so a description as lumbar outweighs it.
    """
    series, body_part, study = wording.series, wording.body_part, wording.study
    is_lumbar_study = Meaning.LUMBAR in study.said
    for meaning in (Meaning.OTHER_SPINE, Meaning.ELSEWHERE):
        if meaning in series.said and Meaning.LUMBAR not in series.said:
            return f"described as {series.said[meaning]}; expected the lumbar spine"
        is_outweighed = Meaning.LUMBAR in series.said or (is_lumbar_study and meaning is Meaning.ELSEWHERE)
        if meaning in body_part.said and Meaning.LUMBAR not in body_part.said and not is_outweighed:
            return f"BodyPartExamined {body_part.said[meaning]}; expected the lumbar spine"
        if meaning in study.said and not is_lumbar_study and not names_lumbar(wording):
            return f"study described as {study.said[meaning]}; expected the lumbar spine"
    return None


def _after_contrast(part: Part, wording: Wording) -> str | None:
    """Refuse images acquired after a contrast agent; a study "with and without contrast" does not decide this."""
    if part.slices[0].sequence.contrast_agent:
        return "post-contrast: ContrastBolusAgent is given"
    typed = wording.series.said.get(Meaning.CONTRAST)
    return f"post-contrast: described with {typed}" if typed else None


def _other_sequence(part: Part, wording: Wording) -> str | None:
    sequence = part.slices[0].sequence
    kinds = set(sequence.scanning_sequence)
    if "EP" in kinds:
        return "echo-planar; expected spin echo"
    if "GR" in kinds and "SE" not in kinds:
        return "gradient echo; expected spin echo"
    ti_ms = inversion_ms(part)
    if ti_ms is not None and ti_ms <= STIR_LONGEST_TI_MS:
        return f"STIR, InversionTime {ti_ms:g} ms; expected fat to be bright"
    if sequence.is_fat_suppressed:
        return "fat-suppressed; expected fat to be bright"
    typed = wording.series.said.get(Meaning.FAT_DARK)
    if typed is None and not (kinds and weighting(part) == "T1"):
        typed = wording.series.said.get(Meaning.INVERSION)  # a short TR leaves no time for it
    return f"fat-suppressed: described with {typed}; expected fat to be bright" if typed else None


def _other_plane_or_weighting(part: Part, wording: Wording) -> str | None:
    if part.plane is None:
        return "coronal or too oblique; expected axial or sagittal"
    seen, expected = weighting(part, wording.series), WEIGHTING_OF_PLANE[part.plane]
    return None if seen == expected else f"{part.plane} {seen}; expected {expected}-weighted"


_RULES: tuple[Callable[[Part, Wording], str | None], ...] = (
    _not_measured, _dixon, _elsewhere, _after_contrast, _other_sequence, _other_plane_or_weighting,
)  # fmt: skip
