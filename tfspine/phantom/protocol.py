"""How one series is measured: the technologist's settings, and the artefacts (`artefacts.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfspine.compat import StrEnum
from tfspine.labels import Plane
from tfspine.phantom.artefacts import Artefacts
from tfspine.phantom.tissue import Tissue

FAT_SHIFT_PPM = 3.5
"""How much lower the resonance frequency of fat is than that of water, in ppm."""

GYROMAGNETIC_RATIO_HZ_PER_UT = 42.577
"""Value of the proton in Hz per microtesla, so that ppm times a field in tesla gives Hz (CODATA 2018)."""


class Stacks(StrEnum):
    """How axial slices are arranged: along each disc, straight through, or in two straight blocks."""

    PER_DISC = "per_disc"
    STRAIGHT = "straight"
    TWO_BLOCKS = "two_blocks"


class PhaseEncoding(StrEnum):
    """DICOM's InPlanePhaseEncodingDirection: along the rows of the image or along its columns."""

    ROW = "ROW"
    COL = "COL"

    @property
    def axis(self) -> int:
        """The axis of an array [rows, columns] along which phase is encoded."""
        return 1 if self is PhaseEncoding.ROW else 0


@dataclass(frozen=True)
class Protocol:
    """How one series is measured; times in ms, lengths in mm.

    `sampled` is the share of the image's spatial frequencies that is measured along the phase and the frequency
    direction. `stored_level` is the stored value of a signal of 1. `contrast` holds factors on the physical signals
    of tissues and `gamma` is an exponent on grey values (`randomize.py`). `planning_error` scales the technologist's
    planning error: 0 for none, 1 for the usual size.
    """

    plane: Plane
    repetition_time_ms: float
    echo_time_ms: float
    field_of_view_mm: float
    matrix_px: int
    field_t: float = 1.5
    thickness_mm: float = 4.0
    distance_mm: float = 4.4
    stacks: Stacks = Stacks.PER_DISC
    phase: PhaseEncoding = PhaseEncoding.ROW
    sampled: tuple[float, float] = (0.8, 1.0)
    bandwidth_hz_px: float = 200.0
    echo_train: int = 15
    stored_level: float = 1200.0
    planning_error: float = 1.0
    contrast: Mapping[Tissue, float] = field(default_factory=dict)
    gamma: float = 1.0
    artefacts: Artefacts = field(default_factory=Artefacts)


def fat_shift_px(protocol: Protocol) -> float:
    """Return how far fat is displaced along the frequency direction, in pixels of the image.

    `bandwidth_hz_px` refers to measured pixels; the pixels of the image are finer.
    """
    shift_hz = FAT_SHIFT_PPM * GYROMAGNETIC_RATIO_HZ_PER_UT * protocol.field_t
    return shift_hz / protocol.bandwidth_hz_px / protocol.sampled[1]
