"""No patient, however lordotic, gets slices that ingest would call coronal."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfspine.geometry import plane_of
from tfspine.labels import Plane
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import axial_cuts
from tfspine.phantom.protocol import Protocol

AXIAL = Protocol(Plane.AXIAL, 4000, 90, 200.0, 256)


def patient_number(seed: int, number: int) -> np.random.Generator:
    """Return the generator that `simulate_study` starts with."""
    return np.random.default_rng([seed, number])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100), st.integers(1, 1000))
@example(1, 137)
def test_axial_slices_are_axial(seed: int, number: int) -> None:
    rng = patient_number(seed, number)
    anatomy = draw_anatomy(rng)
    assert all(plane_of(cut.geometry) is Plane.AXIAL for cut in axial_cuts(anatomy, AXIAL, rng))
