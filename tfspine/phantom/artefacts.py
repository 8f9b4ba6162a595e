"""What makes a picture differ from the person: how strong each fault of one series is.

What the faults do stands in `kspace.py` (sampling, ghosts, noise) and `fields.py` (coil, saturation band, corners).
Ranges were chosen by eye, side by side with real slices.
"""

from dataclasses import dataclass

import numpy as np

from tfspine.labels import Plane


@dataclass(frozen=True)
class Coil:
    """A spine array under the back: rows of circular elements along the table.

    `radius_mm` is that of an element: sensitivity halves about this deep. `pitch_mm` is the distance between rows,
    `offset_mm` where they start, `behind_mm` how far they lie behind the skin. `normalised` is the share of the
    shading, in powers of it, that the scanner takes out afterwards: 0 nothing, 1 everything.
    """

    radius_mm: float = 65.0
    pitch_mm: float = 80.0
    offset_mm: float = 0.0
    behind_mm: float = 15.0
    normalised: float = 0.55


@dataclass(frozen=True)
class Saturation:
    """A slab before the spine in which spins were saturated, so that bowel and vessels do not ghost over it.

    `gap_mm` lies between the front of the bodies and the middle of the slab's edge, `edge_mm` is the width over which
    its effect grows from a tenth to nine tenths, `thickness_mm` reaches from edge to edge, and `left` is the share of
    the signal that survives inside.
    """

    gap_mm: float = 10.0
    edge_mm: float = 12.0
    thickness_mm: float = 90.0
    left: float = 0.04


@dataclass(frozen=True)
class Artefacts:
    """The faults of one series.

    `noise` is the standard deviation of each channel relative to the signal of pure water beside the sac.
    `apodisation` damps the highest frequencies (`kspace.sampling_window`); `blur_px` is the blur of motion along the
    phase direction, `ghost` the strength of its ghosts and `ghost_distance` theirs as a share of the field of view.
    `flow_loss` is the most that moving cerebrospinal fluid loses on a slice. `wrap` is the share of the field of view
    at each end that is folded over. `corner` is how far gradients bend near the edge, as a share of half the field of
    view, around `centre` (row, column) in halves of it. `bias` are amplitudes of a smooth factor on the picture, in
    natural logarithms, one for each of `fields.BIAS_WAVES`.
    """

    noise: float = 0.015
    apodisation: float = 0.3
    blur_px: float = 0.0
    ghost: float = 0.0
    ghost_distance: float = 0.25
    flow_loss: float = 0.0
    wrap: float = 0.0
    corner: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    bias: tuple[float, ...] = ()
    coil: Coil = Coil()
    saturation: Saturation | None = Saturation()


SHARE_WITH_WRAP = 0.08
SHARE_WITH_GHOSTS = 0.35
SHARE_WITHOUT_BAND = 0.04


NOISE = {Plane.AXIAL: (0.007, 0.020), Plane.SAGITTAL: (0.004, 0.010)}
"""At 1.5 T; T1-weighted signals are weaker, and are averaged until they look as clean."""


def draw_artefacts(rng: np.random.Generator, *, plane: Plane, field_t: float) -> Artefacts:
    """Draw the faults of one series as clinical scanners show them; signal over noise grows with the field."""
    saturation = Saturation(
        gap_mm=float(rng.uniform(3.0, 22.0)),
        edge_mm=float(rng.uniform(9.0, 22.0)),
        thickness_mm=float(rng.uniform(75.0, 130.0)),
        left=float(rng.uniform(0.015, 0.06)),
    )
    coil = Coil(
        radius_mm=float(rng.uniform(55.0, 80.0)),
        pitch_mm=float(rng.uniform(65.0, 105.0)),
        offset_mm=float(rng.uniform(-50.0, 50.0)),
        behind_mm=float(rng.uniform(8.0, 25.0)),
        normalised=float(rng.uniform(0.35, 0.85)),
    )
    has_ghosts, wraps, has_band = rng.random(3) < (SHARE_WITH_GHOSTS, SHARE_WITH_WRAP, 1.0 - SHARE_WITHOUT_BAND)
    return Artefacts(
        noise=float(rng.uniform(*NOISE[plane]) * np.sqrt(1.5 / field_t)),
        apodisation=float(rng.uniform(0.0, 0.75)),
        blur_px=float(rng.uniform(0.0, 0.45)),
        ghost=float(rng.uniform(0.005, 0.025) * has_ghosts),
        ghost_distance=float(rng.uniform(0.08, 0.45)),
        flow_loss=float(rng.uniform(0.0, 0.2)),
        wrap=float(rng.uniform(0.02, 0.08) * wraps),
        corner=float(rng.uniform(0.004, 0.02)),
        centre=(float(rng.normal(0.0, 0.15)), float(rng.normal(0.0, 0.15))),
        coil=coil,
        saturation=saturation if has_band else None,
    )
