"""T1 or T2: by the times of the sequence, or by the description if the times are absent or between the two."""

import statistics

from tfspine.dicom.descriptions import Description
from tfspine.dicom.parts import Part

T1_SHORTEST_TR_MS = 200.0
T1_LONGEST_TR_MS = 1200.0
T1_LONGEST_TE_MS = 35.0
T2_SHORTEST_TR_MS = 1800.0
T2_SHORTEST_TE_MS = 60.0
"""Spin-echo weighting by TR and TE; the paper's examples are 500/10-15 and 3500-5300/80-100 (docs/paper.md, Data).

A TR of a few ms means a gradient echo, even if ScanningSequence does not say so.
"""

T2_DOUBTFUL_TR_MS = 1500.0
T2_DOUBTFUL_TE_MS = 45.0
"""Range in which the description decides: a T1 with a long TR (up to `T2_SHORTEST_TR_MS`) or a T2 with short times."""

STIR_LONGEST_TI_MS = 300.0
"""An inversion time up to this nulls fat (about 150 to 220 ms)."""

T1_INVERSION_MS = (500.0, 1300.0)
"""Inversion times of T1 FLAIR, used for spines at 3 T (about 700 to 1000 ms); longer times null the fluid."""


def weighting(part: Part, description: Description | None = None) -> str:
    """Return T1 or T2 by the median TR, TE and inversion time of a part, or the times themselves if they are neither.

    Args:
        part: the part to classify.
        description: its description, which decides if the times do not.
    """
    named = "" if description is None else description.weighting
    tr_ms = _median([header.sequence.repetition_time_ms for header in part.slices])
    te_ms = _median([header.sequence.echo_time_ms for header in part.slices])
    if tr_ms is None or te_ms is None:
        return named or "without TR or TE"
    ti_ms = inversion_ms(part)
    if ti_ms is not None:
        is_t1 = T1_INVERSION_MS[0] <= ti_ms <= T1_INVERSION_MS[1] and te_ms <= T1_LONGEST_TE_MS
        return "T1" if is_t1 else f"TR/TE/TI {tr_ms:g}/{te_ms:g}/{ti_ms:g} ms"
    if T1_SHORTEST_TR_MS <= tr_ms <= T1_LONGEST_TR_MS and te_ms <= T1_LONGEST_TE_MS:
        return "T1"
    if tr_ms >= T2_SHORTEST_TR_MS and te_ms >= T2_SHORTEST_TE_MS:
        return "T2"
    if T1_LONGEST_TR_MS < tr_ms < T2_SHORTEST_TR_MS and te_ms <= T1_LONGEST_TE_MS and named == "T1":
        return "T1"
    if tr_ms >= T2_DOUBTFUL_TR_MS and te_ms >= T2_DOUBTFUL_TE_MS and named == "T2":
        return "T2"
    return f"TR/TE {tr_ms:g}/{te_ms:g} ms"


def inversion_ms(part: Part) -> float | None:
    """Return the inversion time of an inversion-recovery sequence; scanners set InversionTime in others too."""
    sequence = part.slices[0].sequence
    return sequence.inversion_time_ms or None if "IR" in sequence.scanning_sequence else None


def is_measured(part: Part) -> bool:
    """Return whether the header contains TR and TE."""
    sequence = part.slices[0].sequence
    return sequence.repetition_time_ms is not None and sequence.echo_time_ms is not None


def _median(times_ms: list[float | None]) -> float | None:
    known = [time_ms for time_ms in times_ms if time_ms is not None]
    return statistics.median(known) if len(known) == len(times_ms) else None
