"""``tfspine predict``: slices to boxes, grades and one table per study, with a model server or a SavedModel."""

import argparse
import json
import textwrap
from pathlib import Path

from tfspine.cli import options
from tfspine.config import SPLITS
from tfspine.errors import ConfigError
from tfspine.progress import track
from tfspine.workflows.ingest import IngestOptions
from tfspine.workflows.predict import PredictOptions, PredictSummary, predict, predict_dicom
from tfspine.workflows.read_studies import DEFAULT_SERVER, ReadingOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--slices", type=Path, metavar="DIR", help="what tfspine ingest wrote")
    images.add_argument("--dicom", type=Path, metavar="DIR", help="DICOM studies, ingested first into OUT/slices")
    parser.add_argument("--series-map", type=Path, metavar="CSV", help="which series to use, as for tfspine ingest")
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
        help="also write members/m1.csv and so on: the grades by each member of the graders for the same boxes",
    )
    options.add_devices(parser)
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="images per request (%(default)s)")
    parser.add_argument("--timeout-s", type=float, default=60, metavar="S", help="wait for an answer (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--json", action="store_true", help="print the summary for a program")


def run(args: argparse.Namespace) -> None:
    """Read every study, and print what was found."""
    options.require_count(args, "batch_size")
    if args.series_map is not None and args.dicom is None:
        raise ConfigError("--series-map belongs to --dicom: the series of --slices are chosen already")
    reading = ReadingOptions(
        args.server,
        args.model,
        has_members=args.members,
        batch_size=args.batch_size,
        timeout_s=args.timeout_s,
    )
    wanted = PredictOptions(reading, args.splits, args.split, IngestOptions(series_map=args.series_map))
    if args.dicom is not None:
        read = predict_dicom(args.dicom, args.out, wanted, track=track)
    else:
        read = predict(args.slices, args.out, wanted, track=track)
    _print_summary(read, as_json=args.json)


def _print_summary(read: PredictSummary, *, as_json: bool) -> None:
    studies = {
        result.study: {
            "found": sum(row.grade is not None for row in result.rows),
            "of": len(result.rows),
            "stenosed": sum(row.grade is not None and row.grade.is_positive for row in result.rows),
            "level_doubt": result.level_doubt,
        }
        for result in read.results
    }
    if as_json:
        print(json.dumps({"out": str(read.folder), **read.details, "studies": studies}))
        return
    print(f"{'study':<12} {'regions found':>13} {'moderate or severe':>18}")
    for study, counts in studies.items():
        found = f"{counts['found']} of {counts['of']}"
        print(f"{study:<12} {found:>13} {counts['stenosed']:>18}")
        if counts["level_doubt"]:
            print(textwrap.fill(f"levels uncertain: {counts['level_doubt']}", 80, initial_indent="  "))
    print(f"{read.slices} slices, {read.detections - read.below_operating_point} boxes: {read.folder}")
    if read.below_operating_point:
        print(
            f"predictions.csv has {read.below_operating_point} more boxes below the operating point, which are "
            "not findings"
        )
    if not read.has_operating_point:
        print("the models have no operating point: every box counts; export them with --labels and --splits")
