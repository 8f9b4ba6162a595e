"""Studies in which the count of levels can go wrong, made from simulated patients with known truth.

Each case begins with what a perfect or a noisy detector finds on one patient (`simulated_detector.py`), and changes it
as it happens: foramina are missed at whole levels, those of T12-L1 or of the sacrum are found as clearly as the rest,
the images end too early above or below, axial slices show some discs only, the patient moves between the series, the
detector's scores are on another scale, S1 has come off the sacrum (six lumbar bodies) or L5 has grown onto it (four).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from simulated_detector import (
    L5_S1,
    S1_S2,
    T12_L1,
    Detector,
    Known,
    KnownSlice,
    KnownStudy,
    View,
    anatomy_of,
    cut_at,
    extra_foramina,
    foramen_mm,
    simulate,
    without_foramina,
)

from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS, Level, Plane
from tfspine.structures import SliceReading

CASE_SEED = 41
MOVED_MM = (5.0, 40.0)
SCALE = (0.05, 1.0)
POWER = (0.4, 2.5)


@dataclass(frozen=True)
class Case:
    """What is changed in one study; the defaults change nothing.

    `found_beyond` are discs beyond the five whose foramina are found, as indices of `phantom.frame.DISCS`, `missed`
    levels without foramina, and `axial_levels` those that axial slices show. `ends_mm` are heights at which both
    planes end, above and below, `moved_mm` is how far the axial series lies off, and scores are raised to a power and
    scaled.
    """

    found_beyond: tuple[int, ...] = ()
    are_faint: bool = False
    missed: tuple[Level, ...] = ()
    axial_levels: tuple[Level, ...] = LEVELS
    ends_mm: tuple[float, float] = (np.inf, -np.inf)
    moved_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    has_frames_apart: bool = False
    power: float = 1.0
    scale: float = 1.0
    bodies: int = 5

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of what is changed; ``"intact"`` alone where nothing but the scale of the scores is changed."""
        kinds = {
            "foramina of levels missed": self.missed,
            "foramina beyond found": self.found_beyond,
            "field of view cut": self.ends_mm != (np.inf, -np.inf),
            "axial slices in part": self.axial_levels != LEVELS,
            "axial series moved": any(self.moved_mm) and not self.has_frames_apart,
            "axial series moved, frames of reference differ": self.has_frames_apart,
            "four lumbar bodies": self.bodies == 4,
            "six lumbar bodies": self.bodies == 6,
        }
        return tuple(name for name, is_so in kinds.items() if is_so) or ("intact",)


UNCHANGED = Case()


def draw_case(number: int) -> Case:
    """Draw what happens to one patient; a third of them stay intact."""
    rng = np.random.default_rng([CASE_SEED, number])
    case = Case(power=float(rng.uniform(*POWER)), scale=float(rng.uniform(*SCALE)))
    if rng.random() < 1 / 3:
        return case
    bodies = int(rng.choice([4, 5, 6], p=[0.15, 0.7, 0.15]))
    missed = [level for level in LEVELS if rng.random() < 0.12]
    beyond = [disc for disc, share in ((T12_L1, 0.35), (S1_S2, 0.25)) if rng.random() < share]
    if T12_L1 in beyond and rng.random() < 0.2:
        beyond.append(T12_L1 - 1)
    axial = (LEVELS, LEVELS[2:], LEVELS[:4], LEVELS[1:4])[int(rng.choice(4, p=[0.6, 0.2, 0.12, 0.08]))]
    if bodies == 6:
        beyond = sorted({*beyond, S1_S2})
    elif bodies == 4:
        missed = sorted({*missed, Level.L5_S1})
        axial = axial if rng.random() < 0.5 else tuple(level for level in axial if level is not Level.L5_S1)
    anatomy = anatomy_of(number)
    top, bottom = np.inf, -np.inf
    if rng.random() < 0.12:
        bottom = float(rng.uniform(foramen_mm(anatomy, S1_S2)[2] - 15, foramen_mm(anatomy, L5_S1 - 1)[2]))
    if rng.random() < 0.12:
        top = float(rng.uniform(foramen_mm(anatomy, L5_S1 - 2)[2], foramen_mm(anatomy, T12_L1)[2]))
    moved = np.zeros(3)
    if rng.random() < 0.3:
        way = rng.standard_normal(3) if rng.random() < 0.5 else np.eye(3)[rng.integers(3)] * rng.choice([-1, 1])
        moved = way / np.linalg.norm(way) * rng.uniform(*MOVED_MM)
    return replace(
        case,
        bodies=bodies,
        found_beyond=tuple(beyond),
        are_faint=bool(rng.random() < 0.3),
        missed=tuple(missed),
        axial_levels=axial,
        ends_mm=(top, bottom),
        moved_mm=(float(moved[0]), float(moved[1]), float(moved[2])),
        has_frames_apart=bool(moved.any() and rng.random() < 0.3),
    )


def change(number: int, case: Case, *, detector: Detector) -> KnownStudy:
    """Return what a detector finds on one patient in a case; levels and sides are as true as before."""
    study = simulate(number, detector=detector, view=View.WHOLE)
    anatomy = anatomy_of(number)
    rng = np.random.default_rng([CASE_SEED, number, 1])
    slices: Sequence[KnownSlice] = study.slices
    scores = (0.02, 0.5) if case.are_faint else (0.6, 1.0)
    for disc in case.found_beyond:
        slices = extra_foramina(slices, anatomy, disc, scores=scores, share=0.95, rng=rng)
    for level in case.missed:
        slices = without_foramina(slices, level)
    slices = [item for item in slices if item.plane is Plane.SAGITTAL or item.level in case.axial_levels]
    slices = cut_at(slices, *case.ends_mm)
    return replace(study, slices=tuple(_rescored(_moved(item, case.moved_mm), case) for item in slices))


def readings_of(study: KnownStudy, case: Case = UNCHANGED) -> list[SliceReading]:
    """Return the slices of a study as `study.assembly` takes them."""
    return [
        SliceReading(
            f"slice-{number}",
            "study",
            item.plane,
            item.geometry,
            tuple(box.detection for box in item.found),
            f"1.2.{2 if case.has_frames_apart and item.plane is Plane.AXIAL else 1}",
        )
        for number, item in enumerate(study.slices)
    ]


def _moved(item: KnownSlice, shift_mm: tuple[float, float, float]) -> KnownSlice:
    if item.plane is not Plane.AXIAL:
        return item
    x, y, z = np.add(item.geometry.position_mm, shift_mm)
    geometry: SliceGeometry = replace(item.geometry, position_mm=(float(x), float(y), float(z)))
    return replace(item, geometry=geometry)


def _rescored(item: KnownSlice, case: Case) -> KnownSlice:
    def changed(known: Known) -> Known:
        score = case.scale * known.detection.score**case.power
        return replace(known, detection=replace(known.detection, score=score))

    return replace(item, found=tuple(changed(known) for known in item.found))
