"""``tfspine predict``: slices to boxes, grades and a table a study, by a model server or a SavedModel."""

import argparse
import dataclasses
import json
import logging
import math
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli import options
from tfspine.cli.ingested_folder import ingested_folder
from tfspine.config import SPLITS
from tfspine.errors import ConfigError, ServerError
from tfspine.labels import Plane

if TYPE_CHECKING:
    from tfspine.client import Predictor
    from tfspine.structures import SliceImage, SliceReading, StudyResult

logger = logging.getLogger(__name__)

DEFAULT_SERVER = "grpc://127.0.0.1:8500"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--slices", type=Path, metavar="DIR", help="what tfspine ingest wrote")
    images.add_argument("--dicom", type=Path, metavar="DIR", help="studies that are ingested first, for this run only")
    parser.add_argument("--series-map", type=Path, metavar="CSV", help="what series are for, as for tfspine ingest")
    models = parser.add_mutually_exclusive_group()
    models.add_argument(
        "--server", default=DEFAULT_SERVER, metavar="URL", help="grpc://HOST:PORT or http://HOST:PORT (%(default)s)"
    )
    models.add_argument("--model", type=Path, metavar="DIR", help="what tfspine export wrote; no server is needed")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="what tfspine split wrote; needs --split")
    parser.add_argument("--split", choices=SPLITS, help="read only these studies")
    parser.add_argument(
        "--members",
        action="store_true",
        help="write members/m1.csv and so on, too: what each member of the graders says of the same boxes",
    )
    options.add_devices(parser)
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="images a request (%(default)s)")
    parser.add_argument("--timeout-s", type=float, default=60, metavar="S", help="wait for an answer (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--json", action="store_true", help="print the summary for a program")


def run(args: argparse.Namespace) -> int | None:
    """Read every study and write boxes, tables and labels."""
    from tfspine.ownership import require_folder

    options.require_count(args, "batch_size")
    if (args.splits is None) != (args.split is None):
        raise ConfigError("--splits and --split belong together: give both, or neither to read every study")
    if args.series_map is not None and args.dicom is None:
        raise ConfigError("--series-map belongs to --dicom: the series of --slices are chosen already")
    require_folder(args.out, command="predict", inputs=_inputs(args))
    with ingested_folder(args) as slices_folder:
        _predict(args, slices_folder)
    return None


def _predict(args: argparse.Namespace, slices_folder: Path) -> None:
    from tfspine.client.reading import read_slices
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.signatures import MODEL_NAMES

    slices = _load_slices(args, slices_folder)
    predictors = _connect(args)
    versions = _versions(predictors)
    _warn_of_another_split(args, versions)
    with new_folder(args.out, command="predict", inputs=_inputs(args)) as folder:
        reading = read_slices(predictors, slices, batch_size=args.batch_size)
        checked = _with_members(reading, args) if args.members else reading
        readings = list(options.track(checked, "reading slices", total=len(slices)))
        if _versions(predictors) != versions:
            raise ServerError(f"{args.server}: a new model version was published while reading; run predict again")
        results, readings = _assemble(readings)
        _write(folder, readings, results)
        members_written = _write_members(folder, readings) if args.members else 0
        if args.dicom is not None:
            # What was refused and why would be gone with the scratch folder.
            shutil.copyfile(slices_folder / "refused.csv", folder / "refused.csv")
        details = {
            "source": str(args.model or args.server),
            "models": {MODEL_NAMES[plane]: version for plane, version in versions.items()},
            "split": args.split,
            "slices": len(readings),
            "detections": sum(len(reading.detections) for reading in readings),
            "below_operating_point": sum(not item.is_counted for reading in readings for item in reading.detections),
            "has_operating_point": _has_operating_point(readings),
            "members": members_written,
        }
        write_manifest(folder, command="predict", inputs=_inputs(args), details=details)
    _print_summary(args, results, details)


def _load_slices(args: argparse.Namespace, folder: Path) -> list["SliceImage"]:
    """Return the slices of the studies asked for."""
    from tfspine.annotations.splits import read_splits
    from tfspine.dicom.slices import load_slices

    studies = None
    if args.splits is not None:
        studies = [study for study, split in read_splits(args.splits).items() if split == args.split]
    slices = load_slices(folder, studies=studies)
    if not slices:
        raise ConfigError(
            f"{args.slices or args.dicom}: no slice to read" + (f" in split {args.split}" if args.split else "")
        )
    unplaced = [slice_.key for slice_ in slices if not math.isfinite(slice_.geometry.position_mm[0])]
    if unplaced:
        # Without positions every foramen would come out on the same side.
        raise ConfigError(
            f"{folder / 'slices.csv'}: slice {unplaced[0]} has no position in the patient; expected slices that "
            "tfspine ingest wrote from DICOM, since sides and levels follow from positions"
        )
    return slices


def _warn_of_another_split(args: argparse.Namespace, versions: Mapping[Plane, int]) -> None:
    """Say where test patients may have trained the model; a server does not tell what its model was trained on."""
    from tfspine.annotations.splits import read_splits, split_hash
    from tfspine.manifest import split_of
    from tfspine.signatures import MODEL_NAMES

    if args.model is None or args.splits is None:
        return
    split = split_hash(read_splits(args.splits))
    for plane, version in versions.items():
        folder = args.model / MODEL_NAMES[plane] / str(version)
        trained = split_of(folder)
        if trained and trained != split:
            logger.warning(
                "%s: trained on another split (%s) than that of %s (%s): studies called %s there may have trained it",
                *(folder, trained[:12], args.splits, split[:12], args.split),
            )


def _connect(args: argparse.Namespace) -> dict[Plane, "Predictor"]:
    """Return a predictor a plane: connections to the server, or SavedModels loaded here."""
    from tfspine.signatures import MODEL_NAMES

    if args.model is None:
        from tfspine.client import connect

        return {plane: connect(args.server, name, timeout_s=args.timeout_s) for plane, name in MODEL_NAMES.items()}
    from tfspine.server.in_process import open_predictor

    return {plane: open_predictor(args.model / name) for plane, name in MODEL_NAMES.items()}


def _versions(predictors: Mapping[Plane, "Predictor"]) -> dict[Plane, int]:
    return {plane: predictor.model_version() for plane, predictor in predictors.items()}


def _assemble(readings: Sequence["SliceReading"]) -> tuple[list["StudyResult"], list["SliceReading"]]:
    """Return a table a study, and the readings with levels and sides filled in."""
    from tfspine.study.assembly import assemble

    results: list[StudyResult] = []
    completed: list[SliceReading] = []
    for group in _by_study(readings):
        filled, result = assemble(group)
        completed += filled
        results.append(result)
    return results, completed


def _by_study(readings: Sequence["SliceReading"]) -> Iterator[list["SliceReading"]]:
    studies: dict[str, list[SliceReading]] = {}
    for reading in readings:
        studies.setdefault(reading.study, []).append(reading)
    yield from studies.values()


def _write(folder: Path, readings: Sequence["SliceReading"], results: Sequence["StudyResult"]) -> None:
    from tfspine.annotations.tables import readings_table, write_boxes
    from tfspine.annotations.voc import write_voc
    from tfspine.outputs import write_text
    from tfspine.structures import AnnotatedSlice, Annotation

    write_boxes(folder / "predictions.csv", readings_table(readings))
    for result in results:
        write_text(folder / "studies" / f"{result.study}.json", json.dumps(_study_json(result), indent=2) + "\n")
    for reading in readings:
        # A slice without boxes gets a file too: read and nothing found is not the same as not read.
        boxes = tuple(
            # Label files become training data: a level that may be miscounted stays out of them.
            Annotation(item.box, item.region, item.side, item.grade, item.level if item.is_level_certain else None)
            for item in reading.detections
            if item.is_counted
        )
        write_voc(
            folder / "labels" / f"{reading.key}.xml", AnnotatedSlice(reading.key, reading.geometry.size_px, boxes)
        )


def _has_operating_point(readings: Sequence["SliceReading"]) -> bool:
    """Whether the models said from which score a box counts; without any box nobody can tell."""
    return all(item.score_threshold is not None for reading in readings for item in reading.detections)


def _with_members(readings: Iterator["SliceReading"], args: argparse.Namespace) -> Iterator["SliceReading"]:
    """Yield the readings, but refuse the models at the first box that says they have not several members."""
    counts: dict[str, int] = {}
    for reading in readings:
        counts |= {str(reading.plane): len(item.members) for item in reading.detections}
        if len(set(counts.values())) > 1 or 0 in counts.values():
            raise _no_members(args, ", ".join(f"{plane} {count or 1}" for plane, count in counts.items()))
        yield reading
    if not counts:
        raise _no_members(args, "no box was found that would tell")


def _no_members(args: argparse.Namespace, told: str) -> ConfigError:
    return ConfigError(
        f"--members: members of the graders of {args.model or args.server}: {told}; expected several, and "
        "as many in both planes: export runs that tfspine train grader --members wrote, or leave out --members"
    )


def _write_members(folder: Path, readings: Sequence["SliceReading"]) -> int:
    """Write one table a member, with the boxes of `predictions.csv` in the same order; return how many."""
    from tfspine.annotations.tables import readings_table, write_boxes

    count = next(len(item.members) for reading in readings for item in reading.detections)
    for member in range(count):
        table = readings_table(_of_member(reading, member) for reading in readings)
        write_boxes(folder / "members" / f"m{member + 1}.csv", table)
    return count


def _of_member(reading: "SliceReading", member: int) -> "SliceReading":
    """Return a reading with the grades of one member, counted from 0."""
    detections = (dataclasses.replace(item, probabilities=item.members[member]) for item in reading.detections)
    return dataclasses.replace(reading, detections=tuple(detections))


def _study_json(result: "StudyResult") -> dict[str, Any]:
    """Return a study's table as JSON values: grades in words, null where nothing was found.

    `level_doubt` says why its levels may be miscounted; `slices` has the level of every axial slice.
    """
    rows = [
        dataclasses.asdict(row) | {"grade": row.grade.word if row.grade is not None else None} for row in result.rows
    ]
    slices = [dataclasses.asdict(slice_) for slice_ in result.slices]
    return {"study": result.study, "level_doubt": result.level_doubt, "rows": rows, "slices": slices}


def _inputs(args: argparse.Namespace) -> list[Path]:
    return options.given(args.slices, args.dicom, args.splits, args.model)


def _print_summary(args: argparse.Namespace, results: Sequence["StudyResult"], details: Mapping[str, Any]) -> None:
    studies = {
        result.study: {
            "found": sum(row.grade is not None for row in result.rows),
            "of": len(result.rows),
            "stenosed": sum(row.grade is not None and row.grade.is_positive for row in result.rows),
            "level_doubt": result.level_doubt,
        }
        for result in results
    }
    if args.json:
        print(json.dumps({"out": str(args.out), **details, "studies": studies}))
        return
    print(f"{'study':<12} {'regions found':>13} {'moderate or severe':>18}")
    for study, counts in studies.items():
        found = f"{counts['found']} of {counts['of']}"
        print(f"{study:<12} {found:>13} {counts['stenosed']:>18}")
        if counts["level_doubt"]:
            print(textwrap.fill(f"levels uncertain: {counts['level_doubt']}", 80, initial_indent="  "))
    counted = details["detections"] - details["below_operating_point"]
    print(f"{details['slices']} slices, {counted} boxes: {args.out}")
    if details["below_operating_point"]:
        print(f"predictions.csv has {details['below_operating_point']} more, below the operating point: no findings")
    if not details["has_operating_point"]:
        print("the models have no operating point: every box counts; export them with --labels and --splits")
