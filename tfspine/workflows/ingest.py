"""Turns DICOM studies into windowed slices."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.labels import Plane
from tfspine.progress import Track, ignore, silent
from tfspine.workflows.salts import SaltChoice, salt_beside

if TYPE_CHECKING:
    from tfspine.dicom.deidentify.pseudonyms import Salt
    from tfspine.dicom.ingest import IngestedStudy
    from tfspine.dicom.many import Runner
    from tfspine.formats.series_csv import SeriesRow
    from tfspine.structures import Refusal


@dataclass(frozen=True)
class IngestOptions:
    """How studies are ingested.

    Attributes:
        salt: the secret salt of the patients' pseudonyms; by default `OWN_SALT` beside the output.
        series_map: CSV that states what each series is used for, to override the automatic choice.
        workers: number of parallel processes.
        cluster: address of a Ray cluster to use instead.
        has_template: write `series_map.csv` into the output, to be edited and passed as `series_map`.
    """

    salt: SaltChoice = SaltChoice()
    series_map: Path | None = None
    workers: int = 1
    cluster: str | None = None
    has_template: bool = False


@dataclass(frozen=True)
class IngestSummary:
    """What was ingested.

    Attributes:
        folder: folder with `slices/`, `slices.csv`, `series.csv` and `refused.csv`.
        studies: number of studies that have a slice.
        slices: total number of slices.
        refused: number of files that are listed in `refused.csv`.
        series: the decision on each series of every study, as in `series.csv`.
        warnings: what a person should check, one line each.
        template: message about the template, empty without one.
    """

    folder: Path
    studies: int
    slices: int
    refused: int
    series: "tuple[SeriesRow, ...]"
    warnings: tuple[str, ...]
    template: str = ""


def ingest(
    dicom: Path,
    out: Path,
    options: IngestOptions = IngestOptions(),
    *,
    track: Track = silent,
    on_series: "Callable[[Sequence[SeriesRow]], None]" = ignore,
) -> IngestSummary:
    """Ingest every study; one that cannot be used is listed, which is an error only if no study can be used.

    Args:
        dicom: folder with DICOM files at any depth and with any file names, zip archive, or DICOMDIR.
        out: folder for `slices/` and the tables; an interrupted run is continued.
        options: how studies are ingested.
        track: counts the headers and studies.
        on_series: called with the decision on each series, even if no study can be used.

    Raises:
        DicomError: no study can be used.
        OutputError: `out` may not be written.
        ConfigError: the salt cannot be used.
        FormatError: the series map is invalid.
    """
    from tfspine.dicom.many import ingest_studies
    from tfspine.dicom.series import NOTHING_SAID
    from tfspine.dicom.series_map import read_series_map
    from tfspine.dicom.sources import open_source
    from tfspine.errors import DicomError
    from tfspine.formats.refused_csv import REFUSED_FILE
    from tfspine.formats.series_csv import SERIES_FILE
    from tfspine.formats.slices_csv import SLICES_FILE
    from tfspine.outputs import resumable_folder
    from tfspine.ownership import require_folder

    require_folder(out, command="ingest", inputs=[dicom])
    series_map = read_series_map(options.series_map) if options.series_map else NOTHING_SAID
    with (
        salt_beside(options.salt, out=out) as salt,
        open_source(dicom, beside=out) as source,
        resumable_folder(out, command="ingest", inputs=[dicom]) as folder,
    ):
        runner = _runner(options)
        ingested = ingest_studies(source, folder, salt=salt, series_map=series_map, runner=runner, track=track)
        on_series(ingested.series)
        nothing_usable = f"{dicom}: {len(source.names)} files, no usable study{_commonest(ingested.refused)}"
        if not ingested.rows and not ingested.refused:
            raise DicomError(nothing_usable)
        if not ingested.rows and (out / SLICES_FILE).is_file():
            tables = _beside(out, dicom, ingested)
            raise DicomError(f"{nothing_usable}; {out} is left as it was, and {tables} lists every file")
        summary = write_ingested(folder, ingested, salt=salt, series_map=options.series_map)
    template = _write_template(out, ingested) if options.has_template else ""
    if not ingested.rows:
        told = f"{nothing_usable}; {REFUSED_FILE} and {SERIES_FILE} in {out} list every file"
        raise DicomError("; ".join(filter(None, (told, template))))
    return IngestSummary(
        out, **summary, series=tuple(ingested.series), warnings=tuple(_warnings(ingested)), template=template
    )


def write_ingested(
    folder: Path, ingested: "IngestedStudy", *, salt: "Salt", series_map: Path | None = None
) -> dict[str, int]:
    """Write the tables and the manifest beside the slices, and return the summary.

    Args:
        folder: folder that has `slices/`.
        ingested: all studies.
        salt: the secret salt of the patients' pseudonyms.
        series_map: the series map that was used, if there was one.
    """
    from tfspine.formats.slices_csv import write_slices_csv
    from tfspine.manifest import write_manifest

    if ingested.rows:
        write_slices_csv(folder, ingested.rows)
    _write_tables(folder, ingested)
    studies = {row["study"] for row in ingested.rows}
    summary = {"studies": len(studies), "slices": len(ingested.rows), "refused": len(ingested.refused)}
    details = {**summary, "salt_check": salt.check(), "patients_without_id": ingested.warning, **_lacking(ingested)}
    write_manifest(folder, command="ingest", inputs=[series_map] if series_map else [], details=details)
    return summary


def _beside(out: Path, dicom: Path, ingested: "IngestedStudy") -> Path:
    """Write the refusals beside an output that remains unchanged, and return the path."""
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    tables = out.with_name(f"{out.name}.refused")
    with new_folder(tables, command="ingest", inputs=[dicom]) as folder:
        _write_tables(folder, ingested)
        write_manifest(folder, command="ingest", details={"refused": len(ingested.refused)})
    return tables


def _write_tables(folder: Path, ingested: "IngestedStudy") -> None:
    """Write `series.csv`, which lists every series, and `refused.csv`, which lists every file that is left out."""
    from tfspine.formats.refused_csv import write_refused
    from tfspine.formats.series_csv import write_series

    write_series(folder, ingested.series)
    write_refused(folder, ingested.refused)


def _write_template(out: Path, ingested: "IngestedStudy") -> str:
    """Write a series map to edit into the output, unless one exists; return a message about it.

    From then on it belongs to the user: it is written after the output is complete, and stays when that is replaced.
    """
    from tfspine.formats.series_map_csv import SERIES_MAP_FILE, write_series_map

    path = out / SERIES_MAP_FILE
    if path.exists():
        return f"{path} is kept; move it elsewhere to get a new one"
    write_series_map(path, ingested.series)
    return f"to choose otherwise, edit {path} and give it back with --series-map"


def _lacking(ingested: "IngestedStudy") -> dict[str, int]:
    """Return how many studies have only one of the two planes."""
    studies = {str(row["study"]) for row in ingested.rows}
    of_plane = {plane: {str(row["study"]) for row in ingested.rows if row["plane"] == plane} for plane in Plane}
    return {f"studies_without_{plane}": len(studies - found) for plane, found in of_plane.items()}


def _warnings(ingested: "IngestedStudy") -> list[str]:
    lacking = _lacking(ingested)
    told = [ingested.warning] if ingested.warning else []
    if axial := lacking["studies_without_axial"]:
        told.append(f"{axial} studies without an axial T2w series: their canals and recesses cannot be graded")
    if sagittal := lacking["studies_without_sagittal"]:
        told.append(
            f"{sagittal} studies without a sagittal T1w series: their foramina cannot be graded, and their levels "
            "are uncertain"
        )
    if doubtful := sum(bool(row.warning) for row in ingested.series):
        told.append(f"{doubtful} series differ from their description, or were chosen by it alone; see series.csv")
    if ingested.unmatched:
        told.append(f"{ingested.unmatched} rows of the series map fit no series; see series.csv")
    return told


def _commonest(refused: "Sequence[Refusal]") -> str:
    """Return the most frequent reason: a licence file among the images, for example, is not worth reporting."""
    if not refused:
        return "; name DICOM files of whole studies"
    ((reason, count),) = Counter(item.reason for item in refused).most_common(1)
    return f"; {count} of them: {reason}"


def _runner(options: IngestOptions) -> "Runner":
    from tfspine.dicom.many import in_processes

    if options.cluster is None:
        return functools.partial(in_processes, workers=options.workers)
    from tfspine.dicom.ray_cluster import Cluster, on_cluster

    return functools.partial(on_cluster, cluster=Cluster(options.cluster))
