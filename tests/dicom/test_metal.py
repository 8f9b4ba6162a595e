"""Screws are found in both planes; what is dark without being metal is not."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from implants import implanted
from PIL import Image

from tfspine.cli.main import main
from tfspine.config import PhantomConfig, Vendors
from tfspine.dicom.metal import metal_ml
from tfspine.dicom.quality import measure_quality
from tfspine.dicom.slices import load_slices
from tfspine.geometry import SliceGeometry, pixel_to_patient
from tfspine.labels import Plane
from tfspine.phantom.study import simulate_study, write_dicom
from tfspine.structures import SliceImage

LIMIT_ML = 0.5
SIZE_PX = (120, 100)


def stack(plane: Plane, *, radius_mm: float = 6.0, rim_grey: float = 255.0, off_mm: tuple[float, float] = (0.0, 0.0)):  # type: ignore[no-untyped-def]
    """Return seven grey slices, 4 mm apart, three of which show a round hole with a bright rim of 3 mm.

    `off_mm` is how far the hole lies from the middle, to the left and to the back.
    """
    slices = []
    for number in range(-3, 4):
        geometry = (
            SliceGeometry((-49.5, -59.5, -4.0 * number), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), SIZE_PX)
            if plane is Plane.AXIAL
            else SliceGeometry((4.0 * number, -49.5, 59.5), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), SIZE_PX)
        )
        x, y, z = np.moveaxis(pixel_to_patient(geometry, np.moveaxis(np.indices(SIZE_PX), 0, -1)), -1, 0)
        across = x - off_mm[0] if plane is Plane.AXIAL else z
        distance = np.hypot(across, y - off_mm[1])
        picture = np.full(SIZE_PX, 90.0)
        if abs(number) <= 1:
            picture = np.where(distance < radius_mm + 3, rim_grey, picture)
            picture = np.where(distance < radius_mm, 0.0, picture)
        slices.append(SliceImage(f"s-{plane}-{number}", "s", plane, geometry, picture.astype(np.uint8)))
    return slices


def test_the_volume_by_hand() -> None:
    """Three slices, 4 mm apart, with a hole of 6 mm of which blur takes the border.

    Blurred by 0.6 mm, a step from 255 to 0 falls below 14, or 5.5 %, at 1.6 x 0.6 = 0.96 mm behind the border.
    """
    found = metal_ml([*stack(Plane.AXIAL), *stack(Plane.SAGITTAL)])
    assert found == pytest.approx(3 * np.pi * 5.04**2 * 4 / 1000, rel=0.05)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"rim_grey": 200.0}, "gas beside fat"),
        ({"radius_mm": 1.5}, "cortical bone"),
        ({"off_mm": (0.0, -45.0)}, "the aorta"),
        ({"off_mm": (45.0, 0.0)}, "gas in the colon"),
    ],
)
def test_what_is_no_metal(changed: dict, what: str) -> None:  # type: ignore[type-arg]
    assert metal_ml([*stack(Plane.AXIAL, **changed), *stack(Plane.SAGITTAL)]) == 0.0, what


def test_one_plane_alone_is_no_answer() -> None:
    assert metal_ml(stack(Plane.AXIAL)) is None


def both_ml(
    folder: Path, number: int, *, vendor: Vendors, void_mm: float, brightness: float = 1.6
) -> tuple[float, float]:
    """Simulate one patient, ingest the files without and with screws painted into them, and measure the slices."""
    config = PhantomConfig(matrix_px=144, vendor=vendor)
    study = simulate_study(config, seed=11, number=number)
    found = []
    for name in (f"plain-{number}", f"screws-{number}"):
        if name.startswith("screws"):
            implanted(study, config, seed=11, number=number, void_mm=void_mm, brightness=brightness)
        write_dicom(study, folder / f"{name}-dicom")
        assert main(["ingest", str(folder / f"{name}-dicom"), "--out", str(folder / name)]) == 0
        found.append(metal_ml(load_slices(folder / name)))
        shutil.rmtree(folder / f"{name}-dicom")
    plain, screwed = found
    assert plain is not None
    assert screwed is not None
    return plain, screwed


def test_screws_are_found_and_their_absence_too(tmp_path: Path) -> None:
    plain, screwed = both_ml(tmp_path, 1, vendor=Vendors.SIEMENS, void_mm=4.0)
    assert plain == 0.0
    assert screwed > 2 * LIMIT_ML


@pytest.mark.long
@pytest.mark.slow
def test_thirty_patients_without_metal_and_with(tmp_path: Path) -> None:
    """All vendors, both field strengths; screws small and large, their rims from as bright as fat up."""
    measured = [
        both_ml(
            tmp_path,
            number,
            vendor=(Vendors.SIEMENS, Vendors.GE, Vendors.PHILIPS)[number % 3],
            void_mm=(3.5, 4.5, 6.0)[number // 3 % 3],
            brightness=(1.1, 1.6)[number % 2],
        )
        for number in range(30)
    ]
    false_alarms = sum(plain > LIMIT_ML for plain, _ in measured)
    found = sum(screwed > LIMIT_ML for _, screwed in measured)
    print(f"metal: {found} of 30 with screws found, {false_alarms} false alarms of 30")
    assert found >= 28
    assert false_alarms <= 1


@pytest.mark.skipif(
    "TFSPINE_REAL_DATA" not in os.environ, reason="TFSPINE_REAL_DATA does not name the folder with real MR slices"
)
def test_real_slices_without_metal_raise_no_alarm() -> None:
    """Eleven slices of as many people, laid side by side as if of one; spacing from a usual field of view."""
    folder = Path(os.environ["TFSPINE_REAL_DATA"]) / "lumbar_png"
    slices = []
    for plane, name, field_of_view_mm in ((Plane.AXIAL, "axial_t2", 200.0), (Plane.SAGITTAL, "sagittal_t1", 270.0)):
        for number, path in enumerate(sorted((folder / name).glob("*.png"))):
            pixels = np.array(Image.open(path).convert("L"))
            step_mm, half_mm = field_of_view_mm / max(pixels.shape), field_of_view_mm / 2
            geometry = (
                SliceGeometry(
                    (-half_mm, -half_mm, -5.0 * number), (1.0, 0, 0), (0, 1.0, 0), (step_mm,) * 2, pixels.shape
                )
                if plane is Plane.AXIAL
                else SliceGeometry(
                    (4.0 * number, -half_mm, half_mm), (0, 1.0, 0), (0, 0, -1.0), (step_mm,) * 2, pixels.shape
                )
            )
            slices.append(SliceImage(path.stem, "s", plane, geometry, pixels))
    assert len(slices) == 11
    assert metal_ml(slices) == 0.0
    for plane in Plane:
        quality = measure_quality([slice_ for slice_ in slices if slice_.plane is plane])
        assert quality.snr is not None
        assert quality.edge_mm is not None
        assert 15 < quality.snr < 60
        assert 1.0 < quality.edge_mm < 2.5
