"""Signal of tissues in spin-echo sequences at 1.5 T and 3 T, separately for water and fat.

Fat resonates at another frequency than water, so that it appears shifted by a pixel or two (chemical shift).

Relaxation times in ms, at 1.5 T then 3 T, come from

- Gold 2004 (AJR 183:343-351): muscle, cartilage, joint fluid, and T1 of fat;
- Stanisz 2005 (Magn Reson Med 54:507-512): nerve (its optic nerve, bovine, in vitro) and blood;
- de Bazelaire 2004 (Radiology 230:652-659): kidney (its cortex);
- Karampinos 2018 (J Magn Reson Imaging 47:332-353): water and fat fraction of vertebral marrow, middle of the ranges;
- Rooney 2007 (Magn Reson Med 57:308-318): T1 of cerebrospinal fluid, the same at any field; its T2 is beyond any echo
  time used here;
- Techawiboonwong 2008 (Radiology 248:824-833): water of cortical bone, gone before the first echo.

- Marinelli 2010 (AJNR 31:1278-1282): T2 of the nucleus, 108 ms where little worn and 53 where worn.

Set by hand, so that tissues are as bright as in real images: proton densities, near the water content; T1 of discs,
and their annulus; fibrous tissue (ligament, fascia, endplate, skin, sclerosis); bowel; T2 of venous blood.

T2 of fat depends on the sequence, because closely spaced pulses suppress J-coupling (Henkelman 1992, J Magn Reson
Imaging 2:533-540): 58 ms in de Bazelaire 2004, 165 in Gold 2004, 41 to 143 in Pai 2008 (Magn Reson Imaging
26:1215-1220), increasing with the echo train. 95 is for trains of 10 to 20 echoes; at the short echo times of T1
weighting it has little effect.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tfspine.compat import StrEnum


class Tissue(StrEnum):
    """The tissues of the phantom."""

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
    SYNOVIUM = "synovium"
    KIDNEY = "kidney"
    SKIN = "skin"
    ENDPLATE = "endplate"
    VEIN = "vein"
    FASCIA = "fascia"
    SCLEROSIS = "sclerosis"


Signals = Mapping[Tissue, tuple[float, float]]
"""Signal of water and of fat in each tissue."""


@dataclass(frozen=True)
class Relaxation:
    """Proton density relative to water, and the times T1 and T2 in ms."""

    proton_density: float
    t1_ms: float
    t2_ms: float


@dataclass(frozen=True)
class Composition:
    """A tissue's protons: density relative to water, share in fat, T1 and T2 of the others at (1.5 T, 3 T)."""

    proton_density: float
    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    fat_fraction: float = 0.0


FAT_T1_MS = (288.0, 371.0)
FAT_T2_MS = (95.0, 95.0)

MARROW_FAT_FRACTION = 0.45
"""Value at age 60; about 0.3 at age 30 (Baum 2018, Front Endocrinol 9:141), extrapolated to 0.6 at age 80."""

COMPOSITION: dict[Tissue, Composition] = {
    Tissue.AIR: Composition(0.0, (1000.0, 1000.0), (10.0, 10.0)),
    Tissue.FAT: Composition(0.95, FAT_T1_MS, FAT_T2_MS, fat_fraction=1.0),
    Tissue.MUSCLE: Composition(0.79, (1130.0, 1420.0), (35.3, 31.7), fat_fraction=0.02),
    Tissue.MARROW: Composition(0.85, (1050.0, 1250.0), (45.0, 40.0), fat_fraction=MARROW_FAT_FRACTION),
    Tissue.CORTEX: Composition(0.20, (220.0, 260.0), (0.5, 0.4)),
    Tissue.LIGAMENT: Composition(0.50, (900.0, 1050.0), (21.0, 19.0)),
    Tissue.NUCLEUS: Composition(0.88, (1150.0, 1300.0), (105.0, 95.0)),
    Tissue.DRY_NUCLEUS: Composition(0.75, (850.0, 980.0), (50.0, 46.0)),
    Tissue.ANNULUS: Composition(0.62, (750.0, 900.0), (36.0, 33.0)),
    Tissue.CSF: Composition(1.00, (4300.0, 4300.0), (2000.0, 1500.0)),
    Tissue.NERVE: Composition(0.75, (815.0, 1083.0), (77.0, 78.0)),
    Tissue.CARTILAGE: Composition(0.75, (1060.0, 1240.0), (42.1, 36.9)),
    Tissue.VESSEL: Composition(0.06, (1441.0, 1932.0), (290.0, 275.0)),
    Tissue.BOWEL: Composition(0.80, (900.0, 1100.0), (60.0, 55.0)),
    Tissue.SYNOVIUM: Composition(0.95, (2850.0, 3620.0), (1210.0, 767.0)),
    Tissue.KIDNEY: Composition(0.85, (966.0, 1142.0), (87.0, 76.0)),
    Tissue.SKIN: Composition(0.60, (900.0, 1050.0), (24.0, 22.0)),
    Tissue.ENDPLATE: Composition(0.35, (900.0, 1000.0), (10.0, 9.0)),
    Tissue.VEIN: Composition(0.75, (1441.0, 1932.0), (180.0, 130.0)),
    Tissue.FASCIA: Composition(0.35, (800.0, 900.0), (9.0, 8.0)),
    Tissue.SCLEROSIS: Composition(0.25, (700.0, 800.0), (20.0, 18.0), fat_fraction=0.10),
}
"""Flowing blood leaves the slice before its echo: the proton density of `VESSEL` represents the flow void."""


def spin_echo(relaxation: Relaxation, *, repetition_time_ms: float, echo_time_ms: float) -> float:
    """Return the signal PD (1 - exp(-TR / T1)) exp(-TE / T2), 0 to 1 (Hahn 1950; TE much shorter than TR).

    A turbo spin echo has the weighting of a spin echo with its effective TE; `FAT_T2_MS` includes its effect on fat.
    """
    recovered = 1.0 - math.exp(-repetition_time_ms / relaxation.t1_ms)
    return relaxation.proton_density * recovered * math.exp(-echo_time_ms / relaxation.t2_ms)


def signals(*, field_t: float, repetition_time_ms: float, echo_time_ms: float) -> Signals:
    """Return the signal of the water and of the fat of every tissue in one sequence.

    Args:
        field_t: relaxation times are interpolated between 1.5 and 3 tesla, and constant outside this range.
        repetition_time_ms: TR.
        echo_time_ms: effective TE.
    """

    def echo(proton_density: float, t1_ms: tuple[float, float], t2_ms: tuple[float, float]) -> float:
        relaxation = Relaxation(proton_density, _at_field(t1_ms, field_t), _at_field(t2_ms, field_t))
        return spin_echo(relaxation, repetition_time_ms=repetition_time_ms, echo_time_ms=echo_time_ms)

    return {
        tissue: (
            echo(made.proton_density * (1.0 - made.fat_fraction), made.t1_ms, made.t2_ms),
            echo(made.proton_density * made.fat_fraction, FAT_T1_MS, FAT_T2_MS),
        )
        for tissue, made in COMPOSITION.items()
    }


def _at_field(times_ms: tuple[float, float], field_t: float) -> float:
    share = min(1.0, max(0.0, (field_t - 1.5) / 1.5))
    return times_ms[0] + share * (times_ms[1] - times_ms[0])
