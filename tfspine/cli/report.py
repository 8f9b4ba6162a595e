"""``tfspine report``: one HTML page for studies, measures and heatmaps."""

import argparse
from pathlib import Path

from tfspine.cli.options import add_force, file_to_write, require_count
from tfspine.errors import ConfigError
from tfspine.workflows.predict import SLICES_FOLDER
from tfspine.workflows.report import SHOWN_STUDIES, ReportOptions, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--predictions", type=Path, required=True, metavar="DIR", help="what tfspine predict wrote")
    parser.add_argument(
        "--slices", type=Path, metavar="DIR", help="what tfspine ingest wrote (default: slices/ of predict --dicom)"
    )
    parser.add_argument("--evaluation", type=Path, metavar="DIR", help="what tfspine evaluate wrote")
    parser.add_argument("--explained", type=Path, metavar="DIR", help="what tfspine explain wrote")
    parser.add_argument(
        "--out", type=file_to_write("report.html"), default=Path("report.html"), metavar="HTML", help="file to write"
    )
    parser.add_argument(
        "--studies", type=int, default=SHOWN_STUDIES, metavar="N", help="draw the N most severe (%(default)s)"
    )
    parser.add_argument(
        "--study", dest="only", action="append", default=[], metavar="NAME", help="show this study alone; repeatable"
    )
    add_force(parser)
    parser.add_argument("--title", help="heading of the page")
    parser.add_argument("--notice", help="text of the banner instead of the usual one")


def run(args: argparse.Namespace) -> None:
    """Write the page, and print what it shows."""
    require_count(args, "studies")
    wanted = ReportOptions(
        args.evaluation, args.explained, args.studies, tuple(args.only), args.title, args.notice, args.force
    )
    written = report(args.predictions, _slices(args), args.out, wanted)
    print(f"{written.file}: {written.drawn} of {written.studies} studies, {written.size / 1e6:.1f} MB")


def _slices(args: argparse.Namespace) -> Path:
    """Return the given folder, otherwise the slices that ``tfspine predict --dicom`` ingested."""
    own = Path(args.predictions) / SLICES_FOLDER
    if args.slices is None and not own.is_dir():
        raise ConfigError(
            f"{own}: not found, because tfspine predict --slices wrote {args.predictions}; name --slices DIR"
        )
    return own if args.slices is None else Path(args.slices)
