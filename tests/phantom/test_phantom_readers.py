"""Simulated readers: what they may never do, what noise does to them, and where one reads just as the truth."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom.cohorts import patient_truth

from tfspine.evaluation.statistics.agreement import gwet
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.phantom.panel import PANEL, read_by_panel
from tfspine.phantom.readers import ReaderProfile, RegionReading, read
from tfspine.structures import AnnotatedSlice, Annotation, slice_key

PERFECT = ReaderProfile(regions={region: RegionReading() for region in Region})
PATIENT = patient_truth(4)
shares = st.floats(0, 1)


@st.composite
def profiles(draw: st.DrawFn) -> ReaderProfile:
    def region() -> RegionReading:
        return RegionReading(
            threshold_shifts=(draw(st.floats(-0.1, 0.1)),) * 3,
            noise=draw(st.floats(0, 1)),
            noise_growth=draw(st.floats(0, 1)),
            missed=(draw(shares), draw(shares), draw(shares), draw(shares)),
            extra=draw(shares),
        )

    jitter = st.floats(0, 3)
    regions = {name: region() for name in Region}
    return ReaderProfile(regions, shift=draw(jitter), growth=draw(jitter), shared_noise=draw(shares))


def everything(region: RegionReading) -> ReaderProfile:
    return replace(PERFECT, regions=dict.fromkeys(Region, region))


def foramen(severity: float, key: int, column: float = 10.0) -> tuple[AnnotatedSlice, tuple[float, ...]]:
    box = (10.0, column, 30.0, column + 12.0)
    item = Annotation(box, Region.NEURAL_FORAMEN, Side.LEFT, Grade.NORMAL, Level.L4_L5)
    return AnnotatedSlice(slice_key("s", Plane.SAGITTAL, key), (64, 64), (item,)), (severity,)


def test_without_noise_the_truth_is_read() -> None:
    labels = read(PATIENT.slices, PATIENT.severities, profile=PERFECT, rng=np.random.default_rng(0))
    assert labels == PATIENT.slices


@settings(max_examples=25)
@given(profiles(), st.integers(0, 1000))
def test_no_reader_leaves_the_image_or_takes_one_side_for_another(profile: ReaderProfile, seed: int) -> None:
    labels = read(PATIENT.slices, PATIENT.severities, profile=profile, rng=np.random.default_rng(seed))
    assert [slice_.key for slice_ in labels] == [slice_.key for slice_ in PATIENT.slices]
    for label in labels:
        plane = Plane.AXIAL if Plane.AXIAL in label.key else Plane.SAGITTAL
        names = [(item.region, item.level, item.side) for item in label.annotations]
        assert len(names) == len(set(names))
        for item in label.annotations:
            ymin, xmin, ymax, xmax = item.box
            assert 0 <= ymin < ymax <= label.size_px[0]
            assert 0 <= xmin < xmax <= label.size_px[1]
            assert item.region.plane is plane
            assert item.grade in Grade
    columns = {
        side: [
            (item.box[1] + item.box[3]) / 2
            for label in labels
            for item in label.annotations
            if item.region is Region.LATERAL_RECESS and item.side is side
        ]
        for side in Side
    }
    if all(columns.values()):  # a box keeps its centre in the true one, and recesses do not overlap
        assert max(columns[Side.RIGHT]) < min(columns[Side.LEFT])


@pytest.mark.parametrize("side", Side)
def test_each_recess_is_read_where_it_is(side: Side) -> None:
    """Of each side there are as many boxes as the truth has when nothing is missed or added."""
    profile = replace(everything(RegionReading(noise=0.2)), shift=0.1, growth=0.1)
    labels = read(PATIENT.slices, PATIENT.severities, profile=profile, rng=np.random.default_rng(2))
    for label, slice_ in zip(labels, PATIENT.slices, strict=True):
        assert [(item.region, item.side, item.level) for item in label.annotations if item.side is side] == [
            (item.region, item.side, item.level) for item in slice_.annotations if item.side is side
        ]


def test_a_reader_misses_what_the_profile_misses() -> None:
    nothing = everything(RegionReading(missed=(1.0, 1.0, 1.0, 1.0)))
    labels = read(PATIENT.slices, PATIENT.severities, profile=nothing, rng=np.random.default_rng(0))
    assert not any(label.annotations for label in labels)


def test_misses_go_by_the_true_grade() -> None:
    slices, severities = zip(*(foramen(severity, 1) for severity in (0.0, 0.9)), strict=True)
    profile = everything(RegionReading(missed=(1.0, 0.0, 0.0, 0.0)))
    labels = read(slices, severities, profile=profile, rng=np.random.default_rng(0))
    assert [len(label.annotations) for label in labels] == [0, 1]


def test_an_extra_box_lies_one_slice_beyond_the_last() -> None:
    (first, severity), (second, _) = foramen(0.5, 2), foramen(0.5, 3)
    empty = [AnnotatedSlice(slice_key("s", Plane.SAGITTAL, number), (64, 64), ()) for number in (1, 4, 5)]
    slices = (empty[0], first, second, empty[1], empty[2])
    severities = ((), severity, severity, (), ())
    labels = read(slices, severities, profile=everything(RegionReading(extra=1.0)), rng=np.random.default_rng(0))
    assert [len(label.annotations) for label in labels] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(("shift", "grade"), [(-0.05, Grade.MODERATE), (0.0, Grade.MILD), (0.05, Grade.MILD)])
def test_a_low_threshold_calls_more(shift: float, grade: Grade) -> None:
    slice_, severity = foramen(0.31, 1)
    profile = everything(RegionReading(threshold_shifts=(0.0, shift, 0.0)))
    labels = read([slice_], [severity], profile=profile, rng=np.random.default_rng(0))
    assert labels[0].annotations[0].grade is grade


def agreement(noise: float, seed: int) -> float:
    profile = everything(RegionReading(noise=noise))
    labels = read(PATIENT.slices, PATIENT.severities, profile=profile, rng=np.random.default_rng(seed))
    truth, calls = (
        [float(item.grade or 0) for slice_ in slices for item in slice_.annotations]
        for slices in (PATIENT.slices, labels)
    )
    return gwet(truth, calls, categories=len(Grade)).coefficient.value


def test_more_noise_agrees_less() -> None:
    means = [np.mean([agreement(noise, seed) for seed in range(8)]) for noise in (0.0, 0.03, 0.08, 0.2, 0.5)]
    assert means[0] == pytest.approx(1.0)
    assert all(less < more for more, less in itertools.pairwise(means))


def test_shared_noise_makes_neighbouring_slices_agree() -> None:
    """With all noise shared, two slices of one foramen of one severity always have one grade."""
    slices, severities = zip(*(foramen(1 / 3, number) for number in (1, 2)), strict=True)
    profile = replace(everything(RegionReading(noise=0.2)), shared_noise=1.0)
    grades = set()
    for seed in range(30):
        labels = read(slices, severities, profile=profile, rng=np.random.default_rng(seed))
        assert labels[0].annotations[0].grade is labels[1].annotations[0].grade
        grades.add(labels[0].annotations[0].grade)
    assert len(grades) > 1


def test_the_panel_depends_on_seed_and_number_alone() -> None:
    first, again, other = (
        read_by_panel(PATIENT.slices, PATIENT.severities, seed=1, number=number) for number in (4, 4, 5)
    )
    assert list(first) == list(PANEL)
    assert first == again
    assert first["radiologist_1"] != other["radiologist_1"]
    assert first["radiologist_1"] != first["radiologist_2"]
