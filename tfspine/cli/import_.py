"""``tfspine import``: public data sets, and labels of other programs, turned into labels and tables."""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from tfspine.cli.options import add_salt, require_count, salt_choice
from tfspine.errors import ConfigError
from tfspine.labels import Region
from tfspine.progress import track
from tfspine.workflows.import_ import Aisslab, Dataset, Spider, SpineAi, Sudirman, import_dataset
from tfspine.workflows.import_labels import DrawnIn, ImportLabelsOptions, import_labels
from tfspine.workflows.import_rsna import Rsna
from tfspine.workflows.salts import OWN_SALT

DATASETS = {
    "rsna": "RSNA 2024: three grades and points, on slices that are read from its pictures",
    "spineai": "LabelImg boxes left, center, right, sagittal, with grade text files",
    "aisslab": "AISSLab LSS-MRI: foramina RFS0-3, LFS0-3 with levels",
    "sudirman": "Sudirman: .ima tree to ingest, or ground-truth label images",
    "spider": "SPIDER: disc levels and gradings, no stenosis grades",
}

PROGRAMS = {
    DrawnIn.CVAT: "labels of CVAT: CVAT for images 1.1, grade and level as attributes",
    DrawnIn.COCO: "labels as COCO JSON, grade, side and level among the attributes",
    DrawnIn.LABELSTUDIO: "labels of Label Studio: JSON, grade and level as choices of each region",
    DrawnIn.YOLO: "labels as YOLO text files, the grade in the names of the classes",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand for each data set and program."""
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for name, summary in DATASETS.items():
        subparser = datasets.add_parser(name, help=summary, description=summary)
        subparser.add_argument("folder", type=Path, help="the unpacked data set")
        subparser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
        _add_common_arguments(subparser)
        if name == "rsna":
            _add_rsna_arguments(subparser)
        if name == "spineai":
            subparser.add_argument("--sides", type=Path, metavar="CSV", help="side of sagittal pictures: file, side")
            subparser.add_argument(
                "--patient-pattern", metavar="REGEX", help="pattern of a picture's name, with ?P<patient>"
            )
        if name == "sudirman":
            subparser.add_argument(
                "--truth", choices=("t1", "t2"), help="import label images on these pictures, not the .ima tree"
            )
    for program, summary in PROGRAMS.items():
        _add_program(datasets.add_parser(program, help=summary, description=summary), program)


def run(args: argparse.Namespace) -> None:
    """Import one data set, or the labels of one program, and print the counts."""
    if args.dataset in tuple(DrawnIn):
        options = ImportLabelsOptions(DrawnIn(args.dataset), args.names, getattr(args, "annotator", ""))
        counts = asdict(import_labels(args.source, args.slices, args.out, options, track=track))
    else:
        imported = import_dataset(args.folder, args.out, _dataset(args), track=track)
        counts = {**imported.counts, "refused": imported.refused}
    if args.json:
        print(json.dumps(counts))
        return
    print(f"{args.out}: " + ", ".join(f"{count} {name}" for name, count in counts.items() if name != "refused"))
    if counts["refused"]:
        print(f"{counts['refused']} refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)


def _dataset(args: argparse.Namespace) -> Dataset:
    match args.dataset:
        case "rsna":
            require_count(args, "workers")
            return Rsna(args.slices, args.workers, dict(map(_box_mm, args.box_mm)), salt_choice(args))
        case "spineai":
            from tfspine.annotations.importers.spineai import read_sides

            return SpineAi(args.patient_pattern, read_sides(args.sides) if args.sides else {})
        case "sudirman":
            return Sudirman(args.truth)
        case "aisslab":
            return Aisslab()
    return Spider()


def _add_program(parser: argparse.ArgumentParser, program: DrawnIn) -> None:
    """Add the arguments for the labels of one program."""
    parser.add_argument("source", type=Path, help="what was exported: file, folder or zip archive")
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the labels")
    parser.add_argument(
        "--names",
        type=Path,
        metavar="CSV|TOML",
        help="which name is which label: CSV of name, label; TOML of [names] and more",
    )
    if program is DrawnIn.LABELSTUDIO:
        parser.add_argument(
            "--annotator",
            default="",
            metavar="ID",
            help="annotator whose labels to import, by id or e-mail, if there are several",
        )
    _add_common_arguments(parser)


def _add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every import."""
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help="log more, to standard error")


def _add_rsna_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this data set only."""
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
    add_salt(parser, otherwise=f"{OWN_SALT} beside the output, created if missing")


def _box_mm(text: str) -> tuple[Region, tuple[float, float]]:
    """Read ``neural_foramen=22x13``: height and width in mm."""
    match = re.fullmatch(r"(\w+)=(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", text)
    if not match or match[1] not in tuple(Region) or not (float(match[2]) > 0 and float(match[3]) > 0):
        raise ConfigError(f"--box-mm {text}; expected REGION=HEIGHTxWIDTH in mm, REGION one of {', '.join(Region)}")
    return Region(match[1]), (float(match[2]), float(match[3]))
