"""Three scanner vendors: their models, typical protocols, and their conventions in writing DICOM.

Echo and repetition times lie between the paper's two examples (docs/paper.md, Data: axial T2 3500/80 and 5300/100,
sagittal T1 500/15 and 500/10, here up to 650). Fields of view, matrices, slices, bandwidths and echo trains are those
of common protocols, chosen by hand. Names are spelled as the scanners write them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tfspine.compat import StrEnum
from tfspine.config import Vendors
from tfspine.labels import Plane
from tfspine.phantom.artefacts import draw_artefacts
from tfspine.phantom.cuts import Cut
from tfspine.phantom.protocol import PhaseEncoding, Protocol, Stacks

Range = tuple[float, float]

STRAIGHT_THICKNESS_MM = (4.5, 5.0, 5.0)
"""Slices of a straight stack from L1 to S1 are thicker, to limit their number."""


class Numbering(StrEnum):
    """How InstanceNumber counts the slices: in stacking order, in reverse, or stack by stack from the feet upwards."""

    FORWARDS = "forwards"
    BACKWARDS = "backwards"
    BY_STACK = "by_stack"


class WindowHabit(StrEnum):
    """Whether WindowCenter and WindowWidth cover most of the image's values (percentiles) or all values."""

    PERCENTILES = "percentiles"
    RANGE = "range"


@dataclass(frozen=True)
class ScannerModel:
    """One model: ManufacturerModelName, SoftwareVersions, and the field in tesla."""

    name: str
    software: str
    field_t: float


@dataclass(frozen=True)
class SeriesHabit:
    """How a vendor's users measure one plane, and the name they give it; ranges are (lowest, highest).

    `bandwidth_hz_px` is valid at 1.5 T and grows with the field. `phases` are the phase directions in use.
    """

    description: str
    matrices_px: tuple[int, ...]
    field_of_view_mm: Range
    repetition_time_ms: tuple[int, int]
    echo_time_ms: tuple[int, int]
    echo_train: tuple[int, int]
    thickness_mm: tuple[float, ...]
    gap: Range
    bandwidth_hz_px: Range
    sampled_phase: Range
    sampled_frequency: Range
    phases: tuple[PhaseEncoding, ...]


@dataclass(frozen=True)
class Vendor:
    """One vendor; attribute names are those of DICOM. `rescale_slope` is None if RescaleSlope is not written."""

    manufacturer: str
    models: tuple[ScannerModel, ...]
    transfer_syntax: UID
    image_type: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    series: Mapping[Plane, SeriesHabit]
    stacks: Mapping[Stacks, float]
    numbering: Numbering
    window: WindowHabit
    stored_level: Range
    rescale_slope: Range | None = None


def _axial(description: str, matrices_px: tuple[int, ...], sampled_frequency: Range) -> SeriesHabit:
    return SeriesHabit(
        description=description,
        matrices_px=matrices_px,
        field_of_view_mm=(180.0, 225.0),
        repetition_time_ms=(3500, 5300),
        echo_time_ms=(80, 100),
        echo_train=(13, 21),
        thickness_mm=(3.5, 4.0, 4.0, 4.0),
        gap=(0.05, 0.20),
        bandwidth_hz_px=(150.0, 230.0),
        sampled_phase=(0.65, 0.95),
        sampled_frequency=sampled_frequency,
        phases=(PhaseEncoding.ROW, PhaseEncoding.ROW, PhaseEncoding.COL),
    )


def _sagittal(description: str, matrices_px: tuple[int, ...], sampled_frequency: Range) -> SeriesHabit:
    return SeriesHabit(
        description=description,
        matrices_px=matrices_px,
        field_of_view_mm=(255.0, 300.0),
        repetition_time_ms=(500, 650),
        echo_time_ms=(10, 15),
        echo_train=(2, 4),
        thickness_mm=(3.5, 4.0, 4.0, 4.5),
        gap=(0.08, 0.20),
        bandwidth_hz_px=(150.0, 230.0),
        sampled_phase=(0.65, 0.95),
        sampled_frequency=sampled_frequency,
        phases=(PhaseEncoding.COL,),
    )


SIEMENS = Vendor(
    manufacturer="SIEMENS",
    models=(
        ScannerModel("Avanto", "syngo MR B19", 1.5),
        ScannerModel("Aera", "syngo MR E11", 1.5),
        ScannerModel("Skyra", "syngo MR E11", 3.0),
    ),
    transfer_syntax=ExplicitVRLittleEndian,
    image_type=("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"),
    sequence_variant=("SK", "SP", "OSP"),
    series={
        Plane.AXIAL: _axial("t2_tse_tra", (320, 384), (0.95, 1.0)),
        Plane.SAGITTAL: _sagittal("t1_tse_sag", (320, 384), (0.95, 1.0)),
    },
    stacks={Stacks.PER_DISC: 0.8, Stacks.TWO_BLOCKS: 0.1, Stacks.STRAIGHT: 0.1},
    numbering=Numbering.FORWARDS,
    window=WindowHabit.PERCENTILES,
    stored_level=(500.0, 900.0),
)

GE = Vendor(
    manufacturer="GE MEDICAL SYSTEMS",
    models=(
        ScannerModel("Signa HDxt", "24", 1.5),
        ScannerModel("Optima MR450w", "25", 1.5),
        ScannerModel("DISCOVERY MR750", "25", 3.0),
    ),
    transfer_syntax=ExplicitVRLittleEndian,
    image_type=("ORIGINAL", "PRIMARY", "OTHER"),
    sequence_variant=("SK",),
    series={
        Plane.AXIAL: _axial("Ax T2 FSE", (320, 384), (0.7, 0.9)),
        Plane.SAGITTAL: _sagittal("Sag T1 FSE", (320, 384), (0.7, 0.9)),
    },
    stacks={Stacks.PER_DISC: 0.7, Stacks.STRAIGHT: 0.3},
    numbering=Numbering.BACKWARDS,
    window=WindowHabit.RANGE,
    stored_level=(900.0, 1500.0),
)

PHILIPS = Vendor(
    manufacturer="Philips Medical Systems",
    models=(
        ScannerModel("Achieva", "3.2.3", 1.5),
        ScannerModel("Ingenia", "5.1.7", 1.5),
        ScannerModel("Ingenia", "5.1.7", 3.0),
    ),
    transfer_syntax=ImplicitVRLittleEndian,
    image_type=("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
    sequence_variant=("SK",),
    series={
        Plane.AXIAL: _axial("T2W_TSE_AX", (320, 352, 384), (0.75, 0.95)),
        Plane.SAGITTAL: _sagittal("T1W_TSE_SAG", (320, 352, 384), (0.75, 0.95)),
    },
    stacks={Stacks.PER_DISC: 0.85, Stacks.TWO_BLOCKS: 0.15},
    numbering=Numbering.BY_STACK,
    window=WindowHabit.PERCENTILES,
    stored_level=(700.0, 1300.0),
    rescale_slope=(0.4, 3.0),
)

OF_COHORT: dict[Vendors, tuple[Vendor, ...]] = {
    Vendors.INTERNAL: (SIEMENS, GE),
    Vendors.EXTERNAL: (PHILIPS, GE),
    Vendors.SIEMENS: (SIEMENS,),
    Vendors.GE: (GE,),
    Vendors.PHILIPS: (PHILIPS,),
}
"""docs/paper.md, Data: internal GE and Siemens, external Philips and GE; the patients alternate between vendors."""


def draw_protocol(
    vendor: Vendor, plane: Plane, rng: np.random.Generator, *, field_t: float, matrix_px: int
) -> Protocol:
    """Sample the protocol of one series.

    Args:
        vendor: the scanner vendor.
        plane: axial T2w or sagittal T1w.
        rng: random generator.
        field_t: field strength of the scanner.
        matrix_px: rows and columns of the images, or 0 for the vendor's own.
    """
    habit = vendor.series[plane]
    own_matrix_px = int(rng.choice(habit.matrices_px))
    stacks = Stacks(rng.choice(list(vendor.stacks), p=list(vendor.stacks.values())))
    is_straight = plane is Plane.AXIAL and stacks is not Stacks.PER_DISC
    thickness_mm = float(rng.choice(STRAIGHT_THICKNESS_MM if is_straight else habit.thickness_mm))
    return Protocol(
        plane=plane,
        repetition_time_ms=float(rng.integers(*habit.repetition_time_ms, endpoint=True)),
        echo_time_ms=float(rng.integers(*habit.echo_time_ms, endpoint=True)),
        field_of_view_mm=round(rng.uniform(*habit.field_of_view_mm), 1),
        matrix_px=matrix_px or own_matrix_px,
        field_t=field_t,
        thickness_mm=thickness_mm,
        distance_mm=round(thickness_mm * (1.0 + rng.uniform(*habit.gap)), 2),
        stacks=stacks,
        phase=PhaseEncoding(rng.choice(habit.phases)),
        sampled=(float(rng.uniform(*habit.sampled_phase)), float(rng.uniform(*habit.sampled_frequency))),
        bandwidth_hz_px=round(rng.uniform(*habit.bandwidth_hz_px) * (field_t / 1.5) ** 0.7),
        echo_train=int(rng.integers(*habit.echo_train, endpoint=True)),
        stored_level=float(rng.uniform(*vendor.stored_level)),
        artefacts=draw_artefacts(rng, plane=plane, field_t=field_t),
    )


def instance_numbers(cuts: Sequence[Cut], numbering: Numbering) -> list[int]:
    """Return the InstanceNumber of each slice of a series, given in stacking order."""
    order = list(range(len(cuts)))
    if numbering is Numbering.BACKWARDS:
        order.reverse()
    elif numbering is Numbering.BY_STACK:
        order.sort(key=lambda index: (-cuts[index].stack, index))
    numbers = [0] * len(cuts)
    for number, index in enumerate(order, start=1):
        numbers[index] = number
    return numbers
