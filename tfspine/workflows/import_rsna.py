"""Imports RSNA 2024: its images and tables become slices, labels and three grades."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import AnnotationError, DicomError
from tfspine.progress import Track
from tfspine.workflows.salts import SaltChoice, salt_beside

if TYPE_CHECKING:
    from tfspine.annotations.importers.imported import ImportedDataset
    from tfspine.annotations.importers.rsna import IngestedSlice, PointPicture
    from tfspine.annotations.importers.rsna_tables import Point, RsnaTables
    from tfspine.dicom.series_map import SeriesMap
    from tfspine.labels import Region

SLICES_FOLDER = "slices"
"""Folder in the output for the ingested images, as `ingest` would write them."""


@dataclass(frozen=True)
class Rsna:
    """Options that only this data set has.

    Attributes:
        slices: folder that `ingest` wrote; None: the images are ingested into the output.
        workers: number of parallel processes.
        box_mm: height and width in mm of the boxes around the points of each region, to override the defaults.
        salt: the secret salt of the patients' pseudonyms.
    """

    slices: Path | None = None
    workers: int = 1
    box_mm: "Mapping[Region, tuple[float, float]]" = field(default_factory=dict)
    salt: SaltChoice = SaltChoice()


def import_rsna(source: Path, folder: Path, options: Rsna, *, out: Path, track: Track) -> "ImportedDataset":
    """Import points and grades onto slices; if no slices are given, the images are ingested first.

    Args:
        source: the unpacked data set.
        folder: folder to write, which becomes `out`.
        options: options that only this data set has.
        out: the output, beside which the salt is stored.
        track: counts studies and points.
    """
    from tfspine.annotations.importers.rsna import BOX_MM, place_points
    from tfspine.annotations.importers.rsna_output import write_rsna
    from tfspine.annotations.importers.rsna_tables import read_tables

    sizes = dict(BOX_MM) | dict(options.box_mm)
    tables = read_tables(source)
    if options.slices is None:
        _ingest(source / "train_images", folder / SLICES_FOLDER, options, out=out, tables=tables, track=track)
    slices = options.slices or folder / SLICES_FOLDER
    targets = _targets(slices)
    placed = place_points(
        tables,
        targets=targets,
        picture_of=_reader(source / "train_images"),
        box_mm=sizes,
        track=track,
    )
    if not placed.labels:
        reasons = placed.refused or tables.refused
        reason = f"; {reasons[0].file}: {reasons[0].reason}" if reasons else ""
        raise AnnotationError(f"{source}: no point lies on a slice of {options.slices or SLICES_FOLDER}{reason}")
    imported = write_rsna(folder, tables, placed, targets)
    boxes_mm = {region.value: list(size) for region, size in sizes.items()}
    return replace(imported, remarks={**imported.remarks, "box_mm": boxes_mm})


def _ingest(images: Path, folder: Path, options: Rsna, *, out: Path, tables: "RsnaTables", track: Track) -> None:
    """Ingest the images, whose headers lack Modality, TR and TE; a table of the data set describes the series.

    Raises:
        DicomError: no study can be used.
    """
    from tfspine.dicom.many import in_processes, ingest_studies
    from tfspine.dicom.sources import open_source
    from tfspine.workflows.ingest import write_ingested

    runner = functools.partial(in_processes, workers=options.workers)
    folder.mkdir()
    with salt_beside(options.salt, out=out) as salt, open_source(images, beside=out) as source:
        ingested = ingest_studies(source, folder, salt=salt, series_map=_series_map(tables), runner=runner, track=track)
        if not ingested.rows:
            reason = f"; {ingested.refused[0].file}: {ingested.refused[0].reason}" if ingested.refused else ""
            raise DicomError(f"{images}: no usable study{reason}")
        write_ingested(folder, ingested, salt=salt)


def _series_map(tables: "RsnaTables") -> "SeriesMap":
    """Return the entry of each series in ``train_series_descriptions.csv``, by SeriesInstanceUID: STUDY.SERIES."""
    from tfspine.dicom.series_map import SeriesMap
    from tfspine.formats.series_map_csv import MapRow, Use

    uses = {"Axial T2": Use.AXIAL_T2, "Sagittal T1": Use.SAGITTAL_T1}
    return SeriesMap(
        tuple(
            MapRow(f"{study}.{series}", "", None, uses.get(description, Use.IGNORE))
            for (study, series), description in tables.series.items()
        )
    )


def _targets(slices: Path) -> list["IngestedSlice"]:
    from tfspine.annotations.importers.rsna import IngestedSlice
    from tfspine.formats.slices_csv import read_slice_rows

    targets = []
    for row in read_slice_rows(slices).values():
        if not all(map(math.isfinite, row.geometry.position_mm)):
            raise AnnotationError(f"{slices}: no position of {row.key}; points need the positions that ingest writes")
        targets.append(
            IngestedSlice(row.key, row.study, row.plane, row.geometry, row.sop_instance_uid, row.frame_of_reference_uid)
        )
    return targets


def _reader(images: Path) -> Callable[["Point"], "PointPicture"]:
    """Return a function that reads the header of a point's image."""
    from tfspine.annotations.importers.rsna import PointPicture
    from tfspine.dicom.slice_headers import read_headers

    @functools.lru_cache(maxsize=1024)  # a sagittal image has the points of several levels
    def read(file: Path) -> PointPicture:
        if not (images / file).is_file():
            raise DicomError(f"no picture {file}")
        header = read_headers(images / file)[0]
        return PointPicture(header.sop_instance_uid, header.frame_of_reference_uid, header.geometry)

    return lambda point: read(point.file)
