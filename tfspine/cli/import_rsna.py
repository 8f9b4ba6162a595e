"""``tfspine import rsna``: RSNA 2024, from its pictures and tables to slices, labels and three grades."""

import argparse
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli.options import require_count, track
from tfspine.cli.salts import OWN_SALT, add_salt, salt_beside
from tfspine.errors import AnnotationError, ConfigError, DicomError

if TYPE_CHECKING:
    from tfspine.annotations.importers.rsna import PointPicture, Target
    from tfspine.annotations.importers.rsna_tables import Point, RsnaTables
    from tfspine.dicom.series_map import SeriesMap
    from tfspine.labels import Region

Summary = dict[str, Any]

SLICES_FOLDER = "slices"
"""Where the pictures are ingested, in the output, as ``tfspine ingest --out`` would write them."""


def add_rsna_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this data set has."""
    parser.add_argument(
        "--slices",
        type=Path,
        metavar="DIR",
        help="folder that ingest wrote (default: OUT/slices, made from the pictures)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the studies")
    parser.add_argument(
        "--box-mm", action="append", default=[], metavar="REGION=HxW", help="size of a region's boxes in mm"
    )
    add_salt(parser, otherwise=f"{OWN_SALT} beside the output, made where it is missing")


def import_rsna(args: argparse.Namespace, folder: Path) -> Summary:
    """Import points and grades onto slices; where none are named, the pictures are ingested first."""
    from tfspine.annotations.importers.rsna import BOX_MM, place_points
    from tfspine.annotations.importers.rsna_output import write_rsna
    from tfspine.annotations.importers.rsna_tables import read_tables

    sizes = dict(BOX_MM) | dict(_box_mm(text) for text in args.box_mm)
    tables = read_tables(args.folder)
    if args.slices is None:
        _ingest(args, tables, folder / SLICES_FOLDER)
    slices = args.slices or folder / SLICES_FOLDER
    targets = _targets(slices)
    placed = place_points(
        tables,
        targets=targets,
        picture_of=_reader(args.folder / "train_images"),
        box_mm=sizes,
        track=lambda points: track(points, "points"),
    )
    if not placed.labels:
        reasons = placed.refused or tables.refused
        reason = f"; {reasons[0].file}: {reasons[0].reason}" if reasons else ""
        raise AnnotationError(f"{args.folder}: no point lies on a slice of {args.slices or SLICES_FOLDER}{reason}")
    summary = write_rsna(folder, tables, placed, targets)
    return summary | {"box_mm": {region.value: list(size) for region, size in sizes.items()}}


def _ingest(args: argparse.Namespace, tables: "RsnaTables", folder: Path) -> None:
    """Ingest the pictures, whose headers lack Modality, TR and TE; what a series is stands in its own table.

    Raises:
        DicomError: no study can be used.
    """
    from tfspine.cli.ingest import write_ingested
    from tfspine.dicom.many import in_processes, ingest_studies
    from tfspine.dicom.sources import open_source

    require_count(args, "workers")
    runner = functools.partial(in_processes, workers=args.workers)
    images = args.folder / "train_images"
    folder.mkdir()
    with salt_beside(args) as salt, open_source(images, beside=args.out) as source:
        ingested = ingest_studies(source, folder, salt=salt, series_map=_series_map(tables), runner=runner, track=track)
        if not ingested.rows:
            reason = f"; {ingested.refused[0].file}: {ingested.refused[0].reason}" if ingested.refused else ""
            raise DicomError(f"{images}: no usable study{reason}")
        write_ingested(folder, ingested, salt=salt)


def _series_map(tables: "RsnaTables") -> "SeriesMap":
    """Return what ``train_series_descriptions.csv`` says of each series, by SeriesInstanceUID: STUDY.SERIES."""
    from tfspine.dicom.series_map import MapRow, SeriesMap, Use

    uses = {"Axial T2": Use.AXIAL_T2, "Sagittal T1": Use.SAGITTAL_T1}
    return SeriesMap(
        tuple(
            MapRow(f"{study}.{series}", "", None, uses.get(description, Use.IGNORE))
            for (study, series), description in tables.series.items()
        )
    )


def _targets(slices: Path) -> list["Target"]:
    from tfspine.annotations.importers.rsna import Target
    from tfspine.annotations.tables import read_slices_csv
    from tfspine.labels import Plane
    from tfspine.structures import geometry_from_row

    path = slices / "slices.csv"
    try:
        return [
            Target(
                key=str(row["key"]),
                study=str(row["study"]),
                plane=Plane(str(row["plane"])),
                geometry=geometry_from_row({str(name): value for name, value in row.items()}),
                sop_instance_uid=str(row["sop_instance_uid"]),
                frame_of_reference_uid=str(row["frame_of_reference_uid"]),
            )
            for row in read_slices_csv(path).to_dict("records")
        ]
    except ValueError as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{path}: {error}; points need the positions that ingest writes") from None


def _reader(images: Path) -> Callable[["Point"], "PointPicture"]:
    """Return a function that reads the header of a point's picture."""
    from tfspine.annotations.importers.rsna import PointPicture
    from tfspine.dicom.headers import read_headers

    @functools.lru_cache(maxsize=1024)  # a sagittal picture carries the points of several levels
    def read(file: Path) -> PointPicture:
        if not (images / file).is_file():
            raise DicomError(f"no picture {file}")
        header = read_headers(images / file)[0]
        return PointPicture(header.sop_instance_uid, header.frame_of_reference_uid, header.geometry)

    return lambda point: read(point.file)


def _box_mm(text: str) -> tuple["Region", tuple[float, float]]:
    """Read ``neural_foramen=22x13``: height and width in mm."""
    from tfspine.labels import Region

    match = re.fullmatch(r"(\w+)=(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", text)
    if not match or match[1] not in tuple(Region) or not (float(match[2]) > 0 and float(match[3]) > 0):
        raise ConfigError(f"--box-mm {text}; expected REGION=HEIGHTxWIDTH in mm, REGION one of {', '.join(Region)}")
    return Region(match[1]), (float(match[2]), float(match[3]))
