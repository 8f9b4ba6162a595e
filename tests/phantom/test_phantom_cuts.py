"""Planning: slices cover every level, keep their distance, and know the disc they pass."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfspine.geometry import distance_to_slice_mm, plane_of, stacking_position_mm
from tfspine.labels import LEVELS, Plane
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import PER_DISC_HEIGHT_MM, Cut, axial_cuts, on_slice, sagittal_cuts
from tfspine.phantom.frame import FIRST_LEVEL, locate
from tfspine.phantom.protocol import Protocol, Stacks

AXIAL = Protocol(Plane.AXIAL, 4000, 90, 200.0, 256)
seeds = st.integers(0, 10_000)
layouts = st.sampled_from(list(Stacks))


def planned(seed: int, layout: Stacks, *, error: float = 1.0) -> list[Cut]:
    rng = np.random.default_rng(seed)
    anatomy = draw_anatomy(rng)
    return list(axial_cuts(anatomy, dataclasses.replace(AXIAL, stacks=layout, planning_error=error), rng))


@settings(max_examples=40, deadline=None)
@given(seeds, layouts, st.floats(0.0, 3.0))
def test_stacks_go_from_head_to_feet_past_every_level(seed: int, layout: Stacks, error: float) -> None:
    cuts = planned(seed, layout, error=error)
    positions = [stacking_position_mm(cut.geometry, Plane.AXIAL) for cut in cuts]
    assert positions == sorted(positions)
    discs = [cut.disc for cut in cuts]
    assert discs == sorted(discs, key=lambda disc: -1 if disc is None else disc)
    assert len(set(discs)) == len(LEVELS)
    assert len({cut.stack for cut in cuts}) == {Stacks.PER_DISC: 5, Stacks.STRAIGHT: 1, Stacks.TWO_BLOCKS: 2}[layout]
    assert all(plane_of(cut.geometry) is Plane.AXIAL for cut in cuts)
    for disc in set(discs):
        assert min(abs(cut.d_mm) for cut in cuts if cut.disc == disc) < 3.0


@settings(max_examples=20, deadline=None)
@given(seeds, layouts)
def test_neighbours_within_a_stack_are_parallel_and_one_distance_apart(seed: int, layout: Stacks) -> None:
    cuts = planned(seed, layout)
    for first, second in itertools.pairwise(cuts):
        if first.stack == second.stack:
            assert first.geometry.normal == pytest.approx(second.geometry.normal)
            step = distance_to_slice_mm(first.geometry, second.geometry.centre_mm)
            assert abs(float(step)) == pytest.approx(AXIAL.distance_mm)


@settings(max_examples=20, deadline=None)
@given(seeds, layouts, st.floats(-14, 14), st.floats(15, 33))
def test_places_on_a_slice_lie_on_it_and_are_those_asked_for(seed: int, layout: Stacks, u: float, v: float) -> None:
    rng = np.random.default_rng(seed)
    anatomy = draw_anatomy(rng)
    for cut in list(axial_cuts(anatomy, dataclasses.replace(AXIAL, stacks=layout), rng))[::5]:
        point = on_slice(anatomy, cut, u_mm=np.array([u]), v_mm=np.array([v]))
        assert float(distance_to_slice_mm(cut.geometry, point)[0]) == pytest.approx(0.0, abs=0.2)
        place = locate(anatomy.frame, point.astype(np.float32))
        assert [place.u_mm[0], place.v_mm[0]] == pytest.approx([u, v], abs=0.3)


def test_a_slice_along_its_disc_is_as_far_from_it_everywhere() -> None:
    for cut in planned(5, Stacks.PER_DISC, error=0.0):
        # Half of what a stack covers, at most 2 mm more, and 1.5 mm beside its disc.
        assert abs(cut.d_mm) <= (PER_DISC_HEIGHT_MM + 2.0) / 2 + 1.5
    graded = range(FIRST_LEVEL, FIRST_LEVEL + len(LEVELS))
    stacks = [[cut.d_mm for cut in planned(5, Stacks.PER_DISC, error=0.0) if cut.disc == disc] for disc in graded]
    assert all(np.diff(stack) == pytest.approx(AXIAL.distance_mm, abs=1e-6) for stack in stacks)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_sagittal_slices_go_from_right_to_left_past_both_rows_of_foramina(seed: int) -> None:
    rng = np.random.default_rng(seed)
    anatomy = draw_anatomy(rng)
    protocol = dataclasses.replace(AXIAL, plane=Plane.SAGITTAL)
    x = [stacking_position_mm(cut.geometry, Plane.SAGITTAL) for cut in sagittal_cuts(anatomy, protocol, rng)]
    assert x == sorted(x)
    assert x[-1] - x[0] > 50.0


def test_a_place_on_a_sagittal_slice_is_refused() -> None:
    anatomy = draw_anatomy(np.random.default_rng(1))
    cut = next(iter(sagittal_cuts(anatomy, dataclasses.replace(AXIAL, plane=Plane.SAGITTAL), np.random.default_rng(1))))
    with pytest.raises(ValueError, match="expected an axial one"):
        on_slice(anatomy, cut, u_mm=np.zeros(1), v_mm=np.zeros(1))
