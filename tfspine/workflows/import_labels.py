"""Imports labels from CVAT, Label Studio or a program that writes COCO or YOLO as label files of ingested slices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.compat import StrEnum
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    from tfspine.annotations.exchange.drawn import Drawn
    from tfspine.annotations.exchange.placing import Target


class DrawnIn(StrEnum):
    """The program or format of the labels."""

    CVAT = "cvat"
    COCO = "coco"
    LABELSTUDIO = "labelstudio"
    YOLO = "yolo"


@dataclass(frozen=True)
class ImportLabelsOptions:
    """How labels of another program are read.

    Attributes:
        drawn_in: the program or format of the labels.
        names: map of names, CSV or TOML; None if labels have the names of tfspine.
        annotator: id or e-mail of the annotator to read; empty if there is only one (Label Studio).
    """

    drawn_in: DrawnIn
    names: Path | None = None
    annotator: str = ""


@dataclass(frozen=True)
class ImportedLabels:
    """Numbers of label files and boxes written, of images without a box, and of refusals in `refused.csv`."""

    labels: int
    boxes: int
    empty: int
    refused: int


def import_labels(
    source: Path, slices: Path, out: Path, options: ImportLabelsOptions, *, track: Track = silent
) -> ImportedLabels:
    """Write a LabelImg file for each slice with boxes, and `refused.csv` with everything left out and the reasons.

    Args:
        source: the program's export: file, folder or zip archive.
        slices: folder that `ingest` wrote; images are matched to slices by file name.
        out: folder for the labels.
        options: which program, and what its names mean.
        track: counts the images.

    Raises:
        AnnotationError: the export cannot be read, none of its images is a slice, or none of its boxes can be used.
        ConfigError: the map of names is invalid.
        OutputError: `out` may not be written.
    """
    from tfspine.annotations.exchange.names import NameMap, read_names
    from tfspine.annotations.exchange.placing import place
    from tfspine.errors import AnnotationError
    from tfspine.formats.labelimg_xml import write_label
    from tfspine.formats.refused_csv import write_refused_lines
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    inputs = [source, slices, *([options.names] if options.names else [])]
    with new_folder(out, command="import", inputs=inputs) as folder:
        names = read_names(options.names) if options.names else NameMap()
        targets = _targets(slices)
        placed = place(track(_read(source, options, targets), "images"), targets, names)
        if not placed.labels:
            reason = f"; {placed.refused[0].file}: {placed.refused[0].reason}" if placed.refused else ""
            raise AnnotationError(f"{source}: no box that can be used{reason}")
        for annotated in placed.labels:
            write_label(folder, annotated)
        write_refused_lines(folder, placed.refused)
        boxes = sum(len(annotated.annotations) for annotated in placed.labels)
        summary = ImportedLabels(len(placed.labels), boxes, placed.empty, len(placed.refused))
        details = {"dataset": options.drawn_in, "boxes": boxes, "refused": summary.refused, "empty": summary.empty}
        write_manifest(folder, command="import", inputs=inputs, details=details)
    return summary


def _targets(slices: Path) -> "dict[str, Target]":
    from tfspine.annotations.exchange.placing import Target
    from tfspine.formats.slices_csv import read_slice_rows

    rows = read_slice_rows(slices)
    return {key: Target(row.plane, row.size_px) for key, row in rows.items()}


def _read(source: Path, options: ImportLabelsOptions, targets: "Mapping[str, Target]") -> "Iterator[Drawn]":
    from tfspine.annotations.exchange.coco import read_coco
    from tfspine.annotations.exchange.cvat import read_cvat
    from tfspine.annotations.exchange.labelstudio import read_labelstudio
    from tfspine.annotations.exchange.yolo import read_yolo

    match options.drawn_in:
        case DrawnIn.CVAT:
            return read_cvat(source)
        case DrawnIn.COCO:
            return read_coco(source)
        case DrawnIn.LABELSTUDIO:
            return read_labelstudio(source, annotator=options.annotator)
    return read_yolo(source, {key: target.size_px for key, target in targets.items()})
