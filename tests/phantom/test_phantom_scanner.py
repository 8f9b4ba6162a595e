"""Scanner artefacts are where and as large as stated, and do not move the anatomy."""

import dataclasses

import numpy as np
import pytest

from tfspine.geometry import pixel_to_patient
from tfspine.labels import Plane
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.artefacts import Artefacts, Coil, Saturation, draw_artefacts
from tfspine.phantom.cuts import Cut, axial_cuts, body_front_mm, sagittal_cuts
from tfspine.phantom.fields import coil_sensitivity, corner_mask, points_of, saturation_factor
from tfspine.phantom.protocol import PhaseEncoding, Protocol, fat_shift_px
from tfspine.phantom.scanner import measure, scan, widened

CLEAN = Artefacts(noise=0.0, apodisation=0.0, coil=Coil(normalised=1.0), saturation=None)
AXIAL = Protocol(Plane.AXIAL, 4000, 90, 200.0, 128, sampled=(1.0, 1.0), planning_error=0.0, artefacts=CLEAN)
SAGITTAL = dataclasses.replace(
    AXIAL, plane=Plane.SAGITTAL, repetition_time_ms=550, echo_time_ms=12, phase=PhaseEncoding.COL
)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return draw_anatomy(np.random.default_rng(3))


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def at_disc(anatomy: Anatomy, protocol: Protocol = AXIAL) -> Cut:
    return min(axial_cuts(anatomy, protocol, rng()), key=lambda cut: abs(cut.d_mm))


@pytest.mark.parametrize(("field_t", "bandwidth", "sampled", "expected"), [(1.5, 223.5, 1.0, 1.0), (3, 298, 0.5, 3.0)])
def test_fat_shift_by_hand(field_t: float, bandwidth: float, sampled: float, expected: float) -> None:
    """3.5 ppm of 63.87 MHz are 223.5 Hz, of 127.7 MHz 447 Hz."""
    protocol = dataclasses.replace(AXIAL, field_t=field_t, bandwidth_hz_px=bandwidth, sampled=(1.0, sampled))
    assert fat_shift_px(protocol) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("phase", "moved"), [(PhaseEncoding.ROW, (2, 0)), (PhaseEncoding.COL, (0, 2))])
def test_fat_is_displaced_along_the_frequency_direction(phase: PhaseEncoding, moved: tuple[int, int]) -> None:
    received = np.zeros((64, 64, 2), np.float32)
    received[20:30, 20:30, 0] = 1.0
    received[40:50, 40:50, 1] = 1.0
    protocol = dataclasses.replace(AXIAL, phase=phase, bandwidth_hz_px=223.53 / 2)
    image = measure(received, protocol, rng())
    expected = received[..., 0] + np.roll(received[..., 1], moved, axis=(0, 1))
    assert image == pytest.approx(expected, abs=0.01)


def test_noise_in_air_is_rayleigh() -> None:
    """The magnitude of two channels of deviation s has mean s sqrt(pi / 2) where there is no signal (Rice 1944)."""
    protocol = dataclasses.replace(AXIAL, artefacts=dataclasses.replace(CLEAN, noise=0.02), sampled=(0.7, 0.9))
    air = measure(np.zeros((320, 320, 2), np.float32), protocol, rng())
    assert air.mean() == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.01)
    assert air.std() == pytest.approx(0.02 * np.sqrt(2 - np.pi / 2), rel=0.02)


def test_a_clean_scan_is_the_signal(anatomy: Anatomy) -> None:
    """Nothing truncated, shifted, shaded or noisy: fluid in the sac is stored at its spin-echo signal."""
    protocol = dataclasses.replace(AXIAL, bandwidth_hz_px=1e9, stored_level=1000.0)
    between_discs = max(axial_cuts(anatomy, AXIAL, rng()), key=lambda cut: abs(cut.d_mm))
    pixels = scan(anatomy, between_discs, protocol, rng())
    csf = 1000 * (1 - np.exp(-4000 / 4000)) * np.exp(-90 / 2000)  # 604
    assert pixels[48:96, 40:88].max() == pytest.approx(csf, rel=0.08)  # the body varies its fluid a little


def test_saturation_band_lies_where_it_is_said(anatomy: Anatomy) -> None:
    """Half of the effect at the gap, a tenth and nine tenths half an edge to either side, everything back behind it."""
    cut = at_disc(anatomy)
    front_mm, forwards = body_front_mm(anatomy, cut)
    band = Saturation(gap_mm=12.0, edge_mm=10.0, thickness_mm=80.0, left=0.1)
    depths = np.array([-40.0, 7.0, 12.0, 17.0, 50.0, 92.0, 150.0])
    points = (front_mm + depths[:, np.newaxis] * forwards).astype(np.float32)
    factor = saturation_factor(band, points, front_mm=front_mm, forwards=forwards)
    assert factor == pytest.approx([1.0, 0.91, 0.55, 0.19, 0.1, 0.55, 1.0], abs=0.005)


def test_saturation_plane_touches_the_bodies_from_the_front(anatomy: Anatomy) -> None:
    front_mm, forwards = body_front_mm(anatomy, next(iter(sagittal_cuts(anatomy, SAGITTAL, rng()))))
    assert forwards[1] < -0.7  # y grows to the back
    for cut in axial_cuts(anatomy, AXIAL, rng()):
        if abs(cut.d_mm) < 2.0:
            disc_front, _ = body_front_mm(anatomy, cut)
            assert (disc_front - front_mm) @ forwards < 2.5


def test_the_coil_is_brightest_at_the_back_and_one_at_the_canal(anatomy: Anatomy) -> None:
    geometry = at_disc(anatomy).geometry
    middle = geometry.centre_mm
    skin = middle + np.array([0.0, 70.0, 0.0])
    sensitivity = coil_sensitivity(Coil(), geometry, skin_mm=skin, reference_mm=middle)
    column = sensitivity[:108, 64]  # from the belly to the skin, 1.5625 mm a pixel
    assert np.all(np.diff(column) > 0)
    assert column[64] == pytest.approx(1.0, abs=0.1)
    assert column[-1] > 1.5 and column[0] < 0.5


def test_corners_are_cut_and_the_middle_is_not() -> None:
    mask = corner_mask(Artefacts(corner=0.02), (200, 200))
    assert not mask[0, 0] and not mask[-1, -1]
    assert mask[5:-5, 5:-5].all()
    assert corner_mask(Artefacts(corner=0.0), (200, 200)).all()


def test_points_agree_with_the_geometry(anatomy: Anatomy) -> None:
    geometry = widened(at_disc(anatomy).geometry, 5, axis=1)
    assert geometry.size_px == (128, 138)
    assert points_of(geometry)[7, 9] == pytest.approx(pixel_to_patient(geometry, [7, 9]), abs=1e-3)
    assert pixel_to_patient(geometry, [3, 5]) == pytest.approx(pixel_to_patient(at_disc(anatomy).geometry, [3, 0]))


@pytest.mark.parametrize("seed", range(3))
def test_artefacts_leave_the_sac_where_it_is(anatomy: Anatomy, seed: int) -> None:
    """The brightest part of the middle of a T2w slice, water, has the same centre of mass with and without faults."""
    protocol = dataclasses.replace(
        AXIAL, sampled=(0.8, 0.9), artefacts=draw_artefacts(rng(), plane=Plane.AXIAL, field_t=1.5)
    )
    protocol = dataclasses.replace(
        protocol, artefacts=dataclasses.replace(protocol.artefacts, noise=0.002 * (seed + 1), wrap=0.03 * seed)
    )
    cut = at_disc(anatomy)
    clean, faulty = (scan(anatomy, cut, p, rng()).astype(float) for p in (AXIAL, protocol))
    window = np.s_[64:90, 48:80]
    assert centre(faulty[window], clean[window]) == pytest.approx(centre(clean[window], clean[window]), abs=0.5)


def centre(image: np.ndarray, clean: np.ndarray) -> np.ndarray:
    weight = image * (clean > 0.8 * clean.max())
    return np.array([(grid * weight).sum() / weight.sum() for grid in np.indices(image.shape)])
