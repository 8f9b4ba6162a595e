"""Domain randomisation: wide, on the right side of T1 and T2, and without a touch on the truth's person."""

import numpy as np
import pytest

from tfspine.config import PhantomConfig
from tfspine.dicom.weighting import T1_LONGEST_TE_MS, T1_LONGEST_TR_MS, T2_SHORTEST_TE_MS, T2_SHORTEST_TR_MS
from tfspine.labels import Plane
from tfspine.phantom.protocol import Protocol
from tfspine.phantom.randomize import BRIGHTEST_LINING_T2, BRIGHTEST_ROOT_T2, DARKEST_LINING_T1, randomized, recoloured
from tfspine.phantom.study import simulate_study
from tfspine.phantom.tissue import Tissue, signals

BASE = {
    Plane.AXIAL: Protocol(Plane.AXIAL, 4000, 90, 200.0, 256),
    Plane.SAGITTAL: Protocol(Plane.SAGITTAL, 550, 12, 280.0, 256),
}


def drawn(plane: Plane, count: int = 200) -> list[Protocol]:
    rng = np.random.default_rng(1)
    return [recoloured(randomized(BASE[plane], rng), rng) for _ in range(count)]


def seen(protocol: Protocol, tissue: Tissue) -> float:
    table = signals(
        field_t=protocol.field_t,
        repetition_time_ms=protocol.repetition_time_ms,
        echo_time_ms=protocol.echo_time_ms,
    )
    return sum(table[tissue]) * protocol.contrast[tissue]


def test_ingest_still_knows_the_weighting() -> None:
    for protocol in drawn(Plane.AXIAL):
        assert protocol.repetition_time_ms >= T2_SHORTEST_TR_MS and protocol.echo_time_ms >= T2_SHORTEST_TE_MS
    for protocol in drawn(Plane.SAGITTAL):
        assert protocol.repetition_time_ms <= T1_LONGEST_TR_MS and protocol.echo_time_ms <= T1_LONGEST_TE_MS


def test_the_sac_stays_apart_from_its_lining_or_its_roots() -> None:
    """Fat may be as bright as the fluid of an axial slice; then roots and the dura in between show the sac."""
    assert max(seen(p, Tissue.FAT) / seen(p, Tissue.CSF) for p in drawn(Plane.AXIAL)) < BRIGHTEST_LINING_T2[1] + 1e-3
    assert max(seen(p, Tissue.NERVE) / seen(p, Tissue.CSF) for p in drawn(Plane.AXIAL)) < BRIGHTEST_ROOT_T2 + 1e-3
    assert max(seen(p, Tissue.LIGAMENT) / seen(p, Tissue.CSF) for p in drawn(Plane.AXIAL)) < 0.5
    assert min(seen(p, Tissue.FAT) / seen(p, Tissue.CSF) for p in drawn(Plane.SAGITTAL)) > DARKEST_LINING_T1 - 1e-3


def test_orders_that_are_not_the_sacs_turn_round_now_and_then() -> None:
    darker = [seen(p, Tissue.MARROW) < seen(p, Tissue.MUSCLE) for p in drawn(Plane.AXIAL)]
    assert 0.01 < np.mean(darker) < 0.5


def test_what_is_drawn_is_wide() -> None:
    fields = [p.field_of_view_mm for p in drawn(Plane.AXIAL)]
    assert min(fields) < 150 and max(fields) > 270 and min(fields) >= 140 and max(fields) <= 280
    noise = [p.artefacts.noise for p in drawn(Plane.AXIAL)]
    assert max(noise) > 8 * min(noise)
    assert {p.stacks for p in drawn(Plane.AXIAL)} != {BASE[Plane.AXIAL].stacks}


def test_slices_stray_from_the_scanners_own_look_by_all_degrees() -> None:
    """Some are the scanner's own, some are far from it: quartiles of the largest factor of a tissue on a slice."""
    strayed = [
        max(abs(np.log(p.contrast[tissue])) for tissue in Tissue if tissue is not Tissue.FAT)
        for p in drawn(Plane.SAGITTAL)
    ]
    assert np.quantile(strayed, 0.1) < 0.15 and np.quantile(strayed, 0.9) > 0.5
    # One less the mean of a uniform draw, and of its square.
    for plane, share in ((Plane.AXIAL, 1 / 2), (Plane.SAGITTAL, 2 / 3)):
        own = [p.artefacts == BASE[plane].artefacts for p in drawn(plane)]
        assert abs(np.mean(own) - share) < 0.1


def test_no_two_slices_of_a_series_look_alike() -> None:
    rng = np.random.default_rng(1)
    series = randomized(BASE[Plane.AXIAL], rng)
    first, second = recoloured(series, rng), recoloured(series, rng)
    assert first.contrast != second.contrast
    assert first.gamma != second.gamma
    assert first.field_of_view_mm == second.field_of_view_mm  # one series keeps one geometry
    assert first.sampled == second.sampled


def test_the_person_is_the_same() -> None:
    """Grades and severities do not depend on how the person is measured."""
    plain, wild = (simulate_study(PhantomConfig(matrix_px=64, randomize=r), seed=2, number=3) for r in (False, True))
    assert plain.grades == wild.grades
    assert plain.files[0][1].PixelData != wild.files[0][1].PixelData


@pytest.mark.parametrize("number", range(1, 5))
def test_the_same_seed_gives_the_same_pixels(number: int) -> None:
    first, second = (simulate_study(PhantomConfig(matrix_px=64, randomize=True), seed=2, number=number) for _ in "12")
    assert [ds.PixelData for _, ds in first.files] == [ds.PixelData for _, ds in second.files]
    assert first.truth == second.truth
