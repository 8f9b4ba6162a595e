"""Which series of a study are the axial T2w and the sagittal T1w, and why the others are not.

The user's series map is applied first, then the rules (`series_rules.py`); the remaining parts are then compared
(`joining.py`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tfspine.dicom.joining import Candidate, compared
from tfspine.dicom.parts import Part, parts_of
from tfspine.dicom.series_map import SeriesMap
from tfspine.dicom.series_rules import contradicted_words, refusal
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.dicom.weighting import weighting
from tfspine.dicom.wording import wordings
from tfspine.formats.series_map_csv import Use
from tfspine.labels import Plane

NOTHING_SAID = SeriesMap()


@dataclass(frozen=True)
class Decision:
    """One part of a series, and either the plane for which it is used or why it is not; `reason` is never empty.

    `number` counts the parts of a series from 1; `weighting` is T1, T2, or a description of what the part is.
    `repeated` are slices of a used part at positions that a better series covers; they are not among the slices of
    `part`. `warning` says how a used part contradicts its description, and is empty otherwise.
    """

    part: Part
    number: int
    plane: Plane | None
    reason: str
    weighting: str
    repeated: tuple[SliceHeader, ...] = ()
    warning: str = ""


def choose_series(headers: Iterable[SliceHeader], series_map: SeriesMap = NOTHING_SAID) -> list[Decision]:
    """Decide on every part of every series of one study.

    If a map names series for a plane, only those are used for it.
    """
    series: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        series[header.series_instance_uid].append(header)
    parts = [
        (number, part)
        for _, slices in sorted(series.items(), key=lambda item: (item[1][0].series_number or 0, item[0]))
        for number, part in enumerate(parts_of(slices), start=1)
    ]
    said = wordings([part for _, part in parts])
    uses = {part: series_map.use_of(part.slices[0], number) for number, part in parts}
    mapped = {use.plane for use in uses.values() if use is not None}
    decided: dict[Part, Decision] = {}
    candidates: dict[Plane, list[Candidate]] = defaultdict(list)
    for number, part in parts:
        use, wording = uses[part], said[part]
        reason = refusal(part, wording) if use is None else _contradiction(part, use)
        if reason is None and use is None and part.plane in mapped:
            reason = "the series map names another"
        if reason is None and part.plane is not None:
            candidates[part.plane].append(Candidate(part, wording, is_named=use is not None))
        decided[part] = Decision(part, number, None, reason or "", weighting(part, wording.series))
    axial: list[SliceHeader] = []
    for plane in (Plane.AXIAL, Plane.SAGITTAL):
        for candidate, verdict in compared(candidates[plane], plane, axial) if candidates[plane] else ():
            if verdict.is_taken and plane is Plane.AXIAL:
                axial += verdict.part.slices
            former = decided[candidate.part]
            decided[candidate.part] = Decision(
                verdict.part,
                former.number,
                plane if verdict.is_taken else None,
                verdict.reason,
                former.weighting,
                verdict.repeated,
                contradicted_words(candidate.part, candidate.wording) if verdict.is_taken else "",
            )
    return [decided[part] for _, part in parts]


def _contradiction(part: Part, use: Use) -> str | None:
    """Return why a part cannot be used as the series map says, or None; "ignored" is also a reason."""
    if use is Use.IGNORE:
        return "ignored by the series map"
    if part.plane is not use.plane:
        return f"{use} by the series map, but its slices lie {part.plane or 'coronal or too oblique'}"
    return None
