"""``tfspine ingest``: DICOM in, windowed slices out."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import add_salt, require_count, salt_choice
from tfspine.progress import ignore, track
from tfspine.workflows.ingest import IngestOptions, ingest
from tfspine.workflows.salts import OWN_SALT

if TYPE_CHECKING:
    from tfspine.formats.series_csv import SeriesRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine ingest``."""
    parser.add_argument(
        "dicom", type=Path, help="folder with DICOM files at any depth and of any name, zip archive, or DICOMDIR"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for slices/ and the tables; a stopped run continues",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the studies")
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="share them over a Ray cluster instead: auto, HOST:6379, or local to try it",
    )
    add_salt(parser, otherwise=f"{OWN_SALT} beside the output, created if missing")
    parser.add_argument(
        "--series-map",
        type=Path,
        metavar="CSV",
        help="which series to use, if the automatic choice is not what you want",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print what was decided on each series, and why, and leave series_map.csv to edit for --series-map",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    """Ingest every study and print how many there are."""
    from tfspine.formats.refused_csv import REFUSED_FILE

    require_count(args, "workers")
    wanted = IngestOptions(salt_choice(args), args.series_map, args.workers, args.cluster, has_template=args.explain)
    on_series = _print_series if args.explain and not args.json else ignore
    ingested = ingest(args.dicom, args.out, wanted, track=track, on_series=on_series)
    for warning in ingested.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if args.json:
        summary = {"studies": ingested.studies, "slices": ingested.slices, "refused": ingested.refused}
        print(json.dumps(summary | ({"series": list(map(asdict, ingested.series))} if args.explain else {})))
        return
    print(f"{args.out}: {ingested.studies} studies, {ingested.slices} slices")
    if ingested.refused:
        print(f"{ingested.refused} files refused, with the reason, in {args.out / REFUSED_FILE}", file=sys.stderr)
    if ingested.template:
        print(ingested.template, file=sys.stderr)


def _print_series(series: "Sequence[SeriesRow]") -> None:
    import pandas as pd

    from tfspine.formats.series_csv import SERIES_COLUMNS

    print(pd.DataFrame(series, columns=list(SERIES_COLUMNS)).to_string(index=False))
