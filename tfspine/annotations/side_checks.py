"""Check the sides and canals of the labels of an axial slice: warnings if they contradict anatomy.

x increases to the patient's left (PS3.3 C.7.6.2.1.1). A recess is compared with the canal on its own slice or, without
one, with the midline of the study, with a margin.
"""

import math
from collections.abc import Iterator, Sequence

from tfspine.geometry import SliceGeometry, box_centre_mm, side_of_patient
from tfspine.labels import Region, Side, object_name
from tfspine.structures import Annotation

OFF_MIDLINE_MM = 20.0
"""A canal further from the midline of its study is doubtful: scoliosis displaces it less within one study."""

MARGIN_MM = 5.0
"""A recess closer to the study's midline than this cannot be assigned a side unless a canal is on its slice."""

FARTHEST_RECESS_MM = 35.0
"""Distance from the centre of the canal on the slice."""


def side_warnings(annotations: Sequence[Annotation], geometry: SliceGeometry, midline_mm: float) -> Iterator[str]:
    """Yield the doubtful findings of one axial slice.

    Args:
        annotations: the boxes of the slice.
        geometry: the position of the slice; without one, nothing is checked.
        midline_mm: x of the study's midline.
    """
    x_mm = {
        (item.region, item.side): float(box_centre_mm(geometry, item.box)[0])
        for item in annotations
        if item.region is not Region.NEURAL_FORAMEN
    }
    if any(math.isnan(x) for x in x_mm.values()):
        return
    canal = x_mm.get((Region.CENTRAL_CANAL, None))
    if canal is not None and abs(canal - midline_mm) > OFF_MIDLINE_MM:
        yield f"central_canal: lies {abs(canal - midline_mm):.0f} mm from the study's midline"
    recesses = {side: x for (region, side), x in x_mm.items() if region is Region.LATERAL_RECESS and side}
    if len(recesses) == 2 and recesses[Side.RIGHT] > recesses[Side.LEFT]:
        return  # a separate error: the two are swapped
    middle, margin, of = (midline_mm, MARGIN_MM, "the study's midline") if canal is None else (canal, 0.0, "the canal")
    for side, x in recesses.items():
        name = object_name(Region.LATERAL_RECESS, side)
        if abs(x - middle) > margin and side is not side_of_patient(x, middle):
            yield f"{name}: lies to the patient's {side_of_patient(x, middle)} of {of}; sides are the patient's"
        elif canal is not None and abs(x - canal) > FARTHEST_RECESS_MM:
            yield f"{name}: lies {abs(x - canal):.0f} mm from the canal on its slice"
