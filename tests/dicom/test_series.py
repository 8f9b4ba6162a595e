"""The choice of series: each reason to refuse, each rule of preference, and what names alone never decide."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from header_samples import series

from tfspine.dicom.headers import SliceHeader
from tfspine.dicom.series import Decision, choose_series
from tfspine.labels import Plane

AXIAL, SAGITTAL = Plane.AXIAL, Plane.SAGITTAL
GOOD = series(SAGITTAL, uid="1.50")


def decided(*candidates: Sequence[SliceHeader]) -> dict[str, Decision]:
    """Decide on series, and return the decisions by SeriesInstanceUID."""
    decisions = choose_series([header for candidate in candidates for header in candidate])
    return {decision.part.slices[0].series_instance_uid: decision for decision in decisions}


def verdict(plane: Plane | None, **attributes: Any) -> tuple[Plane | None, str]:
    """Return what becomes of one series that is right but for these attributes."""
    (decision,) = choose_series(series(plane, **attributes))
    return decision.plane, decision.reason


@pytest.mark.parametrize(
    ("plane", "attributes"),
    [
        (AXIAL, {}),
        (SAGITTAL, {}),
        (AXIAL, {"times_ms": (3500.0, 80.0)}),  # the paper's examples
        (AXIAL, {"times_ms": (5300.0, 100.0)}),
        (SAGITTAL, {"times_ms": (500.0, 15.0)}),
        (SAGITTAL, {"times_ms": (900.0, 10.0)}),  # 3 T
        (SAGITTAL, {"times_ms": (2500.0, 22.0), "scanning_sequence": ("SE", "IR"), "inversion_time_ms": 860.0}),
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "OTHER")}),  # GE
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "M_SE", "M", "SE")}),  # Philips
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "M", "ND", "NORM")}),  # Siemens
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D")}),
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "T2", "NONE", "MAGNITUDE")}),  # enhanced
        (SAGITTAL, {"image_type": ("ORIGINAL", "PRIMARY", "M", "IN_PHASE")}),
        (AXIAL, {"scanning_sequence": ("RM",)}),
        (AXIAL, {"inversion_time_ms": 150.0}),  # GE fills it in; without IR it means nothing
        (AXIAL, {"body_part_examined": "LSPINE"}),
        (AXIAL, {"body_part_examined": "SPINE"}),
        (AXIAL, {"described": "T2W TSE TRA LUMBAR SPINE HEAD FIRST"}),
        (AXIAL, {"described": "T1 SAG"}),  # a name never outweighs TR and TE
        (AXIAL, {"described": "THORACOLUMBAR T2"}),
        (AXIAL, {"study_described": "MRI C-SPINE AND L-SPINE"}),
        (AXIAL, {"study_described": "MRI BRAIN", "body_part_examined": "LSPINE"}),
        (SAGITTAL, {"study_described": "MRI LUMBAR SPINE WITH CONTRAST"}),
        (SAGITTAL, {"study_described": "MRI LUMBAR SPINE POST OP"}),
        (SAGITTAL, {"described": "T1 SAG POST OP"}),
        (SAGITTAL, {"described": "T1 SAG PRE CONTRAST"}),
        (SAGITTAL, {"described": "T1 SAG W/O CONTRAST"}),
        (SAGITTAL, {"described": "T1 SAG OHNE KM"}),
        (AXIAL, {"described": "POSTERIOR"}),
    ],
    ids=str,
)
def test_what_fits_is_chosen(plane: Plane, attributes: dict[str, Any]) -> None:
    assert verdict(plane, **attributes) == (plane, f"{plane} {'T2' if plane is AXIAL else 'T1'}")


@pytest.mark.parametrize(
    ("plane", "attributes", "reason"),
    [
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "ImageType LOCALIZER"),
        (AXIAL, {"image_type": ("DERIVED", "SECONDARY", "MPR")}, "ImageType DERIVED, MPR, SECONDARY"),
        (AXIAL, {"image_type": ("DERIVED", "PRIMARY", "M")}, "ImageType DERIVED"),
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "POSDISP", "M")}, "ImageType POSDISP"),
        (AXIAL, {"image_type": ("ORIGINAL", "PRIMARY", "P")}, "ImageType P; expected the magnitude of all signal"),
        (
            SAGITTAL,
            {"image_type": ("ORIGINAL", "PRIMARY", "M", "WATER")},
            "ImageType WATER; expected the magnitude of all signal",
        ),
        (
            SAGITTAL,
            {"image_type": ("ORIGINAL", "PRIMARY", "T1", "NONE", "PHASE")},
            "ImageType PHASE; expected the magnitude of all signal",
        ),
        (AXIAL, {"described": "POSDISP [4] T2 TSE TRA 384"}, "described as POSDISP"),
        (AXIAL, {"described": "LOCALIZER 3 PLANES"}, "described as LOCALIZER"),
        (AXIAL, {"described": "3-PL LOC"}, "described as 3-PL LOC"),
        (SAGITTAL, {"described": "SURVEY 32CH"}, "described as SURVEY"),
        (SAGITTAL, {"described": "MYELOGRAM"}, "described as MYELOGRAM"),
        (AXIAL, {"body_part_examined": "CSPINE"}, "BodyPartExamined CSPINE; expected the lumbar spine"),
        (AXIAL, {"body_part_examined": "BRAIN"}, "BodyPartExamined BRAIN; expected the lumbar spine"),
        (AXIAL, {"described": "T2 TRA C-SPINE"}, "described as C-SPINE; expected the lumbar spine"),
        (
            AXIAL,
            {"described": "T2 TRA T SPINE", "body_part_examined": "LSPINE"},
            "described as T SPINE; expected the lumbar spine",
        ),
        (AXIAL, {"described": "T2 TSE TRA HWS"}, "described as HWS; expected the lumbar spine"),
        (AXIAL, {"study_described": "MR KNEE LEFT"}, "study described as KNEE; expected the lumbar spine"),
        (SAGITTAL, {"contrast_agent": "DOTAREM"}, "post-contrast: ContrastBolusAgent is given"),
        (SAGITTAL, {"described": "T1 SAG +C"}, "post-contrast: described with +C"),
        (SAGITTAL, {"described": "T1 SAG C+"}, "post-contrast: described with C+"),
        (SAGITTAL, {"described": "T1 TSE SAG KM"}, "post-contrast: described with KM"),
        (SAGITTAL, {"described": "SAG T1 POST GAD"}, "post-contrast: described with POST"),
        (
            SAGITTAL,
            {"described": "SAG T1 POST", "study_described": "MRI LUMBAR W/O AND WITH"},
            "post-contrast: described with POST",
        ),
        (AXIAL, {"scanning_sequence": ("EP", "SE")}, "echo-planar; expected spin echo"),
        (AXIAL, {"scanning_sequence": ("GR",)}, "gradient echo; expected spin echo"),
        (
            SAGITTAL,
            {"scanning_sequence": ("SE", "IR"), "inversion_time_ms": 160.0, "times_ms": (4000.0, 60.0)},
            "STIR, InversionTime 160 ms; expected fat to be bright",
        ),
        (SAGITTAL, {"is_fat_suppressed": True}, "fat-suppressed; expected fat to be bright"),
        (SAGITTAL, {"described": "T1 FS SAG"}, "fat-suppressed: described with FS; expected fat to be bright"),
        (SAGITTAL, {"described": "T1 SPIR"}, "fat-suppressed: described with SPIR; expected fat to be bright"),
        (
            AXIAL,
            {"scanning_sequence": ("IR",), "inversion_time_ms": 2200.0, "times_ms": (6000.0, 100.0)},
            "axial TR/TE/TI 6000/100/2200 ms; expected T2-weighted",
        ),
        (None, {}, "coronal or too oblique; expected axial or sagittal"),
        (SAGITTAL, {"times_ms": (3500.0, 100.0)}, "sagittal T2; expected T1-weighted"),
        (AXIAL, {"times_ms": (600.0, 12.0)}, "axial T1; expected T2-weighted"),
        (AXIAL, {"times_ms": (2500.0, 20.0)}, "axial TR/TE 2500/20 ms; expected T2-weighted"),
        (
            SAGITTAL,
            {"times_ms": (6.8, 3.1), "scanning_sequence": ()},
            "sagittal TR/TE 6.8/3.1 ms; expected T1-weighted",
        ),
        (AXIAL, {"times_ms": (None, 90.0)}, "axial without TR or TE; expected T2-weighted"),
        (AXIAL, {"at_mm": [0.0, 5.0, 10.0]}, "3 slices; expected at least 5"),
    ],
    ids=str,
)
def test_each_reason_to_refuse(plane: Plane | None, attributes: dict[str, Any], reason: str) -> None:
    assert verdict(plane, **attributes) == (None, reason)


@pytest.mark.parametrize(
    ("better", "worse", "rule"),
    [
        ({"body_part_examined": "LSPINE"}, {}, "names the lumbar spine"),
        ({"described": "T2 L-SPINE"}, {"body_part_examined": "SPINE"}, "names the lumbar spine"),
        ({"at_mm": [0, 5, 10, 15, 20, 25, 30]}, {}, "has more slices"),
        ({"spacing_mm": (0.5, 0.5)}, {}, "has finer pixels"),
        (
            {"image_type": ("ORIGINAL", "PRIMARY", "M", "DIS2D")},
            {"image_type": ("ORIGINAL", "PRIMARY", "M", "ND")},
            "is corrected for distortion",
        ),
        ({"series_number": 9}, {}, "was measured later, as a repeat is"),
        ({"acquisition_number": 2}, {}, "is a later acquisition"),
        ({}, {"uid": "1.99"}, "comes first by SeriesInstanceUID"),
    ],
    ids=str,
)
def test_each_rule_of_preference_decides_and_is_written_down(
    better: dict[str, Any], worse: dict[str, Any], rule: str
) -> None:
    good, other = {"uid": "1.20", **better}, {"uid": "1.10", **worse}
    decisions = decided(series(AXIAL, **other), series(AXIAL, **good), GOOD)
    assert decisions[good["uid"]].reason == "axial T2"
    assert decisions[other["uid"]].plane is None
    assert decisions[other["uid"]].reason == f"another axial T2 series {rule}"
    assert decisions["1.50"].plane is SAGITTAL


def test_the_rules_are_tried_in_their_order() -> None:
    """More slices outweigh finer pixels, which outweigh a later number."""
    more = series(AXIAL, uid="1.10", at_mm=range(0, 40, 5), spacing_mm=(0.9, 0.9))
    finer = series(AXIAL, uid="1.11", spacing_mm=(0.4, 0.4), series_number=2)
    later = series(AXIAL, uid="1.12", series_number=9)
    decisions = decided(later, finer, more, GOOD)
    assert decisions["1.10"].plane is AXIAL
    assert decisions["1.11"].reason == "another axial T2 series has more slices"
    assert decisions["1.12"].reason == "another axial T2 series has more slices"


def test_a_second_block_is_taken_with_the_first() -> None:
    """Upper and lower discs measured as two series: both are read; a repeat of one block is not."""
    upper = series(AXIAL, uid="1.10", at_mm=[0, 5, 10, 15, 20, 25, 30])
    lower = series(AXIAL, uid="1.11", at_mm=[60, 65, 70, 75, 80, 85])
    again = series(AXIAL, uid="1.12", at_mm=[62, 67, 72, 77, 82])
    decisions = decided(upper, lower, again, GOOD)
    assert decisions["1.10"].reason == "axial T2"
    assert (decisions["1.11"].plane, decisions["1.11"].reason) == (
        AXIAL,
        "axial T2, where the better series has no slices",
    )
    assert (decisions["1.12"].plane, decisions["1.12"].reason) == (None, "another axial T2 series has more slices")


def test_a_second_block_in_another_frame_of_reference_is_not_taken() -> None:
    """Its positions count from elsewhere: whether it lies beside the first cannot be told."""
    upper = series(AXIAL, uid="1.10", at_mm=[0, 5, 10, 15, 20, 25, 30])
    lower = series(AXIAL, uid="1.11", at_mm=[60, 65, 70, 75, 80, 85], frame_of_reference_uid="1.8")
    assert decided(upper, lower, GOOD)["1.11"].plane is None


def test_the_second_echo_of_one_series_is_chosen_and_the_first_refused() -> None:
    early = series(AXIAL, times_ms=(4000.0, 20.0))
    late = [replace(header, sop_instance_uid=f"{header.sop_instance_uid}.2") for header in series(AXIAL)]
    first, second, _ = choose_series([*early, *late, *GOOD])
    assert (first.number, first.plane, first.reason) == (1, None, "axial TR/TE 4000/20 ms; expected T2-weighted")
    assert (second.number, second.plane, second.reason) == (2, AXIAL, "axial T2")


def test_a_pre_and_a_post_contrast_series_of_one_study() -> None:
    """The study's description speaks of contrast and of none; only what is said of each series counts."""
    said = "MRI LUMBAR SPINE W/O & W CONTRAST"
    before = series(SAGITTAL, uid="1.10", study_described=said, described="SAG T1", series_number=3)
    after = series(SAGITTAL, uid="1.11", study_described=said, described="SAG T1 POST", series_number=8)
    decisions = decided(before, after)
    assert decisions["1.10"].plane is SAGITTAL
    assert decisions["1.11"].reason == "post-contrast: described with POST"


def test_decisions_come_by_series_number() -> None:
    shuffled = [*series(AXIAL, uid="1.7", series_number=12), *GOOD, *series(None, uid="1.3", series_number=4)]
    numbers = [decision.part.slices[0].series_number for decision in choose_series(shuffled)]
    assert numbers == [1, 4, 12]
    assert all(decision.reason for decision in choose_series(shuffled))
