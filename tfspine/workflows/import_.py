"""Turns public data sets in their own layout into labels and tables."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfspine.errors import AnnotationError, ConfigError, FormatError
from tfspine.formats.csv_rows import write_csv
from tfspine.labels import Side
from tfspine.progress import Track, silent
from tfspine.workflows.import_rsna import Rsna, import_rsna

if TYPE_CHECKING:
    from tfspine.annotations.importers.imported import ImportedDataset
    from tfspine.structures import Refusal

LICENCES = {
    "rsna": "RSNA 2024 competition rules: non-commercial use, do not pass on",
    "spineai": "as set by the owner of the pictures",
    "aisslab": "CC BY 4.0, or non-commercial research by its own text: do not pass on",
    "sudirman": "CC BY 4.0",
    "spider": "CC BY 4.0",
}
"""A note in the manifest: labels and images keep the licence of the data set that they come from."""


@dataclass(frozen=True)
class SpineAi:
    """LabelImg boxes with grade text files.

    Attributes:
        patient_pattern: regular expression of image names, with `(?P<patient>...)`; None: the usual one.
        sides: side of each sagittal image, by file stem.
    """

    patient_pattern: str | None = None
    sides: Mapping[str, Side] = field(default_factory=dict)


@dataclass(frozen=True)
class Aisslab:
    """AISSLab LSS-MRI."""


@dataclass(frozen=True)
class Sudirman:
    """The tree of .ima files to ingest, or, with `truth`, the label images on pictures of this weighting."""

    truth: Literal["t1", "t2"] | None = None


@dataclass(frozen=True)
class Spider:
    """Levels of discs and gradings, without stenosis grades."""


Dataset = Rsna | SpineAi | Aisslab | Sudirman | Spider


def import_dataset(source: Path, out: Path, dataset: Dataset, *, track: Track = silent) -> "ImportedDataset":
    """Import one data set and return the counts; refused files are listed with the reason in `refused.csv`.

    Args:
        source: the unpacked data set.
        out: folder to write.
        dataset: the data set, with its specific options.
        track: counts what is read.

    Raises:
        AnnotationError: no file of the data set was found.
        OutputError: `out` may not be written.
    """
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    if not source.is_dir():
        raise AnnotationError(f"{source}: no such folder; expected the unpacked data set")
    name = type(dataset).__name__.lower()
    slices = [dataset.slices] if isinstance(dataset, Rsna) and dataset.slices else []
    with new_folder(out, command="import", inputs=[source, *slices]) as folder:
        match dataset:
            case Rsna():
                imported = import_rsna(source, folder, dataset, out=out, track=track)
            case SpineAi():
                imported = _spineai(source, folder, dataset, track)
            case Aisslab():
                imported = _aisslab(source, folder, track)
            case Sudirman():
                imported = _sudirman(source, folder, dataset, track)
            case Spider():
                imported = _spider(source, folder, track)
        details = {"dataset": name, "licence": LICENCES[name]} | imported.details
        write_manifest(folder, command="import", inputs=[source, *slices], details=details)
    return imported


def _spineai(source: Path, folder: Path, dataset: SpineAi, track: Track) -> "ImportedDataset":
    from tfspine.annotations.importers.spineai import PATIENT_PATTERN, SpineAiOptions, read_spineai

    try:
        pattern = re.compile(dataset.patient_pattern or PATIENT_PATTERN)
    except re.error as error:
        raise ConfigError(
            f"--patient-pattern {dataset.patient_pattern}: {error}; expected a regular expression"
        ) from None
    if "patient" not in pattern.groupindex:
        raise ConfigError(f"--patient-pattern {dataset.patient_pattern}: no group (?P<patient>...)")
    items = read_spineai(source, SpineAiOptions(pattern, dataset.sides))
    return _write_pictures(folder, items, dataset="spineai", track=track)


def _aisslab(source: Path, folder: Path, track: Track) -> "ImportedDataset":
    from tfspine.annotations.importers.aisslab import read_aisslab

    return _write_pictures(folder, read_aisslab(source), dataset="aisslab", track=track)


def _sudirman(source: Path, folder: Path, dataset: Sudirman, track: Track) -> "ImportedDataset":
    from tfspine.annotations.importers.sudirman import read_plan
    from tfspine.annotations.importers.sudirman_output import write_plan
    from tfspine.annotations.importers.sudirman_truth import Weighting, read_truth
    from tfspine.annotations.importers.sudirman_truth_output import write_truth
    from tfspine.structures import Refusal

    notes = [
        Refusal(str(path.relative_to(source)), "notes in free text: grades are not derived from text")
        for path in sorted(source.rglob("*.xlsx"))
    ]
    if dataset.truth:
        items = itertools.chain(read_truth(source, Weighting(dataset.truth)), notes)
        return write_truth(folder, track(items, "label images"))
    return write_plan(folder, read_plan(source), source=source, others=notes)


def _spider(source: Path, folder: Path, track: Track) -> "ImportedDataset":
    from tfspine.annotations.importers.imported import ImportedDataset
    from tfspine.annotations.importers.spider_tables import read_gradings, read_overview
    from tfspine.formats.refused_csv import write_refused_lines
    from tfspine.outputs import write_text
    from tfspine.structures import Refusal

    series, refused = read_overview(source)
    gradings, more = read_gradings(source, set(series["patient"]))
    refused += more
    write_text(folder / "series.csv", series.to_csv(index=False))
    write_text(folder / "gradings.csv", gradings.to_csv(index=False))
    counts = {"patients": int(series["patient"].nunique()), "series": len(series), "discs": len(gradings)}
    if (source / "masks").is_dir():
        counts["centres"] = _write_levels(folder, source / "masks", list(series["series"]), refused, track)
    else:
        refused.append(Refusal("masks", "no such folder: no levels.csv; unpack masks.zip beside the CSV files"))
    write_refused_lines(folder, refused)
    return ImportedDataset(counts, len(refused))


def _write_levels(folder: Path, masks: Path, series: Sequence[str], refused: "list[Refusal]", track: Track) -> int:
    """Write `levels.csv` and return the number of its rows; add what is left out to `refused`."""
    from tfspine.annotations.importers.spider_masks import disc_centres
    from tfspine.annotations.importers.spider_tables import CENTRE_COLUMNS
    from tfspine.structures import Refusal

    rows: list[tuple[object, ...]] = []
    for path in track(sorted(masks.glob("*.mha")), "masks"):
        try:
            if path.stem not in series:
                raise AnnotationError("no such series in overview.csv")
            discs = disc_centres(path)
        except FormatError as error:
            refused.append(Refusal(f"masks/{path.name}", str(error)))
            continue
        patient = path.stem.partition("_")[0]
        rows += [(path.stem, patient, item.disc, item.level or "", *item.centre_mm, item.voxels) for item in discs]
    write_csv(folder / "levels.csv", CENTRE_COLUMNS, rows)
    return len(rows)


def _write_pictures(folder: Path, items: Any, *, dataset: str, track: Track) -> "ImportedDataset":
    from tfspine.annotations.importers.pictures import write_pictures

    return write_pictures(folder, track(items, "pictures"), dataset=dataset)
