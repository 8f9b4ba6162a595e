"""One simulated person: the curve of the spine, the sizes of its parts, and how narrow each region is.

Everything that varies between people is a field here, sampled from the means and spreads of `measures.py`; `body.py`
draws the image of the person. Lengths are in mm.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tfspine.config import Prevalence
from tfspine.labels import LEVELS, Region, Side
from tfspine.phantom import measures
from tfspine.phantom.degeneration import draw_age_years
from tfspine.phantom.frame import DISCS, LUMBAR, SpineFrame
from tfspine.phantom.lattice import Lattice
from tfspine.phantom.severity import Severities, draw_severities

STEEPEST_TILT_DEG = 40.0
"""Largest tilt of a disc that technologists follow with the slices; from 45 degrees slices would be coronal."""

LATTICE = 32
"""Points along each side of the random lattice from which textures are read."""

ROOTS = 16
"""Roots of the cauda equina that a slice through the upper sac shows."""

SIZE_OF_SEX = {"F": 0.965, "M": 1.035}
"""Mean size relative to all people; in Zhou 2000 (Eur Spine J 9:242-248) men's vertebrae are about 8 % larger."""

SHARE_CONGENITAL = 0.06
CONGENITAL_FACTOR = 0.86
"""Share of people with congenitally short pedicles (canal and sac shallow at every level), and the factor; by hand."""

SHARE_TRANSITIONAL = 0.04
SACRALISED_DISC = 0.4
LUMBARISED_DISC = 3.0
"""Factors on the height of L5-S1 if L5 is fused with the sacrum, and of S1-S2 if S1 is separate from it, and the share
of people with each; set by hand."""

VESSELS = 5
"""Vessels drawn beside the root in each foramen."""


@dataclass(frozen=True)
class ForamenForm:
    """Deviations of the foramina of one side from the mean; float32 arrays with one row for each disc.

    `tilt_rad` rotates a foramen in its sagittal plane, `taper` is the share of its depth lost at the lower end, `depth`
    is a factor on its half depth, and `fat_behind` is the amount of fat behind its joint, 0 to 1. `root` [9, 3] is the
    offset (d, v) of the root's centre from that of the foramen, in mm, and a factor on its size; `vessels`
    [9, VESSELS, 3] is the position d in mm, v in half depths, and the radius in mm.
    """

    tilt_rad: NDArray[np.float32]
    taper: NDArray[np.float32]
    depth: NDArray[np.float32]
    fat_behind: NDArray[np.float32]
    root: NDArray[np.float32]
    vessels: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One person. Arrays are float32 [9], one value for each of `frame.DISCS`, unless stated otherwise.

    `narrowing` holds the severities of the regions at every disc, 0 at discs that are not graded; `roots` is float32
    [ROOTS, 2], positions in the sac in units of its half width and half depth; `lattice` is smooth noise with
    mean 0 and standard deviation 1. `sex` is the DICOM value F or M. `fine_roots` is the share of the sac filled by
    roots too thin to be seen individually; `muscle_fat`, `gas` and `marrow_fat` are shares from 0 to 1.
    """

    age_years: float
    sex: str
    frame: SpineFrame
    severities: Severities
    narrowing: dict[tuple[Region, Side | None], NDArray[np.float32]]
    body_half_width_mm: NDArray[np.float32]
    body_half_depth_mm: NDArray[np.float32]
    disc_half_height_mm: NDArray[np.float32]
    sac_half_width_mm: NDArray[np.float32]
    sac_half_depth_mm: NDArray[np.float32]
    sac_taper: NDArray[np.float32]
    epidural_gap_mm: NDArray[np.float32]
    canal_depth_mm: NDArray[np.float32]
    canal_half_width_mm: NDArray[np.float32]
    foramen_half_height_mm: NDArray[np.float32]
    foramen_half_depth_mm: NDArray[np.float32]
    foramina: dict[Side, ForamenForm]
    flavum_mm: NDArray[np.float32]
    facet_angle_deg: NDArray[np.float32]
    facet_off_midline_mm: NDArray[np.float32]
    psoas_radius_mm: NDArray[np.float32]
    hydration: NDArray[np.float32]
    wear: NDArray[np.float32]
    roots: NDArray[np.float32]
    fine_roots: float
    muscle_size: float
    muscle_fat: float
    marrow_fat: float
    gas: float
    skin_fat_mm: float
    back_curve_mm: float
    waist_half_width_mm: float
    lattice: Lattice


def draw_anatomy(rng: np.random.Generator, *, prevalence: Prevalence = Prevalence.PAPER) -> Anatomy:
    """Sample one person of a cohort with the given prevalence of grades."""
    age_years = draw_age_years(rng)
    severities = draw_severities(rng, age_years=age_years, prevalence=prevalence)
    narrowing = _at_every_disc(severities)
    sex = str(rng.choice(list(SIZE_OF_SEX)))
    size = float(np.clip(rng.normal(SIZE_OF_SEX[sex], 0.04), 0.88, 1.12))
    depth = np.float32(CONGENITAL_FACTOR if rng.random() < SHARE_CONGENITAL else 1.0)
    old = float(np.clip((age_years - 20.0) / 70.0, 0.0, 1.0))

    def sized(measure: measures.Measure) -> NDArray[np.float32]:
        return measures.draw(rng, measure) * np.float32(size)

    canal = narrowing[Region.CENTRAL_CANAL, None]
    wear = np.clip(0.55 * canal + old * rng.beta(2.0, 3.0, len(DISCS)), 0.0, 1.0)
    return Anatomy(
        age_years=age_years,
        sex=sex,
        frame=_draw_frame(rng, size),
        severities=severities,
        narrowing=narrowing,
        body_half_width_mm=sized(measures.BODY_HALF_WIDTH),
        body_half_depth_mm=sized(measures.BODY_HALF_DEPTH),
        disc_half_height_mm=sized(measures.DISC_HALF_HEIGHT) * _disc_heights(rng, wear),
        sac_half_width_mm=sized(measures.SAC_HALF_WIDTH),
        sac_half_depth_mm=sized(measures.SAC_HALF_DEPTH) * depth,
        sac_taper=np.clip(rng.normal(0.25, 0.22) + rng.normal(0, 0.1, len(DISCS)), -0.1, 0.75).astype(np.float32),
        epidural_gap_mm=sized(measures.EPIDURAL_GAP),
        canal_depth_mm=sized(measures.CANAL_DEPTH) * depth,
        canal_half_width_mm=sized(measures.CANAL_HALF_WIDTH),
        foramen_half_height_mm=sized(measures.FORAMEN_HALF_HEIGHT),
        foramen_half_depth_mm=sized(measures.FORAMEN_HALF_DEPTH),
        foramina={side: _draw_foramina(rng) for side in Side},
        flavum_mm=sized(measures.FLAVUM) * np.float32(0.85 + 0.3 * old),
        facet_angle_deg=measures.draw(rng, measures.FACET_ANGLE_DEG),
        facet_off_midline_mm=sized(measures.FACET_OFF_MIDLINE),
        psoas_radius_mm=sized(measures.PSOAS_RADIUS) * np.float32(1.1 - 0.25 * old),
        hydration=np.clip(1.0 - wear + rng.normal(0.0, 0.15, len(DISCS)), 0.0, 1.0).astype(np.float32),
        wear=wear.astype(np.float32),
        roots=_draw_roots(rng),
        fine_roots=float(np.clip(rng.normal(0.04, 0.06), 0.0, 0.25)),
        muscle_size=float(rng.uniform(0.88, 1.15)) * size,
        muscle_fat=float(np.clip(0.15 + 0.4 * old + rng.normal(0.0, 0.15), 0.02, 0.85)),
        marrow_fat=float(np.clip(0.3 + 0.3 * old + rng.normal(0.0, 0.08), 0.2, 0.75)),
        gas=float(rng.uniform(0.0, 0.5)),
        skin_fat_mm=float(np.clip(rng.lognormal(np.log(16.0), 0.6), 4.0, 55.0)),
        back_curve_mm=float(rng.uniform(180.0, 700.0)),
        waist_half_width_mm=float(rng.uniform(140.0, 190.0)),
        lattice=_draw_lattice(rng),
    )


def _disc_heights(rng: np.random.Generator, wear: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return factors on the heights of discs: wear flattens them, and few people have a transitional vertebra."""
    factors = 1.0 - 0.35 * wear
    last = LUMBAR.stop - 1
    kind = rng.random()
    if kind < SHARE_TRANSITIONAL:
        factors[last] *= SACRALISED_DISC
    elif kind < 2 * SHARE_TRANSITIONAL:
        factors[last + 1] *= LUMBARISED_DISC
    return np.asarray(factors, np.float32)


def _at_every_disc(severities: Severities) -> dict[tuple[Region, Side | None], NDArray[np.float32]]:
    narrowing = {}
    for region in Region:
        for side in (Side.LEFT, Side.RIGHT) if region.is_paired else (None,):
            values = np.zeros(len(DISCS), np.float32)
            values[LUMBAR] = [severities.at(region, level, side) for level in LEVELS]
            narrowing[region, side] = values
    return narrowing


def _draw_frame(rng: np.random.Generator, size: float) -> SpineFrame:
    """Place the discs along a curve that is perpendicular to their planes, with a slight bend to one side."""
    means = np.array(measures.TILT_DEG.mean)
    lordosis = float(np.clip(rng.normal(1.0, 0.17), 0.6, 1.4))
    drawn = means * lordosis + rng.normal(0.0, 1.2, len(DISCS))
    drawn[LUMBAR] = np.clip(drawn[LUMBAR], -STEEPEST_TILT_DEG, STEEPEST_TILT_DEG)
    tilts = np.radians(drawn)
    steps = measures.draw(rng, measures.DISC_DISTANCE) * size
    centres = np.zeros((len(DISCS), 3))
    for index, step in enumerate(steps):
        middle = (tilts[index] + tilts[index + 1]) / 2
        centres[index + 1, 1:] = centres[index, 1:] + step * np.array([np.sin(middle), -np.cos(middle)])
    middle_disc = (LUMBAR.start + LUMBAR.stop) // 2
    centres -= centres[middle_disc]
    bend = np.cos((centres[:, 2] - rng.uniform(-40.0, 40.0)) / 55.0)
    centres[:, 0] = rng.normal(0.0, 4.0) + rng.normal(0.0, 2.0) * (bend - bend.mean())
    centres[:, 1:] += rng.normal(0.0, [4.0, 8.0])
    return SpineFrame(centres_mm=centres, tilts_rad=tilts)


def _draw_roots(rng: np.random.Generator) -> NDArray[np.float32]:
    """Distribute the cauda equina: in a supine person it sinks to the back of the sac, in the shape of a horseshoe."""
    angle = rng.uniform(0.0, np.pi, ROOTS)
    radius = rng.uniform(0.35, 0.82, ROOTS)
    sunk = float(rng.uniform(0.0, 0.35))
    across, behind = radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.5, 1.0) + sunk * (1 - radius)
    forward = rng.random(ROOTS) < 0.3
    return np.stack([across, np.where(forward, -0.4 * behind, behind)], axis=1).astype(np.float32)


def _draw_foramina(rng: np.random.Generator) -> ForamenForm:
    discs = len(DISCS)
    root = np.stack(
        [rng.normal(-3.0, 1.2, discs), rng.normal(0.4, 0.7, discs), rng.uniform(0.65, 1.15, discs)], axis=-1
    )
    vessels = np.stack(
        [
            rng.uniform(-6.0, 7.0, (discs, VESSELS)),
            rng.uniform(-0.7, 0.7, (discs, VESSELS)),
            rng.uniform(0.3, 1.3, (discs, VESSELS)),
        ],
        axis=-1,
    )
    return ForamenForm(
        tilt_rad=np.radians(rng.normal(0.0, 7.0, discs)).astype(np.float32),
        taper=rng.uniform(0.05, 0.5, discs).astype(np.float32),
        depth=rng.uniform(0.75, 1.1, discs).astype(np.float32),
        fat_behind=rng.uniform(0.0, 1.0, discs).astype(np.float32),
        root=root.astype(np.float32),
        vessels=vessels.astype(np.float32),
    )


def _draw_lattice(rng: np.random.Generator) -> Lattice:
    lattice = gaussian_filter(rng.standard_normal((LATTICE,) * 3), 0.7, mode="wrap")
    return Lattice(np.asarray((lattice - lattice.mean()) / lattice.std(), np.float32))
