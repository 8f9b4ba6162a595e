"""What is explained: the graders that read the boxes, and their grade for each box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.config import Take
from tfspine.errors import AnnotationError, ModelError
from tfspine.labels import MIRRORED_SIDE, Grade, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfspine.saved_model.region_grader import RegionGrader
    from tfspine.structures import SliceImage

AGREEMENT = 0.01
"""Largest difference of a probability from the table: it allows for another device or half precision."""


@dataclass(frozen=True)
class GradedCrop:
    """One box as its grader sees it: `crop` float32 [S, S, 3] in 0..1, mirrored or not, and the grade to explain."""

    row: Mapping[str, Any]
    crop: "NDArray[np.float32]" = field(repr=False)
    mirrored: bool
    grade: Grade
    probability: float

    @property
    def region(self) -> Region:
        """The region that the box shows."""
        return Region(self.row["region"])


@dataclass(frozen=True)
class GradersToExplain:
    """The newest exports below `model`; or `runs`, one per region, combined as in an export with this `take`."""

    model: Path | None = None
    runs: Sequence[Path] = ()
    take: Take = Take.ALL

    @property
    def paths(self) -> list[Path]:
        """Where the graders are."""
        return [*self.runs] if self.model is None else [self.model]


def load_graders(wanted: GradersToExplain, *, calibrate: bool) -> "dict[Region, RegionGrader]":
    """Return the graders of an export, or those of runs; `calibrate` applies the temperatures of runs.

    Raises:
        ModelError: the path is not an export or a grader's run.
    """
    from tfspine.models.devices import ONE_GPU, use_gpus

    use_gpus(ONE_GPU)
    if wanted.model is None:
        from tfspine.saved_model.trained_runs import load_region_graders

        return load_region_graders(wanted.runs, take=wanted.take, calibrate=calibrate)
    from tfspine.saved_model.served_graders import load_served_graders, newest_versions

    graders: dict[Region, RegionGrader] = {}
    for folder in newest_versions(wanted.model).values():
        graders |= load_served_graders(folder)
    return graders


def grade_crops(
    graders: "Mapping[Region, RegionGrader]", rows: Sequence[Mapping[str, Any]], slices: "Mapping[str, SliceImage]"
) -> list[GradedCrop]:
    """Return each box as its grader sees it, with the table's grade if it has a probability, else the grader's.

    Args:
        graders: the grader of every region among the rows.
        rows: boxes, as rows of `boxes_csv.BOX_COLUMNS`.
        slices: by key.
    """
    import numpy as np

    from tfspine.attribution.keras_gradients import probabilities

    crops = []
    for row in rows:
        grader = graders[Region(row["region"])]
        mirrored = Region(row["region"]) is Region.LATERAL_RECESS and row["side"] == MIRRORED_SIDE
        crop = _crop(slices[row["slice"]], row, mirrored=mirrored, size_px=grader.size_px)
        found = probabilities(grader.served, crop)[0]
        said = _probabilities_in(row)
        grade = Grade(int(np.argmax(found if said is None else said)))
        crops.append(GradedCrop(row, crop[0], mirrored, grade, float(found[grade])))
    return crops


def require_agreement(crops: Sequence[GradedCrop], boxes: Path) -> None:
    """Refuse graders whose probabilities differ from the table's: they would explain other grades.

    Raises:
        ModelError: a probability differs by more than `AGREEMENT`.
    """
    for item in crops:
        said = _probabilities_in(item.row)
        if said is not None and abs(said[item.grade] - item.probability) > AGREEMENT:
            raise ModelError(
                f"{boxes}: slice {item.row['slice']}: {item.region} {item.grade.word} {said[item.grade]:.3f} there, "
                f"{item.probability:.3f} of the graders named; expected those that read it: name the export with "
                "--model, or runs with the --take and export.calibrate of their export"
            )


def require_slice_of_study(
    slices: "Mapping[str, SliceImage]", rows: Sequence[Mapping[str, Any]], *, boxes: Path, folder: Path
) -> None:
    """Refuse a box of the table `boxes` on a slice that is not in `folder`, or belongs to another study there.

    Raises:
        AnnotationError: the message names the slice.
    """
    for row in rows:
        if row["slice"] in slices and slices[row["slice"]].study != row["study"]:
            raise AnnotationError(
                f"{boxes}: slice {row['slice']} of study {row['study']}; in {folder} it is of study "
                f"{slices[row['slice']].study}: name the slices it was made from"
            )
        if row["slice"] not in slices:
            raise AnnotationError(f"{boxes}: slice {row['slice']} is not in {folder}; name the slices it was made from")


def _probabilities_in(row: Mapping[str, Any]) -> list[float] | None:
    """Return the four probabilities of a row; None if it has none."""
    from tfspine.formats.boxes_csv import PROBABILITY_COLUMNS

    values = [float(row[name]) for name in PROBABILITY_COLUMNS]
    return None if any(value != value for value in values) else values


def _crop(slice_: "SliceImage", row: Mapping[str, Any], *, mirrored: bool, size_px: int) -> "NDArray[np.float32]":
    """Return the crop of a box, float32 [1, S, S, 3]."""
    import numpy as np

    from tfspine.formats.boxes_csv import box_of
    from tfspine.records.crops import crop_regions

    return np.asarray(
        crop_regions(
            slice_.pixels[None, :, :, None],
            np.array([box_of(row)], np.float32),
            np.array([0], np.int32),
            np.array([mirrored]),
            size_px=size_px,
        )
    )
