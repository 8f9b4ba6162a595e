"""The choice of series: each reason to refuse, each rule of preference, and what names alone never decide."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from header_samples import series

from tfspine.dicom.series import Decision, choose_series
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.labels import Plane

AXIAL, SAGITTAL = Plane.AXIAL, Plane.SAGITTAL
GOOD = series(SAGITTAL, uid="1.50")


def decided(*candidates: Sequence[SliceHeader]) -> dict[str, Decision]:
    """Decide on series, and return the decisions by SeriesInstanceUID."""
    decisions = choose_series([header for candidate in candidates for header in candidate])
    return {decision.part.slices[0].series_instance_uid: decision for decision in decisions}


def verdict(plane: Plane | None, **attributes: Any) -> tuple[Plane | None, str]:
    """Return the decision on a series that is correct except for these attributes."""
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
        (SAGITTAL, {"described": "SAG T1 NO FS"}),
        (SAGITTAL, {"described": "SAG T1 NON-FS"}),
        (SAGITTAL, {"described": "SAG T1 W/O FATSAT"}),
        (SAGITTAL, {"described": "Sag T1", "protocol": "LUMBAR T1 T2 STIR", "manufacturer": "GE MEDICAL SYSTEMS"}),
        (SAGITTAL, {"described": "", "protocol": "STIR POST GD", "manufacturer": "GE MEDICAL SYSTEMS"}),
        (SAGITTAL, {"described": "Sag T1", "protocol": "LUMBAR T1 T2 STIR", "manufacturer": "Canon"}),
        (SAGITTAL, {"described": "SAG T1 STIR"}),  # a TR of 500 ms has no time for it
        (SAGITTAL, {"described": "L-SPINE T1", "body_part_examined": "ABDOMEN"}),
        (SAGITTAL, {"described": "T1 LWS", "body_part_examined": "CSPINE"}),
        (SAGITTAL, {"study_described": "MRI LUMBAR SPINE", "body_part_examined": "ABDOMEN"}),
        (SAGITTAL, {"described": "InPhase: Sag T1 FSE"}),
        (SAGITTAL, {"described": "InPhase: Sag T1", "image_type": ("DERIVED", "PRIMARY", "DIXON", "IN_PHASE")}),
        (SAGITTAL, {"described": "WATER", "image_type": ("ORIGINAL", "PRIMARY", "M", "IN_PHASE")}),
        (SAGITTAL, {"described": "T1", "times_ms": (None, None), "scanning_sequence": ()}),  # RSNA 2024
        (AXIAL, {"described": "Axial T2", "times_ms": (None, None)}),
        (SAGITTAL, {"described": "SAG T1 TSE", "times_ms": (1400.0, 11.0)}),  # long for T1, and named so
        (AXIAL, {"described": "T2 TRA", "times_ms": (3000.0, 50.0)}),
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
        (AXIAL, {"described": "3-PL LOC"}, "described as LOC"),
        (SAGITTAL, {"described": "SURVEY 32CH"}, "described as SURVEY"),
        (SAGITTAL, {"described": "MYELOGRAM"}, "described as MYELOGRAM"),
        (AXIAL, {"body_part_examined": "CSPINE"}, "BodyPartExamined CSPINE; expected the lumbar spine"),
        (AXIAL, {"body_part_examined": "BRAIN"}, "BodyPartExamined BRAIN; expected the lumbar spine"),
        (AXIAL, {"described": "T2 TRA C-SPINE"}, "described as CSPINE; expected the lumbar spine"),
        (
            AXIAL,
            {"described": "T2 TRA T SPINE", "body_part_examined": "LSPINE"},
            "described as TSPINE; expected the lumbar spine",
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
        (SAGITTAL, {"described": "T1_SAG_DOTAREM"}, "post-contrast: described with DOTAREM"),
        (SAGITTAL, {"described": "SAG T1 POSTCONTRAST"}, "post-contrast: described with POSTCONTRAST"),
        (SAGITTAL, {"described": "SAG T1 p.c."}, "post-contrast: described with P.C."),
        (SAGITTAL, {"described": "SAG T1 +G"}, "post-contrast: described with +C"),
        (
            SAGITTAL,
            {"described": "T1", "protocol": "T1 KM", "manufacturer": "SIEMENS"},
            "post-contrast: described with KM",
        ),
        (SAGITTAL, {"described": "OutPhase: Sag T1"}, "described as OUTPHASE; expected the magnitude of all signal"),
        (SAGITTAL, {"described": "WATER: Sag T1"}, "described as WATER; expected the magnitude of all signal"),
        (SAGITTAL, {"body_part_examined": "ABDOMEN"}, "BodyPartExamined ABDOMEN; expected the lumbar spine"),
        (
            SAGITTAL,
            {"body_part_examined": "CSPINE", "study_described": "MRI LUMBAR SPINE"},
            "BodyPartExamined CSPINE; expected the lumbar spine",
        ),
        (
            AXIAL,
            {"image_type": ("DERIVED_SECONDARY_REFORMATTED", "DERIVED", "SECONDARY", "REFORMATTED")},
            "ImageType DERIVED, SECONDARY",
        ),
        (AXIAL, {"described": "T1", "times_ms": (None, None)}, "axial T1; expected T2-weighted"),
        (
            SAGITTAL,
            {"described": "Sagittal T2/STIR", "times_ms": (None, None), "scanning_sequence": ()},
            "fat-suppressed: described with STIR; expected fat to be bright",
        ),
        (AXIAL, {"described": "STIR"}, "fat-suppressed: described with STIR; expected fat to be bright"),
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


@pytest.mark.parametrize("named", ["InPhase: Sag T1", "OutPhase: Sag T1", "WATER: Sag T1", "FAT: Sag T1"])
@pytest.mark.parametrize("is_later", [True, False])
def test_in_phase_is_chosen_of_dixons_pictures_and_a_plain_series_before_it(named: str, is_later: bool) -> None:
    number = 9 if is_later else 1
    others = [name for name in ("OutPhase: Sag T1", "WATER: Sag T1", "FAT: Sag T1", "InPhase: Sag T1") if name != named]
    dixon = [series(SAGITTAL, uid=f"1.{n}", described=name, series_number=n) for n, name in enumerate(others, start=2)]
    dixon.append(series(SAGITTAL, uid="1.9", described=named, series_number=number))
    chosen = [uid for uid, decision in decided(*dixon).items() if decision.plane]
    (uid,) = chosen
    assert decided(*dixon)[uid].part.slices[0].described == "InPhase: Sag T1"
    plain = series(SAGITTAL, uid="1.99", described="Sag T1", series_number=0)
    assert decided(*dixon, plain)["1.99"].plane is SAGITTAL


@pytest.mark.parametrize("vendor", ["GE MEDICAL SYSTEMS", "SIEMENS", "Philips Medical Systems", "TOSHIBA", "Hitachi"])
def test_a_protocol_that_kinds_of_series_share_is_the_name_of_the_examination(vendor: str) -> None:
    shared = {"protocol": "LUMBAR STIR", "manufacturer": vendor}
    decisions = decided(series(AXIAL, **shared), series(SAGITTAL, uid="1.50", **shared))
    assert {decision.plane for decision in decisions.values()} == {AXIAL, SAGITTAL}


@pytest.mark.parametrize("per_series", [1, 4])
def test_series_for_each_disc_or_slice_are_joined(per_series: int) -> None:
    """Five discs of four slices, as five series, or as twenty."""
    places = [disc * 35.0 + slice_ * 4.5 for disc in range(5) for slice_ in range(4)]
    blocks = [places[first : first + per_series] for first in range(0, 20, per_series)]
    blocks_of_series = [series(AXIAL, uid=f"1.{n}", at_mm=block, series_number=n) for n, block in enumerate(blocks, 10)]
    decisions = choose_series([header for block in blocks_of_series for header in block])
    assert {decision.plane for decision in decisions} == {AXIAL}
    taken = [-header.geometry.position_mm[2] for decision in decisions for header in decision.part.slices]
    assert sorted(taken) == places


def test_a_slice_that_joined_series_both_have_is_used_once() -> None:
    upper = series(AXIAL, uid="1.10", at_mm=[0, 5, 10, 15, 20])
    lower = series(AXIAL, uid="1.11", at_mm=[20.2, 25, 30, 35, 40], series_number=0)
    decisions = decided(upper, lower, GOOD)
    assert [header.instance_number for header in decisions["1.11"].repeated] == [1]
    assert len(decisions["1.11"].part.slices) == 4
    assert len(decisions["1.10"].part.slices) == 5


@pytest.mark.parametrize(
    "other",
    [
        {"frame_of_reference_uid": "1.8"},
        {"times_ms": (4000.0, 160.0)},
        {"slice_thickness_mm": 8.0},
        {"spacing_mm": (1.2, 1.2)},
    ],
    ids=str,
)
def test_what_was_measured_otherwise_is_not_joined(other: dict[str, Any]) -> None:
    unlike = series(AXIAL, uid="1.11", at_mm=[60, 65, 70], **other)
    decisions = decided(series(AXIAL, uid="1.10"), unlike, GOOD)
    assert (decisions["1.10"].plane, decisions["1.11"].plane) == (AXIAL, None)


def test_series_for_each_disc_come_before_one_in_another_frame_that_has_fewer_slices() -> None:
    discs = [series(AXIAL, uid=f"1.{n}", at_mm=[35.0 * n + 4.5 * slice_ for slice_ in range(4)]) for n in range(10, 15)]
    stray = series(AXIAL, uid="1.9", frame_of_reference_uid="1.8")
    decisions = decided(*discs, stray, GOOD)
    assert [decisions[f"1.{n}"].plane for n in range(9, 15)] == [None, *[AXIAL] * 5]


def test_where_the_best_has_too_few_slices_the_next_is_taken() -> None:
    few = series(AXIAL, uid="1.9", at_mm=[0, 5, 10], described="L-SPINE", frame_of_reference_uid="1.8")
    decisions = decided(few, series(AXIAL, uid="1.10"), GOOD)
    assert (decisions["1.9"].plane, decisions["1.10"].plane) == (None, AXIAL)


def test_of_two_stations_the_one_that_shows_the_axial_slices_is_taken() -> None:
    """A whole spine measured in two: the upper part has more slices and came later, the axial slices lie below."""

    def station(uid: str, top_mm: float, at_mm: Sequence[float], number: int) -> list[SliceHeader]:
        return [
            replace(
                header, geometry=replace(header.geometry, position_mm=(header.geometry.position_mm[0], 0.0, top_mm))
            )
            for header in series(SAGITTAL, uid=uid, at_mm=at_mm, size_px=(200, 100), series_number=number)
        ]

    upper = station("1.20", 400.0, range(0, 40, 4), 9)
    lower = station("1.21", 40.0, range(0, 24, 4), 2)
    decisions = decided(series(AXIAL, uid="1.10", at_mm=range(0, 50, 5)), upper, lower)
    assert decisions["1.21"].plane is SAGITTAL
    assert decisions["1.20"].reason == "another sagittal T1 series shows where the axial slices lie"


def test_too_few_slices_together_are_refused() -> None:
    decisions = decided(series(AXIAL, uid="1.10", at_mm=[0, 5]), series(AXIAL, uid="1.11", at_mm=[40, 45]), GOOD)
    assert decisions["1.10"].reason == "2 slices, 4 of all that belong together; expected at least 5"


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
    """Its positions have another origin: whether it lies next to the first is unknown."""
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


@pytest.mark.parametrize(
    ("plane", "attributes", "warning"),
    [
        (AXIAL, {}, ""),
        (AXIAL, {"described": "T2 TRA LWS", "body_part_examined": "LSPINE"}, ""),
        (AXIAL, {"described": "T1 SAG"}, "described as T1, measured as T2"),
        (
            AXIAL,
            {"described": "T2", "times_ms": (None, None)},
            "T2 by its description or the series map alone: TR or TE is absent",
        ),
        (SAGITTAL, {"described": "SAG T1 STIR"}, "described with STIR, which the measured values contradict"),
        (
            SAGITTAL,
            {"described": "T1 LWS", "body_part_examined": "ABDOMEN"},
            "BodyPartExamined ABDOMEN, described as lumbar",
        ),
    ],
    ids=str,
)
def test_what_contradicts_its_name_is_taken_with_a_warning(
    plane: Plane, attributes: dict[str, Any], warning: str
) -> None:
    (decision,) = choose_series(series(plane, **attributes))
    assert (decision.plane, decision.warning) == (plane, warning)
