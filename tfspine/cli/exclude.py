"""``tfspine exclude``: which studies are left out, with the measured values, and the flow chart."""

import argparse
import json
import sys
from pathlib import Path

from tfspine.cli.options import add_experiment, experiment_from, require_count
from tfspine.formats.exclusions_csv import EXCLUSIONS_FILE
from tfspine.progress import track
from tfspine.workflows.exclude import ExcludeOptions, exclude


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine exclude``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    boxes = parser.add_mutually_exclusive_group()
    boxes.add_argument("--detections", type=Path, metavar="CSV", help="predictions.csv, to measure scoliosis on")
    boxes.add_argument("--labels", type=Path, metavar="DIR", help="folder of LabelImg files, for the same purpose")
    parser.add_argument(
        "--dicom", type=Path, action="append", metavar="DIR", help="studies whose headers give the age; repeatable"
    )
    parser.add_argument(
        "--decisions",
        type=Path,
        metavar="CSV",
        help="what a person decided: study, measure, verdict (include, exclude)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the tables and the chart")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the studies (1)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON instead of the chart")
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Measure every study, compare it with the experiment's limits, and print the flow chart."""
    from tfspine.annotations.flow import flow_text

    require_count(args, "workers")
    options = ExcludeOptions(
        detections=args.detections,
        labels=args.labels,
        dicom=tuple(args.dicom or ()),
        decisions=args.decisions,
        workers=args.workers,
        experiment=experiment_from(args),
    )
    done = exclude(args.slices, args.out, options, track=track)
    counts = {name: getattr(done, name) for name in ("studies", "included", "excluded", "flagged")}
    print(json.dumps(counts) if args.json else flow_text(done.flow))
    if not args.dicom:
        print("age was not checked; give --dicom", file=sys.stderr)
    if args.detections is None and args.labels is None:
        print("scoliosis was not measured; give --detections or --labels", file=sys.stderr)
    if done.flagged:
        listed = args.out / EXCLUSIONS_FILE
        print(f"{done.flagged} studies flagged, with the numbers, in {listed}; give --decisions", file=sys.stderr)
