"""Every vendor's images are complete MR images, readable as written, and numbered in the vendor's own way."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.pixels.processing import apply_rescale
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import validate_value

from tfspine.config import PhantomConfig, Vendors
from tfspine.labels import Plane
from tfspine.phantom.protocol import fat_shift_px
from tfspine.phantom.study import SimulatedStudy, simulate_study, write_dicom
from tfspine.phantom.vendors import GE, PHILIPS, SIEMENS, Vendor, draw_protocol

VENDORS = (Vendors.SIEMENS, Vendors.GE, Vendors.PHILIPS)

TYPE_1 = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality", "SeriesInstanceUID", "PatientPosition",
    "FrameOfReferenceUID", "ImageType", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient",
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelData", "ScanningSequence", "SequenceVariant", "SpecificCharacterSet",
)  # fmt: skip
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "SeriesNumber", "Laterality", "PositionReferenceIndicator", "Manufacturer",
    "InstanceNumber", "ContentDate", "ContentTime", "SliceThickness", "ScanOptions", "MRAcquisitionType",
    "RepetitionTime", "EchoTime", "EchoTrainLength", "AcquisitionNumber",
)  # fmt: skip
"""PS3.3 table A.4-1 (MR Image IOD) with the modules that it requires."""

TOGETHER = {"RescaleSlope", "RescaleIntercept", "RescaleType"}
"""PS3.3 table C.11-1: none without the others."""

SEQUENCE_TERMS = {"SE", "IR", "GR", "EP", "RM"}
VARIANT_TERMS = {"SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "NONE"}
SCAN_OPTION_TERMS = {"PER", "RG", "CG", "PPG", "FC", "PFF", "PFP", "SP", "FS"}
"""PS3.3 section C.8.3.1.1 and table C.8-4."""


@pytest.fixture(scope="module", params=VENDORS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[pydicom.Dataset]:
    folder = tmp_path_factory.mktemp(request.param)
    write_dicom(study_of(request.param), folder)
    return [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]


def study_of(vendor: Vendors, number: int = 1) -> SimulatedStudy:
    return simulate_study(PhantomConfig(matrix_px=64, vendor=vendor), seed=3, number=number)


def test_attributes_of_type_1_have_values_and_those_of_type_2_are_there(written: list[pydicom.Dataset]) -> None:
    for ds in written:
        for keyword in TYPE_1:
            assert ds.get(keyword) not in (None, ""), keyword
        assert len(TOGETHER.intersection(ds.dir())) in (0, len(TOGETHER))
        assert not [keyword for keyword in TYPE_2 if keyword not in ds]


def test_values_are_of_their_representation(written: list[pydicom.Dataset]) -> None:
    for element in written[0]:
        assert not element.tag.is_private
        assert keyword_for_tag(element.tag) == element.keyword
        assert element.VR in dictionary_VR(element.tag).split(" or ")
        for value in element.value if element.VM > 1 else [element.value]:
            if element.VR in ("CS", "LO", "SH", "UI", "DS", "IS", "DA", "TM", "PN", "AS") and value is not None:
                validate_value(element.VR, str(value), pydicom.config.RAISE)


def test_terms_are_those_of_the_standard(written: list[pydicom.Dataset]) -> None:
    for ds in written:
        assert ds.ImageType[0] == "ORIGINAL" and ds.ImageType[1] == "PRIMARY" and len(ds.ImageType) >= 3
        assert ds.ScanningSequence in SEQUENCE_TERMS
        variants = [ds.SequenceVariant] if isinstance(ds.SequenceVariant, str) else ds.SequenceVariant
        assert VARIANT_TERMS.issuperset(variants)
        assert ds.ScanOptions == "" or ds.ScanOptions in SCAN_OPTION_TERMS
        assert ds.BitsStored == ds.HighBit + 1 <= ds.BitsAllocated == 16


def test_where_and_how_it_was_measured(written: list[pydicom.Dataset]) -> None:
    for ds in written:
        assert ds.SpacingBetweenSlices >= ds.SliceThickness or "LOCALIZER" in ds.ImageType
        assert ds.ImagingFrequency == pytest.approx(42.577 * ds.MagneticFieldStrength, rel=1e-4)
        steps = [value for value in ds.AcquisitionMatrix if value]
        assert len(steps) == 2 and max(steps) <= ds.Rows
        assert ds.NumberOfPhaseEncodingSteps in steps


def test_transfer_syntax_and_names_are_the_vendors() -> None:
    expected = {
        Vendors.SIEMENS: ("SIEMENS", ExplicitVRLittleEndian),
        Vendors.GE: ("GE MEDICAL SYSTEMS", ExplicitVRLittleEndian),
        Vendors.PHILIPS: ("Philips Medical Systems", ImplicitVRLittleEndian),
    }
    for vendor, (manufacturer, syntax) in expected.items():
        ds = study_of(vendor).files[0][1]
        assert (ds.Manufacturer, ds.file_meta.TransferSyntaxUID) == (manufacturer, syntax)


@pytest.mark.parametrize("vendor", [SIEMENS, GE, PHILIPS])
@pytest.mark.parametrize("plane", list(Plane))
def test_vendors_have_their_own_matrix_unless_one_is_asked_for(vendor: Vendor, plane: Plane) -> None:
    rng = np.random.default_rng(1)
    own = {draw_protocol(vendor, plane, rng, field_t=1.5, matrix_px=0).matrix_px for _ in range(50)}
    assert {320, 384} <= own <= {320, 352, 384}
    assert draw_protocol(vendor, plane, rng, field_t=1.5, matrix_px=96).matrix_px == 96


@pytest.mark.parametrize("vendor", [SIEMENS, GE, PHILIPS])
def test_times_are_the_papers(vendor: Vendor) -> None:
    """docs/paper.md, Data: axial T2 3500/80 and 5300/100 ms, sagittal T1 500/10 and 500/15."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        axial, sagittal = (draw_protocol(vendor, plane, rng, field_t=3.0, matrix_px=0) for plane in Plane)
        assert 3500 <= axial.repetition_time_ms <= 5300 and 80 <= axial.echo_time_ms <= 100
        assert 500 <= sagittal.repetition_time_ms <= 650 and 10 <= sagittal.echo_time_ms <= 15
        assert 3.0 <= axial.thickness_mm <= 5.0 and 3.0 <= sagittal.thickness_mm <= 5.0
        assert 0.8 <= fat_shift_px(axial) <= 4.0


def test_cohorts_mix_vendors_as_the_paper_does() -> None:
    """docs/paper.md, Data: GE and Siemens inside; Philips and GE in the external test."""
    for cohort, expected in ((Vendors.INTERNAL, {"GE", "SIEMENS"}), (Vendors.EXTERNAL, {"GE", "Philips"})):
        names = {study_of(cohort, number).files[0][1].Manufacturer.split()[0] for number in (1, 2)}
        assert names == expected


def test_windows_are_in_rescaled_units(written: list[pydicom.Dataset]) -> None:
    for ds in written:
        values = apply_rescale(ds.pixel_array, ds).astype(float)
        low, high = ds.WindowCenter - ds.WindowWidth / 2, ds.WindowCenter + ds.WindowWidth / 2
        assert low >= values.min() - 1
        assert high <= values.max() + 1
        assert ds.WindowWidth > 0.3 * values.max()


def test_philips_rescales_and_the_others_do_not() -> None:
    for vendor in VENDORS:
        ds = study_of(vendor).files[0][1]
        assert (float(ds.get("RescaleSlope", 1.0)) != 1.0) == (vendor is Vendors.PHILIPS)


def test_instance_numbers_count_each_in_its_own_way() -> None:
    """Along z of an axial series: Siemens to the feet, GE to the head, Philips by stacks from below."""
    courses = {}
    for vendor in VENDORS:
        images = [ds for name, ds in study_of(vendor).files if name.startswith(Plane.AXIAL)]
        images.sort(key=lambda ds: ds.InstanceNumber)
        assert [ds.InstanceNumber for ds in images] == list(range(1, len(images) + 1))
        courses[vendor] = np.diff([ds.ImagePositionPatient[2] for ds in images])
    assert np.mean(courses[Vendors.SIEMENS] < 0) > 0.8
    assert np.mean(courses[Vendors.GE] > 0) > 0.8
    assert np.mean(courses[Vendors.PHILIPS] < 0) > 0.5
    assert np.max(courses[Vendors.PHILIPS]) > 20.0  # from the end of one stack to the start of the one above it


def test_file_names_follow_instance_numbers(tmp_path: Path) -> None:
    write_dicom(study_of(Vendors.GE), tmp_path)
    for path in tmp_path.rglob("*.dcm"):
        assert pydicom.dcmread(path).InstanceNumber == int(path.stem.removeprefix("IM"))
