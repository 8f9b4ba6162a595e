"""What a detector finds on a simulated patient, made from the boxes of the truth: nothing is drawn, no network asked.

A perfect detector finds every true box. A noisy one misses a twentieth of them, is off by a tenth of a box's size and
invents a tenth as many boxes of low score anywhere. It finds no foramen at one level above L5-S1 in a tenth of the
patients, those of T12-L1 faintly in a third and those of S1-S2 in a tenth, and in those with a lumbarised S1 it takes
S1-S2 for one more level. A sixth of the spines bend sideways by more than the phantom's do.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine import boxes
from tfspine.compat import StrEnum
from tfspine.geometry import SliceGeometry, distance_to_slice_mm, patient_to_pixel, pixel_to_patient
from tfspine.labels import LEVELS, Level, Plane, Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import LUMBARISED_DISC, Anatomy, draw_anatomy
from tfspine.phantom.cuts import axial_cuts, sagittal_cuts
from tfspine.phantom.frame import FIRST_LEVEL, LUMBAR, to_patient
from tfspine.phantom.truth import annotate
from tfspine.phantom.vendors import GE, PHILIPS, SIEMENS, draw_protocol
from tfspine.structures import Box, Detection

SEED = 20
VENDORS = (SIEMENS, GE, PHILIPS)
MATRIX_PX = 320
UNGRADED = (0.25, 0.25, 0.25, 0.25)

MISSED = 0.05
INVENTED = 0.10
JITTER = 0.10
TRUE_SCORE = (0.6, 1.0)
LOW_SCORE = (0.02, 0.5)
SHARE_WITH_GAP = 0.10
SHARE_BENT = 0.17
BEND_MM = 12.0
BEND_LENGTH_MM = 55.0
SHARE_WITH_T12_L1 = 0.33
SHARE_WITH_S1_S2 = 0.10
EXTRA_FOUND = 0.6

T12_L1 = FIRST_LEVEL - 1
L5_S1 = LUMBAR.stop - 1
S1_S2 = LUMBAR.stop


class Detector(StrEnum):
    """What finds the boxes."""

    PERFECT = "perfect"
    NOISY = "noisy"


class View(StrEnum):
    """What is to be seen: all, nothing below L4-L5 but for a part of L5-S1, or all but the foramina of L5-S1."""

    WHOLE = "whole"
    CUT_OFF = "cut_off"
    LOWEST_MISSED = "lowest_missed"


@dataclass(frozen=True)
class Known:
    """One box as found, with the level and side that are true; `is_true` is False for invented boxes and extras."""

    detection: Detection
    level: Level | None
    side: Side | None
    is_true: bool


@dataclass(frozen=True)
class KnownSlice:
    """One slice and its boxes; `level` is that of an axial slice's nearest disc, whatever is found on it."""

    plane: Plane
    geometry: SliceGeometry
    found: tuple[Known, ...]
    level: Level | None = None


@dataclass(frozen=True)
class KnownStudy:
    """One patient; `is_lumbarised` is whether S1 has come off the sacrum."""

    slices: tuple[KnownSlice, ...]
    is_lumbarised: bool


def simulate(number: int, *, detector: Detector, view: View) -> KnownStudy:
    """Return what a detector finds on one patient; the same arguments always give the same."""
    anatomy, slices = _whole(number, detector)
    if view is View.LOWEST_MISSED:
        slices = without_foramina(slices, Level.L5_S1)
    elif view is View.CUT_OFF:
        slices = _cut_off(slices, anatomy, np.random.default_rng([SEED, number, 1]))
    return KnownStudy(tuple(slices), _is_lumbarised(anatomy))


def anatomy_of(number: int) -> Anatomy:
    """Return the patient on whom detectors find what `simulate` says."""
    return _anatomy(np.random.default_rng([SEED, number]))


@functools.lru_cache(maxsize=64)
def _whole(number: int, detector: Detector) -> tuple[Anatomy, list[KnownSlice]]:
    """Return one patient, and what is found where all is in view; the views share it."""
    rng = np.random.default_rng([SEED, number])
    anatomy = _anatomy(rng)
    model = VENDORS[number % len(VENDORS)]
    cuts = [
        (plane, cut)
        for plane, plan in ((Plane.AXIAL, axial_cuts), (Plane.SAGITTAL, sagittal_cuts))
        for cut in plan(anatomy, draw_protocol(model, plane, rng, field_t=1.5, matrix_px=MATRIX_PX), rng)
    ]
    slices = [
        KnownSlice(
            plane,
            cut.geometry,
            tuple(
                Known(Detection(item.box, item.region, _found_side(item.region, item.side), 1.0, UNGRADED),
                      item.level, item.side, True)
                for item in annotate(anatomy, cut)
            ),
            None if cut.disc is None else LEVELS[cut.disc - FIRST_LEVEL],
        )
        for plane, cut in cuts
    ]  # fmt: skip
    if detector is Detector.NOISY:
        slices = _with_extras(slices, anatomy, rng)
        slices = [dataclasses.replace(item, found=tuple(_noisy(item, rng))) for item in slices]
        if rng.random() < SHARE_WITH_GAP:
            slices = without_foramina(slices, LEVELS[int(rng.integers(len(LEVELS) - 1))])
    return anatomy, slices


def _anatomy(rng: np.random.Generator) -> Anatomy:
    return _bent(draw_anatomy(rng), rng)


def _bent(anatomy: Anatomy, rng: np.random.Generator) -> Anatomy:
    """Bend some spines sideways, up to two deviations."""
    if rng.random() >= SHARE_BENT:
        return anatomy
    centres = anatomy.frame.centres_mm.copy()
    bend = np.cos((centres[:, 2] - rng.uniform(-40.0, 40.0)) / BEND_LENGTH_MM)
    centres[:, 0] += BEND_MM * np.clip(rng.standard_normal(), -2.0, 2.0) * (bend - bend.mean())
    return dataclasses.replace(anatomy, frame=dataclasses.replace(anatomy.frame, centres_mm=centres))


def without_foramina(slices: Sequence[KnownSlice], level: Level) -> list[KnownSlice]:
    """Return the slices without the foramina of one level."""
    return [
        dataclasses.replace(
            item,
            found=tuple(
                box for box in item.found if (box.detection.region, box.level) != (Region.NEURAL_FORAMEN, level)
            ),
        )
        for item in slices
    ]


def _found_side(region: Region, side: Side | None) -> Side | None:
    return None if region is Region.NEURAL_FORAMEN else side


def _with_extras(slices: Sequence[KnownSlice], anatomy: Anatomy, rng: np.random.Generator) -> list[KnownSlice]:
    """Add foramina beyond the five levels, which no reader draws but a detector may find."""
    extras: list[tuple[int, tuple[float, float]]] = []
    if rng.random() < SHARE_WITH_T12_L1:
        extras.append((T12_L1, LOW_SCORE))
    if _is_lumbarised(anatomy):
        extras.append((S1_S2, TRUE_SCORE))
    elif rng.random() < SHARE_WITH_S1_S2:
        extras.append((S1_S2, LOW_SCORE))
    added = list(slices)
    for disc, scores in extras:
        share = 1.0 if scores is TRUE_SCORE else EXTRA_FOUND
        added = extra_foramina(added, anatomy, disc, scores=scores, share=share, rng=rng)
    return added


def extra_foramina(
    slices: Sequence[KnownSlice],
    anatomy: Anatomy,
    disc: int,
    *,
    scores: tuple[float, float],
    share: float,
    rng: np.random.Generator,
) -> list[KnownSlice]:
    """Add a share of the foramina of a disc beyond the five levels, with scores between two."""
    added = []
    for item in slices:
        found = list(item.found)
        box = _foramen_box(anatomy, disc, item) if item.plane is Plane.SAGITTAL else None
        if box is not None and rng.random() < share:
            detection = Detection(box, Region.NEURAL_FORAMEN, None, rng.uniform(*scores), UNGRADED)
            found.append(Known(detection, None, None, False))
        added.append(dataclasses.replace(item, found=tuple(found)))
    return added


def _is_lumbarised(anatomy: Anatomy) -> bool:
    """Return whether S1 has come off the sacrum: its disc is as tall as a lumbar one."""
    usual = anatomy.disc_half_height_mm[S1_S2] / anatomy.disc_half_height_mm[S1_S2 + 1]
    return bool(usual > 2.4 * (1.0 + LUMBARISED_DISC) / 2)


def _foramen_box(anatomy: Anatomy, disc: int, item: KnownSlice) -> Box | None:
    """Return the box of a foramen at any disc, where the sagittal slice passes it."""
    middle = foramen_mm(anatomy, disc)
    u = -float(distance_to_slice_mm(item.geometry, middle) / item.geometry.normal[0])
    low, high = regions.foramen_u_mm(anatomy, disc)
    if not low <= abs(u) <= high:
        return None
    d_low, d_high, v_low, v_high = regions.foramen_box_mm(anatomy, disc, Side.LEFT if u > 0 else Side.RIGHT)
    d, v = np.array([(d, v) for d in (d_low, d_high) for v in (v_low, v_high)]).T
    pixels = patient_to_pixel(item.geometry, to_patient(anatomy.frame, disc=disc, d_mm=d, u_mm=u, v_mm=v)) + 0.5
    return _inside(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]), item.geometry.size_px)


def foramen_mm(anatomy: Anatomy, disc: int) -> NDArray[np.float64]:
    """Return the place on the midline, float64 [3], that is level with a foramen's middle."""
    behind = float(regions.foramen_v_mm(anatomy, disc, Side.LEFT)[0])
    return np.asarray(to_patient(anatomy.frame, disc=disc, d_mm=regions.FORAMEN_D_MM, u_mm=0.0, v_mm=behind)[0])


def _noisy(item: KnownSlice, rng: np.random.Generator) -> Iterator[Known]:
    for known in item.found:
        if rng.random() < MISSED:
            continue
        ymin, xmin, ymax, xmax = known.detection.box
        moved = np.array(known.detection.box) + rng.normal(0.0, JITTER, 4) * np.tile([ymax - ymin, xmax - xmin], 2)
        box = _inside(moved, item.geometry.size_px)
        if box is not None:
            score = rng.uniform(*TRUE_SCORE) if known.is_true else known.detection.score
            yield dataclasses.replace(known, detection=dataclasses.replace(known.detection, box=box, score=score))
        if rng.random() < INVENTED:
            yield _invented(item, (ymax - ymin, xmax - xmin), known.detection, rng)


def _invented(item: KnownSlice, size_px: tuple[float, float], like: Detection, rng: np.random.Generator) -> Known:
    """Return a box that shows nothing, in the middle half of the image, as large as a true one."""
    rows, columns = item.geometry.size_px
    top, left = rng.uniform(0.25, 0.75) * rows - size_px[0] / 2, rng.uniform(0.25, 0.75) * columns - size_px[1] / 2
    box = (top, left, top + size_px[0], left + size_px[1])
    return Known(dataclasses.replace(like, box=box, score=rng.uniform(*LOW_SCORE)), None, None, False)


def _cut_off(slices: Sequence[KnownSlice], anatomy: Anatomy, rng: np.random.Generator) -> list[KnownSlice]:
    """Return the study as if its images ended between the lower edge of L4-L5 and the middle of L5-S1."""
    low = foramen_mm(anatomy, L5_S1)[2]
    high = foramen_mm(anatomy, L5_S1 - 1)[2] - float(anatomy.foramen_half_height_mm[L5_S1 - 1])
    return cut_at(slices, np.inf, rng.uniform(low, max(high, low)))


def cut_at(slices: Sequence[KnownSlice], top_mm: float, bottom_mm: float) -> list[KnownSlice]:
    """Return a study whose images lie between two heights alone; boxes of which less than half is left are not found.

    Axial slices are kept where their middle lies between.
    """
    kept = []
    for item in slices:
        middle = item.geometry.centre_mm
        if item.plane is Plane.AXIAL:
            if bottom_mm < middle[2] < top_mm:
                kept.append(item)
            continue
        rows, columns = item.geometry.size_px
        first, end = (
            int(np.clip(patient_to_pixel(item.geometry, [*middle[:2], np.clip(z, -1e4, 1e4)])[0] + 0.5, 0, rows))
            for z in (top_mm, bottom_mm)
        )
        end = max(end, first + 1)
        found = []
        for known in item.found:
            box = _inside(np.array(known.detection.box) - [first, 0, first, 0], (end - first, columns))
            if box is not None and boxes.area(box) >= 0.5 * boxes.area(known.detection.box):
                found.append(dataclasses.replace(known, detection=dataclasses.replace(known.detection, box=box)))
        x, y, z = (float(value) for value in pixel_to_patient(item.geometry, [first, 0]))
        geometry = dataclasses.replace(item.geometry, position_mm=(x, y, z), size_px=(end - first, columns))
        kept.append(dataclasses.replace(item, geometry=geometry, found=tuple(found)))
    return kept


def _inside(box: NDArray[np.float64], size_px: tuple[int, int]) -> Box | None:
    """Return a box within the image, or None where nothing of it is."""
    ymin, xmin, ymax, xmax = (float(value) for value in boxes.clip(box, size_px))
    return (ymin, xmin, ymax, xmax) if ymin < ymax and xmin < xmax else None
