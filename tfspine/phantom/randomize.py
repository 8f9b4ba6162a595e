"""Domain randomisation: unrealistically varied images, so that models trained on them generalise to real scanners.

As in SynthSeg (Billot 2023, Med Image Anal 86:102789), contrast, resolution and artefacts vary far more than in
practice. The person, and therefore the truth, is unchanged; TR and TE stay within T1 or T2 weighting, and the sac
remains distinguishable from its lining or from its roots, because otherwise nothing could be seen.

The strength of the variation is sampled for each slice, from the scanner's own look to the strongest: a detector
trained only on the strongest learns slowly, and one trained only on the scanner's own look fails on other scanners
(`experiments/sim_to_real_sagittal.toml`).
"""

import dataclasses

import numpy as np

from tfspine.labels import Plane
from tfspine.phantom.artefacts import Artefacts, Coil, Saturation
from tfspine.phantom.fields import BIAS_WAVES
from tfspine.phantom.protocol import PhaseEncoding, Protocol, Stacks
from tfspine.phantom.tissue import Tissue, signals

REPETITION_TIME_MS = {Plane.AXIAL: (2500.0, 6500.0), Plane.SAGITTAL: (350.0, 900.0)}
ECHO_TIME_MS = {Plane.AXIAL: (70.0, 130.0), Plane.SAGITTAL: (8.0, 25.0)}
FIELD_OF_VIEW_MM = {Plane.AXIAL: (140.0, 280.0), Plane.SAGITTAL: (240.0, 330.0)}
FIELD_T = (1.0, 3.0)

CONTRAST_SPREAD = 0.4
"""Standard deviation of the natural logarithm of a tissue's factor at full variation, cut off at two deviations."""

EXCHANGED = (Tissue.MUSCLE, Tissue.MARROW, Tissue.NUCLEUS, Tissue.DRY_NUCLEUS)
SHARE_EXCHANGED = 0.3
"""Share of slices, at full variation, in which two of these tissues exchange their signals: only the order of the
greys of the sac and its lining is fixed."""

BRIGHTEST_LINING_T2 = (0.7, 1.15)
DARKEST_LINING_T1 = 1.5
"""Signal of epidural fat relative to cerebrospinal fluid; the upper limit is sampled for each slice."""

BRIGHTEST_ROOT_T2 = 0.6
"""Signal of roots relative to the fluid around them."""

GAIN = (-0.7, 0.1)
"""Natural logarithm of the factor on a slice's grey values; the window is that of the series."""

TAMENESS = {Plane.AXIAL: 1.0, Plane.SAGITTAL: 2.0}
"""Exponent on the uniform random strength of the variation: small foramina disappear in strongly varied slices."""

SHARE_WITHOUT_BAND = 0.15
SHARE_WITH_WRAP = 0.1


def randomized(protocol: Protocol, rng: np.random.Generator) -> Protocol:
    """Return a randomised protocol that keeps little more than the plane, the matrix and the stored level."""
    plane = protocol.plane
    thickness_mm = float(rng.uniform(2.5, 5.5))
    return dataclasses.replace(
        protocol,
        repetition_time_ms=round(rng.uniform(*REPETITION_TIME_MS[plane])),
        echo_time_ms=round(rng.uniform(*ECHO_TIME_MS[plane])),
        field_t=round(rng.uniform(*FIELD_T), 2),
        field_of_view_mm=round(rng.uniform(*FIELD_OF_VIEW_MM[plane]), 1),
        thickness_mm=round(thickness_mm, 2),
        distance_mm=round(max(3.6, min(5.2, thickness_mm * rng.uniform(1.0, 1.3))), 2),
        stacks=Stacks(rng.choice(list(Stacks))),
        phase=PhaseEncoding(rng.choice(list(PhaseEncoding))),
        sampled=(float(rng.uniform(0.45, 1.0)), float(rng.uniform(0.55, 1.0))),
        bandwidth_hz_px=round(rng.uniform(90.0, 400.0)),
        planning_error=float(rng.uniform(0.5, 3.0)),
    )


def recoloured(protocol: Protocol, rng: np.random.Generator) -> Protocol:
    """Return the protocol of one slice of a randomised series, with its own contrast, grey values and artefacts.

    No scanner varies these within a series, but it gives thirty different looks per patient instead of one.
    """
    wildness = rng.random() ** TAMENESS[protocol.plane]
    return dataclasses.replace(
        protocol,
        contrast=_contrast(protocol, rng, wildness),
        gamma=float(np.clip(np.exp(wildness * rng.normal(0.1, 0.25)), 0.6, 1.7)),
        stored_level=protocol.stored_level * float(np.exp(rng.uniform(*GAIN))),
        artefacts=_artefacts(rng) if rng.random() < wildness else protocol.artefacts,
    )


def _contrast(protocol: Protocol, rng: np.random.Generator, wildness: float) -> dict[Tissue, float]:
    """Return a factor for each tissue, near 1 if `wildness` is near 0."""
    times = {"repetition_time_ms": protocol.repetition_time_ms, "echo_time_ms": protocol.echo_time_ms}
    physical = {tissue: sum(parts) for tissue, parts in signals(field_t=protocol.field_t, **times).items()}
    spread = CONTRAST_SPREAD * wildness
    factors = {tissue: float(np.exp(spread * np.clip(rng.standard_normal(), -2.0, 2.0))) for tissue in Tissue}
    if rng.random() < SHARE_EXCHANGED * wildness:
        first, second = (EXCHANGED[index] for index in rng.choice(len(EXCHANGED), 2, replace=False))
        factors[first] *= physical[second] / physical[first]
        factors[second] *= physical[first] / physical[second]
    fluid = physical[Tissue.CSF] * factors[Tissue.CSF]
    lining = physical[Tissue.FAT] * factors[Tissue.FAT]
    if protocol.plane is Plane.AXIAL:
        factors[Tissue.FAT] *= min(1.0, float(rng.uniform(*BRIGHTEST_LINING_T2)) * fluid / lining)
        root = physical[Tissue.NERVE] * factors[Tissue.NERVE]
        factors[Tissue.NERVE] *= min(1.0, BRIGHTEST_ROOT_T2 * fluid / root)
    else:
        factors[Tissue.FAT] *= max(1.0, DARKEST_LINING_T1 * fluid / lining)
    return factors


def _artefacts(rng: np.random.Generator) -> Artefacts:
    saturation = Saturation(
        gap_mm=float(rng.uniform(-6.0, 60.0)),
        edge_mm=float(rng.uniform(3.0, 30.0)),
        thickness_mm=float(rng.uniform(40.0, 160.0)),
        left=float(rng.uniform(0.0, 0.4)),
    )
    has_band, wraps = rng.random(2) < (1.0 - SHARE_WITHOUT_BAND, SHARE_WITH_WRAP)
    return Artefacts(
        noise=float(np.exp(rng.uniform(np.log(0.003), np.log(0.035)))),
        apodisation=float(rng.uniform(0.0, 1.0)),
        blur_px=float(rng.uniform(0.0, 1.2)),
        ghost=float(rng.uniform(0.0, 0.05)),
        ghost_distance=float(rng.uniform(0.05, 0.5)),
        flow_loss=float(rng.uniform(0.0, 0.35)),
        wrap=float(rng.uniform(0.0, 0.1) * wraps),
        corner=float(rng.uniform(0.0, 0.04)),
        centre=(float(rng.normal(0.0, 0.2)), float(rng.normal(0.0, 0.2))),
        bias=tuple(float(amplitude) for amplitude in rng.normal(0.0, 0.15, len(BIAS_WAVES))),
        coil=Coil(
            radius_mm=float(rng.uniform(40.0, 130.0)),
            pitch_mm=float(rng.uniform(55.0, 130.0)),
            offset_mm=float(rng.uniform(-60.0, 60.0)),
            behind_mm=float(rng.uniform(5.0, 40.0)),
            normalised=float(rng.uniform(0.0, 0.8)),
        ),
        saturation=saturation if has_band else None,
    )
