"""What each reader of ``tfspine evaluate`` read, from the user, a folder of labels, predict or the boxes."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError, TfspineError
from tfspine.workflows.evaluation.box_tables import labelled_slices, slice_names

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.evaluation.boxes.coverage import Coverage

OPTION = "--read"


def coverage_of(
    path: Path, boxes: "pd.DataFrame", *, slices: Path | None, said: Path | None, reference: "pd.DataFrame"
) -> "Coverage":
    """Return what a reader read, from the most reliable source.

    In this order: the file or folder of ``--read``; a folder of labels that has files without objects, in which every
    file is a slice that was read; the studies of the folder that ``tfspine predict`` wrote; the reader's boxes.

    Args:
        path: the path of the reader's boxes.
        boxes: the reader's boxes.
        slices: folder of ingest, or None.
        said: the path of ``--read`` for this reader, or None.
        reference: columns study, plane, slice: the images that the reference covers.

    Raises:
        EvaluationError: a box lies where, according to ``--read``, nothing was read.
        FormatError: the file of ``--read`` cannot be read, or names an unknown plane or region.
    """
    from tfspine.evaluation.boxes.coverage import coverage_from_boxes, coverage_of_planes

    if said is not None:
        coverage = _said(said, boxes, slices=slices, reference=reference)
        _check_said(path, boxes, said, coverage)
        return coverage
    if path.is_dir() and slices is not None:
        files = labelled_slices(path, slices)
        if set(files["slice"]) - set(boxes["slice"]):
            return coverage_of_slices(files, boxes, source=f"the label files of {path.name}")
    studies = _predicted_studies(path)
    if studies:
        import pandas as pd

        from tfspine.labels import Plane, Region

        rows = [(study, plane.value) for study in sorted(studies) for plane in Plane]
        looked_for = pd.DataFrame({"region": [region.value for region in Region]})
        read = pd.DataFrame(rows, columns=["study", "plane"])
        return coverage_of_planes(read, looked_for, source="the studies that predict read")
    return coverage_from_boxes(boxes)


def coverage_of_slices(read: "pd.DataFrame", boxes: "pd.DataFrame", *, source: str) -> "Coverage":
    """Return the coverage of a reader whose slices are known; the boxes show which regions are marked at all."""
    import dataclasses

    from tfspine.evaluation.boxes.coverage import coverage_of_planes, image_names

    of_planes = coverage_of_planes(read[["study", "plane"]].drop_duplicates(), boxes, source=source)
    return dataclasses.replace(of_planes, slices=frozenset(image_names(read)))


def covered_by(said: Path, reference: "pd.DataFrame", *, slices: Path | None, option: str) -> "pd.DataFrame":
    """Return study, plane and slice of what a reference covers by ``--read``, including slices without a box.

    Args:
        said: the file or folder of ``--read``.
        reference: the reference's boxes.
        slices: folder of ingest, used for studies without slices in the file.
        option: the option of the slices.

    Raises:
        EvaluationError: the file names studies only, and their slices are unknown.
        FormatError: the file is invalid.
    """
    from tfspine.formats.coverage_csv import read_coverage_table

    if said.is_dir():
        return _folder_slices(said, slices)
    read = read_coverage_table(said)
    if "slice" in read:
        return read[["study", "plane", "slice"]].drop_duplicates()
    if slices is None:
        raise EvaluationError(
            f"{said}: studies without their slices; add columns plane and slice, or {option} with what ingest wrote"
        )
    keys = ["study", "plane"] if "plane" in read else ["study"]
    return slice_names(slices).merge(read[keys].drop_duplicates(), on=keys)


def _said(said: Path, boxes: "pd.DataFrame", *, slices: Path | None, reference: "pd.DataFrame") -> "Coverage":
    """Return the content of the file or folder of ``--read``."""
    import pandas as pd

    from tfspine.evaluation.boxes.coverage import Coverage, coverage_of_planes
    from tfspine.formats.coverage_csv import read_coverage_table
    from tfspine.labels import Plane, Region

    source = f"{OPTION} {said.name}"
    if said.is_dir():
        return coverage_of_slices(_folder_slices(said, slices), boxes, source=source)
    read = read_coverage_table(said)
    if "region" in read:
        studies = {region: frozenset(read.loc[read["region"] == region.value, "study"]) for region in Region}
        return Coverage({region: found for region, found in studies.items() if found}, source)
    if "slice" in read:
        return coverage_of_slices(read, boxes, source=source)
    if "plane" not in read:
        planes = pd.DataFrame({"plane": [plane.value for plane in Plane]})
        read = read[["study"]].merge(planes, how="cross")
        marked = set(boxes["plane"]) or set(reference["plane"])
        read = read[read["plane"].isin(marked)]
    return coverage_of_planes(read.drop_duplicates(), boxes, source=source)


def _folder_slices(said: Path, slices: Path | None) -> "pd.DataFrame":
    """Return the slices of a folder of label files, or of one that ingest wrote."""
    from tfspine.formats.slices_csv import SLICES_FILE

    if (said / SLICES_FILE).is_file():
        return slice_names(said)
    if slices is None:
        raise EvaluationError(f"{OPTION} {said}: a folder of labels; name the slices it belongs to with --slices")
    return labelled_slices(said, slices)


def _check_said(path: Path, boxes: "pd.DataFrame", said: Path, coverage: "Coverage") -> None:
    """Refuse boxes of a study or region that was not read according to the user."""
    from tfspine.formats.boxes_csv import line_of_row

    outside = [row for row, is_read in enumerate(coverage.rows(boxes)) if not is_read]
    if outside:
        box = boxes.iloc[outside[0]]
        place = str(path) if path.is_dir() else f"{path}: line {line_of_row(path, outside[0])}"
        raise EvaluationError(
            f"{place}: a {box['region']} on slice {box['slice']} of study {box['study']}, which {said} does not list "
            "as read; expected all that the reader read"
        )


def _predicted_studies(path: Path) -> set[str]:
    """Return the studies that predict read, if it wrote the table, either of the model or of a member."""
    from tfspine.formats.boxes_csv import PREDICTIONS_FILE
    from tfspine.formats.study_json import study_files
    from tfspine.manifest import MEMBERS_FOLDER, read_manifest

    is_member = path.parent.name == MEMBERS_FOLDER
    if not is_member and path.name != PREDICTIONS_FILE:
        return set()
    folder = path.parent.parent if is_member else path.parent
    try:
        manifest = read_manifest(folder)
    except (TfspineError, ValueError, KeyError, TypeError):
        return set()
    if manifest is None or manifest.command != "predict":
        return set()
    return {study.stem for study in study_files(folder)}
