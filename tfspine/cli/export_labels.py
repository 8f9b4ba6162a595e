"""``tfspine export-labels``: labels or predictions in a format of other programs."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tfspine.cli.options import file_to_write
from tfspine.workflows.export_labels import export_labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine export-labels``."""
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    summary = "COCO JSON with grade, side and level as attributes, for FiftyOne, pycocotools and CVAT"
    coco = formats.add_parser("coco", help=summary, description=summary)
    boxes = coco.add_mutually_exclusive_group(required=True)
    boxes.add_argument("--labels", type=Path, metavar="DIR", help="LabelImg files")
    boxes.add_argument("--predictions", type=Path, metavar="CSV", help="predictions.csv of predict")
    coco.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    coco.add_argument("--out", type=file_to_write("labels.json"), required=True, metavar="JSON", help="file to write")
    coco.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(args: argparse.Namespace) -> None:
    """Write the file and print the counts."""
    exported = export_labels(args.labels or args.predictions, args.slices, args.out)
    if args.json:
        print(json.dumps(asdict(exported)))
        return
    print(f"{args.out}: {exported.images} images, {exported.boxes} boxes")
