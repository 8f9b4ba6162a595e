"""Which descriptions apply to a part of a series, and which to the whole examination.

SeriesDescription describes the series, and so does ProtocolName on some scanners. On GE scanners, and wherever several
kinds of series share it or it names several weightings, ProtocolName is the name of the examination and describes one
series as little as StudyDescription does.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from tfspine.dicom.descriptions import Description, read_description
from tfspine.dicom.parts import Part
from tfspine.dicom.series_words import Meaning

WEIGHTINGS = (Meaning.T1, Meaning.T2, Meaning.PD, Meaning.INVERSION)


@dataclass(frozen=True)
class Wording:
    """Descriptions: `series` of the part, `body_part` from BodyPartExamined, `study` of the whole examination."""

    series: Description
    body_part: Description
    study: Description


def wordings(parts: Sequence[Part]) -> dict[Part, Wording]:
    """Return the descriptions that apply to each part of a study."""
    kinds: dict[tuple[str, ...], set[Hashable]] = defaultdict(set)
    for part in parts:
        kinds[read_description(part.slices[0].protocol).words].add(_kind(part))
    found = {}
    for part in parts:
        first = part.slices[0]
        typed, protocol, study = map(read_description, (first.described, first.protocol, first.study_described))
        if _names_examination(part, protocol, len(kinds[protocol.words])):
            study = _together(study, protocol)
        else:
            typed = _together(typed, protocol)
        found[part] = Wording(typed, read_description(first.body_part_examined), study)
    return found


def _kind(part: Part) -> Hashable:
    """Return what series of one protocol have in common: the plane and, roughly, the pulse sequence."""
    sequence = part.slices[0].sequence
    is_long = (sequence.repetition_time_ms or 0.0) > 1500.0
    return part.plane, is_long, sequence.scanning_sequence


def _names_examination(part: Part, protocol: Description, kinds: int) -> bool:
    is_of_ge = part.slices[0].manufacturer.strip().upper().startswith("GE")
    return is_of_ge or kinds > 1 or sum(meaning in protocol.said for meaning in WEIGHTINGS) > 1


def _together(first: Description, second: Description) -> Description:
    """Combine two descriptions; if they contradict one another, the first one counts."""
    denied = {**{meaning: word for meaning, word in second.denied.items() if meaning not in first.said}, **first.denied}
    said = {**{meaning: word for meaning, word in second.said.items() if meaning not in denied}, **first.said}
    return Description((*first.words, *second.words), said, denied)
