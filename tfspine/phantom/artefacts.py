"""Imaging artefacts: how strong each one is in a series.

Their effects are computed in `kspace.py` (sampling, ghosts, noise) and `fields.py` (coil, saturation band, corners).
The ranges were chosen by visual comparison with real slices.
"""

from dataclasses import dataclass

import numpy as np

from tfspine.labels import Plane


@dataclass(frozen=True)
class Coil:
    """A spine array under the back: rows of circular elements along the table.

    `radius_mm` is the radius of an element: sensitivity halves at about this depth. `pitch_mm` is the distance between
    rows, `offset_mm` their starting position, `behind_mm` their distance behind the skin. `normalised` is the exponent
    of the shading correction that the scanner applies afterwards: 0 for none, 1 for full correction.
    """

    radius_mm: float = 65.0
    pitch_mm: float = 80.0
    offset_mm: float = 0.0
    behind_mm: float = 15.0
    normalised: float = 0.55


@dataclass(frozen=True)
class Saturation:
    """A slab in front of the spine with saturated spins, so that bowel and vessels cause no ghosts over the spine.

    `gap_mm` is the distance from the front of the bodies to the middle of the slab's edge, `edge_mm` the width over
    which its effect grows from 10 % to 90 %, `thickness_mm` the distance from edge to edge, and `left` the share of
    the signal that remains inside.
    """

    gap_mm: float = 10.0
    edge_mm: float = 12.0
    thickness_mm: float = 90.0
    left: float = 0.04


@dataclass(frozen=True)
class Artefacts:
    """The artefacts of one series.

    `noise` is the standard deviation of each channel relative to the signal of pure water beside the sac.
    `apodisation` damps the highest frequencies (`kspace.sampling_window`); `blur_px` is the blur of motion along the
    phase direction, `ghost` the strength of its ghosts and `ghost_distance` their distance as a share of the field of
    view. `flow_loss` is the largest signal loss of moving cerebrospinal fluid on a slice. `wrap` is the share of the
    field of view at each end that wraps around. `corner` is the gradient distortion near the edge, as a share of half
    the field of view, around `centre` (row, column) in half fields of view. `bias` are amplitudes of a smooth factor
    on the image, in natural logarithms, one for each of `fields.BIAS_WAVES`.
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
"""Range at 1.5 T; T1-weighted signals are weaker, and are averaged until they look equally clean."""


def draw_artefacts(rng: np.random.Generator, *, plane: Plane, field_t: float) -> Artefacts:
    """Sample the artefacts of one series as on clinical scanners; the signal-to-noise ratio grows with the field."""
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
