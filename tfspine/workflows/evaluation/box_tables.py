"""Boxes that an evaluation compares: tables and folders of labels, on the images that the reference names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd


def boxes_of(path: Path, slices: Path | None, *, option: str = "--slices") -> "pd.DataFrame":
    """Return the boxes of a table, or of a folder of labels drawn on some slices; `option` is the option of the slices.

    Raises:
        EvaluationError: the slices of a folder of labels are missing, or a box occurs twice.
        FormatError: the table or a label cannot be read.
    """
    from tfspine.annotations.labelled_boxes import labels_table
    from tfspine.evaluation.boxes.coverage import IMAGE
    from tfspine.formats.boxes_csv import CORNER_COLUMNS, read_boxes

    if path.is_dir() and slices is None:
        raise EvaluationError(f"{path}: a folder of labels; name the slices it belongs to with {option}")
    boxes = labels_table(path, slices) if path.is_dir() and slices is not None else read_boxes(path)
    twice = boxes.duplicated([*IMAGE, "region", "side", *CORNER_COLUMNS])
    if twice.any():
        first = boxes[twice].iloc[0]
        raise EvaluationError(
            f"{path}: {int(twice.sum())} boxes are duplicated, the first a {first['region']} on {first['slice']} of "
            f"study {first['study']}; expected each once: remove the copies"
        )
    return boxes


def check_readings(
    paths: Mapping[str, Path],
    tables: "Mapping[str, pd.DataFrame]",
    covered: "pd.DataFrame",
    *,
    known: "pd.DataFrame | None" = None,
) -> None:
    """Refuse a reader of other studies, or one that assigns a slice to another study than the reference does.

    Args:
        paths: the path of each reader.
        tables: the boxes of each reader.
        covered: columns study, plane, slice: the images that are compared.
        known: the same columns for all images known from other sources than the reader; None means `covered`.

    Raises:
        EvaluationError: none of a reader's boxes is on a slice that is compared, or one is on a slice of another study.
    """
    from tfspine.evaluation.boxes.coverage import image_names, is_image_of

    images = image_names(covered)
    for name, path in paths.items():
        boxes = tables[name]
        check_images(path, boxes, covered if known is None else known)
        if len(boxes) and not is_image_of(boxes, images).any():
            raise EvaluationError(
                f"{path}: none of the {len(boxes)} boxes of {name} is on a slice that is compared; expected slices "
                f"such as {covered['slice'].iloc[0]} of study {covered['study'].iloc[0]}"
            )


def check_images(path: Path, boxes: "pd.DataFrame", known: "pd.DataFrame") -> None:
    """Refuse a box whose slice belongs to another study, or to the other plane, according to the known images.

    If studies have the same slice names, a slice does not identify its study, and nothing is checked.

    Raises:
        EvaluationError: there is such a box; the message gives its file and line.
    """
    from tfspine.evaluation.boxes.coverage import image_names

    images = sorted(image_names(known))
    studies: dict[str, set[str]] = {}
    planes: dict[tuple[str, str], set[str]] = {}
    for study, plane, slice_ in images:
        studies.setdefault(slice_, set()).add(study)
        planes.setdefault((study, slice_), set()).add(plane)
    names_tell_study = all(len(of_slice) == 1 for of_slice in studies.values())
    names_tell_plane = all(len(of_slice) == 1 for of_slice in planes.values())
    rows = zip(boxes["study"], boxes["plane"], boxes["slice"], strict=True)
    for row, (study, plane, slice_) in enumerate(rows):
        if names_tell_study and study not in studies.get(slice_, {study}):
            raise EvaluationError(
                f"{_place(path, row)}: slice {slice_} of study {study}; it belongs to study {min(studies[slice_])}: "
                "expected one name for each study, and slices whose names repeat in every study or in none"
            )
        if names_tell_plane and plane not in planes.get((study, slice_), {plane}):
            raise EvaluationError(
                f"{_place(path, row)}: slice {slice_} of study {study} as {plane}; it is "
                f"{min(planes[study, slice_])}: expected a region that is seen there"
            )


def labelled_slices(labels: Path, folder: Path) -> "pd.DataFrame":
    """Return study, plane and slice of every slice that has a label file.

    Raises:
        AnnotationError: there is no label file.
        DicomError: the folder holds no slices.
    """
    from tfspine.annotations.label_folder import label_files

    slices = slice_names(folder)
    return slices[slices["slice"].isin(list(label_files(labels)))]


def slice_names(folder: Path) -> "pd.DataFrame":
    """Return study, plane and slice of every slice of a folder that ``tfspine ingest`` wrote."""
    from tfspine.formats.slices_csv import read_slices

    return read_slices(folder).rename(columns={"key": "slice"})[["study", "plane", "slice"]]


def _place(path: Path, row: int) -> str:
    """Return the file and line of a box; for a folder of labels only the folder, as its slices name the studies."""
    from tfspine.formats.boxes_csv import line_of_row

    return str(path) if path.is_dir() else f"{path}: line {line_of_row(path, row)}"
