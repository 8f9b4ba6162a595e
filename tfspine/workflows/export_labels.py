"""Writes labels or a model's boxes in a format of other programs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportedLabels:
    """How many images and boxes a file holds."""

    images: int
    boxes: int


def export_labels(boxes: Path, slices: Path, out: Path) -> ExportedLabels:
    """Write boxes drawn by people or found by a model as COCO JSON, with each slice as an image.

    Args:
        boxes: folder of label files, or a table of boxes such as `predictions.csv`.
        slices: folder that `ingest` wrote.
        out: file to write.

    Raises:
        FormatError: boxes or slices cannot be read, or a box lies on a slice that does not exist.
        OutputError: `out` cannot be written.
    """
    import json

    from tfspine.annotations.exchange.coco import coco_table
    from tfspine.annotations.labelled_boxes import labels_table
    from tfspine.errors import AnnotationError
    from tfspine.formats.boxes_csv import read_boxes
    from tfspine.formats.slices_csv import read_slice_rows
    from tfspine.outputs import write_text

    images = read_slice_rows(slices)
    table = (labels_table(boxes, slices) if boxes.is_dir() else read_boxes(boxes)).to_dict("records")
    strangers = {str(row["slice"]) for row in table} - set(images)
    if strangers:
        raise AnnotationError(f"{boxes}: no slice {min(strangers)} in {slices}; name the slices that were read")
    rows = [{str(name): value for name, value in row.items()} for row in table]
    coco = coco_table(rows, images.values())
    write_text(out, json.dumps(coco, indent=1) + "\n")
    return ExportedLabels(len(images), len(rows))
