"""``validated.csv`` of a detector's run: how each checkpoint found the regions of the validation slices.

One row for each checkpoint and region; the same slices for all checkpoints of a run.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tfspine.formats.csv_rows import read_csv_rows, write_csv
from tfspine.labels import Region

VALIDATED_FILE = "validated.csv"

VALIDATED_COLUMNS = ("step", "region", "images", "boxes", "recall", "average_precision")


@dataclass(frozen=True)
class ValidatedRow:
    """What the checkpoint of one step found of one kind of region.

    `boxes` are the labelled ones on `images` slices. `recall`, 0 to 1, is the highest at no more than the false boxes
    per image of the experiment (`evaluation.false_boxes_per_image`); `average_precision`, 0 to 1, is that over all
    scores (`evaluation.boxes.detection_curves`).
    """

    step: int
    region: Region
    images: int
    boxes: int
    recall: float
    average_precision: float


def best_step(rows: Iterable[ValidatedRow]) -> int:
    """Return the step with the highest mean recall of its regions; of equal ones the higher precision, then the later.

    Raises:
        ValueError: there are no rows.
    """
    of_step: dict[int, list[ValidatedRow]] = defaultdict(list)
    for row in rows:
        of_step[row.step].append(row)

    def quality(step: int) -> tuple[float, float, int]:
        found = of_step[step]
        return fmean(row.recall for row in found), fmean(row.average_precision for row in found), step

    return max(of_step, key=quality)


def read_validated(run_folder: Path) -> list[ValidatedRow]:
    """Return the rows of a run, none if the file is missing.

    Raises:
        FormatError: a value is invalid, or a column is missing; the message gives the line.
    """
    path = run_folder / VALIDATED_FILE
    if not path.is_file():
        return []
    return read_csv_rows(path, VALIDATED_COLUMNS, _row, made_by="tfspine train")


def write_validated(run_folder: Path, rows: Sequence[ValidatedRow]) -> None:
    """Write all rows of a run in place of those before.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(run_folder / VALIDATED_FILE, VALIDATED_COLUMNS, rows)


def _row(values: Mapping[str, str]) -> ValidatedRow:
    return ValidatedRow(
        step=int(values["step"]),
        region=Region(values["region"]),
        images=int(values["images"]),
        boxes=int(values["boxes"]),
        recall=float(values["recall"]),
        average_precision=float(values["average_precision"]),
    )
