"""Series taken apart: planes, echoes, acquisitions, stacks, gaps and duplicates."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from header_samples import series
from hypothesis import given
from hypothesis import strategies as st

from tfspine.dicom.parts import Part, parts_of
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.labels import Plane

AXIAL, SAGITTAL = Plane.AXIAL, Plane.SAGITTAL


def depths(part: Part) -> list[list[float]]:
    """Return how far below the first slice each slice lies, stack by stack, of axial slices."""
    return [[-header.geometry.position_mm[2] for header in stack] for stack in part.stacks]


def shuffled(headers: Sequence[SliceHeader], seed: int = 0) -> list[SliceHeader]:
    return random.Random(seed).sample(list(headers), len(headers))


def test_one_stack_is_one_part_from_head_to_feet() -> None:
    (part,) = parts_of(shuffled(series(AXIAL)))
    assert depths(part) == [[0, 5, 10, 15, 20, 25]]
    assert (part.plane, part.gaps, part.duplicates) == (AXIAL, 0, ())


@given(st.permutations(range(12)))
def test_no_order_of_files_changes_the_parts(order: list[int]) -> None:
    """Two echoes under one SeriesInstanceUID: the parts, and the order of their slices, are always the same."""
    first = series(AXIAL, times_ms=(4000.0, 20.0))
    both = first + [replace(header, sop_instance_uid=f"{header.sop_instance_uid}.2") for header in series(AXIAL)]
    expected = parts_of(both)
    assert [part.slices[0].sequence.echo_time_ms for part in expected] == [20.0, 90.0]
    assert parts_of([both[index] for index in order]) == expected


@pytest.mark.parametrize(
    "other",
    [
        series(AXIAL, times_ms=(4000.0, 30.0)),
        series(SAGITTAL, times_ms=(4000.0, 90.0)),
        series(None),
        series(AXIAL, image_type=("ORIGINAL", "PRIMARY", "P")),
        series(AXIAL, size_px=(24, 20)),
        series(AXIAL, spacing_mm=(0.6, 0.7)),
        series(AXIAL, contrast_agent="Gadoterate"),
    ],
    ids=["echo", "plane", "coronal", "phase", "matrix", "spacing", "contrast"],
)
def test_what_was_not_measured_together_is_taken_apart(other: list[SliceHeader]) -> None:
    parts = parts_of(shuffled(series(AXIAL) + other))
    assert sorted(len(part.slices) for part in parts) == [6, 6]
    assert [part.duplicates for part in parts] == [(), ()]


@pytest.mark.parametrize(("one_ms", "other_ms", "parts"), [(89.4, 89.6, 1), (89.6, 90.3, 1), (90.0, 95.0, 2)])
def test_echo_times_rounded_slice_by_slice_stay_together(one_ms: float, other_ms: float, parts: int) -> None:
    headers = series(AXIAL, times_ms=(4000.0, one_ms))[:3] + series(AXIAL, times_ms=(4000.0, other_ms))[3:]
    assert len(parts_of(headers)) == parts


def test_a_repeat_is_a_part_of_its_own() -> None:
    again = [replace(header, acquisition_number=2, sop_instance_uid=f"2.{n}") for n, header in enumerate(series(AXIAL))]
    first, second = parts_of(shuffled(series(AXIAL) + again))
    assert ({header.acquisition_number for header in first.slices}, len(first.slices)) == ({1}, 6)
    assert ({header.acquisition_number for header in second.slices}, len(second.slices)) == ({2}, 6)
    assert (first.duplicates, second.duplicates) == ((), ())


def test_a_repeat_after_the_patient_moved_is_a_part_of_its_own() -> None:
    """Slices 4 mm thick that lie 1 mm apart were not measured together, though none lies at the place of another."""
    moved = series(AXIAL, at_mm=[1.0, 6.0, 11.0, 16.0, 21.0, 26.0], acquisition_number=2, uid="1.5")
    assert [len(part.slices) for part in parts_of(series(AXIAL) + moved)] == [6, 6]


def test_interleaved_acquisitions_stay_one_stack() -> None:
    """Even and odd slices measured one after the other, each with its AcquisitionNumber."""
    headers = [replace(header, acquisition_number=1 + n % 2) for n, header in enumerate(series(AXIAL))]
    (part,) = parts_of(shuffled(headers))
    assert depths(part) == [[0, 5, 10, 15, 20, 25]]


def test_a_slice_sent_twice_is_a_duplicate_and_does_not_tear_interleaved_acquisitions_apart() -> None:
    headers = [replace(header, acquisition_number=1 + n % 2) for n, header in enumerate(series(AXIAL))]
    twice = replace(headers[2], sop_instance_uid="9", instance_number=99)
    (part,) = parts_of(shuffled([*headers, twice]))
    assert part.duplicates == (twice,)
    assert (len(part.slices), part.gaps) == (6, 0)


def test_one_duplicate_without_acquisition_numbers() -> None:
    headers = series(AXIAL, acquisition_number=None)
    twice = replace(headers[0], sop_instance_uid="9", instance_number=99)
    (part,) = parts_of([twice, *headers])
    assert (part.duplicates, part.slices[0]) == ((twice,), headers[0])


def test_missing_slices_are_counted_as_gaps() -> None:
    """One slice lacks after 10 mm, two after 20 mm: two places."""
    (part,) = parts_of(series(AXIAL, at_mm=[0, 5, 10, 20, 35, 40, 45]))
    assert part.gaps == 2


def test_uneven_distances_are_no_gap() -> None:
    (part,) = parts_of(series(AXIAL, at_mm=[0, 4.4, 9.3, 13.8, 18.0]))
    assert part.gaps == 0


def tilted(headers: list[SliceHeader], degrees: float) -> list[SliceHeader]:
    """Return the slices turned about the patient's x through the first slice's middle."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return [
        replace(
            header,
            geometry=replace(
                header.geometry,
                position_mm=tuple(turn @ header.geometry.position_mm),
                row_direction=tuple(turn @ header.geometry.row_direction),
                column_direction=tuple(turn @ header.geometry.column_direction),
            ),
        )
        for header in headers
    ]


def test_a_stack_for_each_disc_is_one_part_in_the_order_of_the_discs() -> None:
    discs = [
        tilted(series(AXIAL, at_mm=[top, top + 5, top + 10], uid=f"1.{number}"), tilt)
        for number, (top, tilt) in enumerate([(0.0, -12.0), (40.0, 0.0), (80.0, 15.0)])
    ]
    together = [replace(header, series_instance_uid="1.1") for disc in discs for header in disc]
    (part,) = parts_of(shuffled(together))
    assert [[header.sop_instance_uid for header in stack] for stack in part.stacks] == [
        ["1.0.1", "1.0.2", "1.0.3"],
        ["1.1.1", "1.1.2", "1.1.3"],
        ["1.2.1", "1.2.2", "1.2.3"],
    ]
    assert (part.gaps, part.duplicates) == (0, ())


def test_slices_of_crossing_stacks_are_no_duplicates() -> None:
    """Neighbouring discs' stacks cross behind the spine; only slices of one stack can lie at one place."""
    crossing = series(AXIAL) + tilted(series(AXIAL, uid="1.2"), 20.0)
    (part,) = parts_of(crossing)
    assert ([len(stack) for stack in part.stacks], part.duplicates) == ([6, 6], ())


def test_slices_stored_upside_down_belong_to_the_same_stack() -> None:
    """The same slices written with rows and columns flipped: normals agree again once both are hung."""
    headers = series(AXIAL)
    flipped = [
        replace(
            header,
            geometry=replace(
                header.geometry,
                position_mm=(0.0, 19 * 0.6, header.geometry.position_mm[2]),
                column_direction=(0.0, -1.0, 0.0),
            ),
        )
        for header in headers[1::2]
    ]
    (part,) = parts_of(headers[::2] + flipped)
    assert depths(part) == [[0, 5, 10, 15, 20, 25]]
