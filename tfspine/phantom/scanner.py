"""Simulation of the scanner for one slice: from the signal of tissues to stored pixels."""

import dataclasses
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, pixel_to_patient
from tfspine.phantom import kspace
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.body import draw_body
from tfspine.phantom.cuts import Cut, body_front_mm
from tfspine.phantom.fields import bias_field, coil_sensitivity, corner_mask, points_of, saturation_factor
from tfspine.phantom.frame import DISCS, LUMBAR, to_patient
from tfspine.phantom.kspace import Image
from tfspine.phantom.protocol import Protocol, fat_shift_px
from tfspine.phantom.tissue import Signals, Tissue, signals

SAMPLES_THROUGH_SLICE = 2
"""Samples averaged over the thickness of a slice: partial volume across it."""

LARGEST_STORED = 4095
"""Twelve bits, as scanners store."""

SKIN_SEARCH_MM = (40.0, 200.0, 1.0)
"""Start, end and step of the search for the skin of the back, behind the spine."""

CANAL_BEHIND_DISC_MM = 27.0
"""Middle of the canal, where a signal of 1 is stored as `Protocol.stored_level`."""


def scan(anatomy: Anatomy, cut: Cut, protocol: Protocol, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored pixels of one slice, uint16 [rows, columns] within 12 bits."""
    axis, artefacts, size_px = protocol.phase.axis, protocol.artefacts, cut.geometry.size_px
    margin = round(artefacts.wrap * size_px[axis])
    geometry = widened(cut.geometry, margin, axis=axis)
    points = points_of(geometry)
    signal = _excited(anatomy, geometry, points, _tissue_signals(protocol, rng), protocol.thickness_mm)
    if artefacts.saturation is not None:
        front_mm, forwards = body_front_mm(anatomy, cut)
        left = saturation_factor(artefacts.saturation, points, front_mm=front_mm, forwards=forwards)
        signal *= left[..., np.newaxis]
    canal_mm, skin_mm = _canal_and_skin_mm(anatomy)
    sensitivity = coil_sensitivity(artefacts.coil, geometry, skin_mm=skin_mm, reference_mm=canal_mm)
    received = kspace.folded(signal * sensitivity[..., np.newaxis], margin=margin, axis=axis)
    magnitude = measure(received, protocol, rng)
    inner = np.moveaxis(np.moveaxis(sensitivity, axis, 0)[margin : margin + size_px[axis]], 0, axis)
    return _stored(magnitude * inner**-artefacts.coil.normalised, protocol)


def measure(received: Image, protocol: Protocol, rng: np.random.Generator) -> Image:
    """Return the magnitude image, float32 [rows, columns], of what the coil receives.

    Args:
        received: float32 [rows, columns, 2], water and fat.
        protocol: how k-space is sampled.
        rng: random generator of the noise.
    """
    size_px, artefacts = (received.shape[0], received.shape[1]), protocol.artefacts
    phase, frequency = protocol.phase.axis, 1 - protocol.phase.axis
    water, fat = (kspace.spectrum_of(np.ascontiguousarray(received[..., part])) for part in (0, 1))
    displaced = kspace.shifted(fat, fat_shift_px(protocol), length=size_px[frequency], axis=frequency)
    windows = [
        kspace.sampling_window(length, axis=axis, sampled=sampled, apodisation=artefacts.apodisation)
        for axis, (length, sampled) in enumerate(zip(size_px, _by_axis(protocol), strict=True))
    ]
    moving = list(windows)
    length = size_px[phase]
    moving[phase] = (
        windows[phase]
        * kspace.blur_window(length, axis=phase, blur_px=artefacts.blur_px)
        * kspace.ghost_window(
            length, axis=phase, strength=artefacts.ghost, distance_px=artefacts.ghost_distance * length
        )
    )
    spectrum = kspace.windowed(np.asarray(water + displaced, np.complex64), moving[0], moving[1])
    in_phase, quadrature = (
        kspace.noise_spectrum(rng, size_px, windows[0], windows[1], deviation=artefacts.noise) for _ in range(2)
    )
    real = kspace.image_of(np.asarray(spectrum + in_phase, np.complex64), size_px)
    return np.hypot(real, kspace.image_of(quadrature, size_px))


def widened(geometry: SliceGeometry, margin: int, *, axis: int) -> SliceGeometry:
    """Return a slice with `margin` more pixels at both ends of one axis; the other pixels keep their positions."""
    first, size_px = [0, 0], list(geometry.size_px)
    first[axis] -= margin
    size_px[axis] += 2 * margin
    x, y, z = pixel_to_patient(geometry, first)
    return dataclasses.replace(geometry, position_mm=(float(x), float(y), float(z)), size_px=(size_px[0], size_px[1]))


def _tissue_signals(protocol: Protocol, rng: np.random.Generator) -> Signals:
    """Return each tissue's signal in the sequence on one slice, with the signal loss of moving fluid."""
    times = {"repetition_time_ms": protocol.repetition_time_ms, "echo_time_ms": protocol.echo_time_ms}
    factors = dict(protocol.contrast)
    factors[Tissue.CSF] = factors.get(Tissue.CSF, 1.0) * (1.0 - protocol.artefacts.flow_loss * rng.random())
    return {
        tissue: (water * factors.get(tissue, 1.0), fat * factors.get(tissue, 1.0))
        for tissue, (water, fat) in signals(field_t=protocol.field_t, **times).items()
    }


def _excited(
    anatomy: Anatomy, geometry: SliceGeometry, points: NDArray[np.float32], table: Signals, thickness_mm: float
) -> Image:
    """Return the signal of water and fat in a slice, float32 [rows, columns, 2], averaged over its thickness."""
    normal = geometry.normal.astype(np.float32)
    through = (np.arange(SAMPLES_THROUGH_SLICE) + 0.5) / SAMPLES_THROUGH_SLICE - 0.5
    signal = draw_body(
        anatomy,
        points.reshape(-1, 3),
        table,
        edge_mm=max(geometry.spacing_mm),
        offsets_mm=[np.float32(share * thickness_mm) * normal for share in through],
    )
    return signal.reshape(*geometry.size_px, 2)


@lru_cache(maxsize=1)
def _canal_and_skin_mm(anatomy: Anatomy) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the canal's middle and the skin behind it lie at the middle lumbar disc, patient positions [3].

    The skin is where the drawn body ends, so that the coil always lies directly behind the person.
    """
    disc = range(len(DISCS))[LUMBAR][2]
    v_mm = np.arange(*SKIN_SEARCH_MM)
    points = to_patient(anatomy.frame, disc=disc, d_mm=0.0, u_mm=0.0, v_mm=v_mm)
    is_body: Signals = {tissue: (float(tissue is not Tissue.AIR), 0.0) for tissue in Tissue}
    body = draw_body(anatomy, points.astype(np.float32), is_body, edge_mm=1.0).sum(axis=1)
    skin = int(np.flatnonzero(body > 0.5)[-1])
    canal = to_patient(anatomy.frame, disc=disc, d_mm=0.0, u_mm=0.0, v_mm=CANAL_BEHIND_DISC_MM)
    return np.asarray(canal[0]), np.asarray(points[skin])


def _stored(magnitude: Image, protocol: Protocol) -> NDArray[np.uint16]:
    size_px = (magnitude.shape[0], magnitude.shape[1])
    seen = magnitude * corner_mask(protocol.artefacts, size_px)
    if protocol.artefacts.bias:
        seen = seen * bias_field(protocol.artefacts, size_px)
    bent = seen if protocol.gamma == 1.0 else np.power(seen, np.float32(protocol.gamma))
    return np.clip(np.rint(bent * np.float32(protocol.stored_level)), 0, LARGEST_STORED).astype(np.uint16)


def _by_axis(protocol: Protocol) -> tuple[float, float]:
    """Return the sampled shares along rows and columns."""
    along_phase, along_frequency = protocol.sampled
    return (along_phase, along_frequency) if protocol.phase.axis == 0 else (along_frequency, along_phase)
