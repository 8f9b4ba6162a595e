"""Signal of tissues in spin-echo sequences.

Relaxation times at 1.5 T in ms: marrow, muscle and fat after de Bazelaire 2004 (Radiology 230:652-659), nerve and
cartilage after Stanisz 2005 (Magn Reson Med 54:507-512), cerebrospinal fluid and discs in the middle of published
ranges. Turbo spin echo keeps fat brighter than its T2 says (Henkelman 1992, J-coupling), hence the longer T2 here.
Both field strengths use one table: contrast between tissues differs less than between scanners.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tissue(StrEnum):
    """What the phantom is made of."""

    AIR = "air"
    FAT = "fat"
    MUSCLE = "muscle"
    MARROW = "marrow"
    CORTEX = "cortex"
    LIGAMENT = "ligament"
    NUCLEUS = "nucleus"
    DRY_NUCLEUS = "dry_nucleus"
    ANNULUS = "annulus"
    CSF = "csf"
    NERVE = "nerve"
    CARTILAGE = "cartilage"
    VESSEL = "vessel"
    BOWEL = "bowel"


@dataclass(frozen=True)
class Relaxation:
    """Proton density relative to water, and the times T1 and T2 in ms."""

    proton_density: float
    t1_ms: float
    t2_ms: float


RELAXATION: dict[Tissue, Relaxation] = {
    Tissue.AIR: Relaxation(0.0, 1000.0, 10.0),
    Tissue.FAT: Relaxation(0.95, 343.0, 115.0),
    Tissue.MUSCLE: Relaxation(0.78, 856.0, 33.0),
    Tissue.MARROW: Relaxation(0.70, 549.0, 52.0),
    Tissue.CORTEX: Relaxation(0.12, 1000.0, 15.0),
    Tissue.LIGAMENT: Relaxation(0.40, 900.0, 18.0),
    Tissue.NUCLEUS: Relaxation(0.85, 1100.0, 85.0),
    Tissue.DRY_NUCLEUS: Relaxation(0.70, 900.0, 42.0),
    Tissue.ANNULUS: Relaxation(0.60, 900.0, 30.0),
    Tissue.CSF: Relaxation(1.00, 4000.0, 1800.0),
    Tissue.NERVE: Relaxation(0.70, 815.0, 68.0),
    Tissue.CARTILAGE: Relaxation(0.80, 1024.0, 60.0),
    Tissue.VESSEL: Relaxation(0.06, 1400.0, 200.0),
    Tissue.BOWEL: Relaxation(0.80, 900.0, 55.0),
}
"""Flowing blood leaves the slice before its echo: the vessels' proton density stands for the void."""


def spin_echo(relaxation: Relaxation, *, repetition_time_ms: float, echo_time_ms: float) -> float:
    """Return the signal PD (1 - exp(-TR / T1)) exp(-TE / T2), 0 to 1 (Hahn 1950; TE much shorter than TR)."""
    recovered = 1.0 - math.exp(-repetition_time_ms / relaxation.t1_ms)
    return relaxation.proton_density * recovered * math.exp(-echo_time_ms / relaxation.t2_ms)


def signals(*, repetition_time_ms: float, echo_time_ms: float) -> Mapping[Tissue, float]:
    """Return the signal of every tissue in one sequence."""
    return {
        tissue: spin_echo(relaxation, repetition_time_ms=repetition_time_ms, echo_time_ms=echo_time_ms)
        for tissue, relaxation in RELAXATION.items()
    }
