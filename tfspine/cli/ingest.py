"""``tfspine ingest``: DICOM in, windowed slices out."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tfspine.cli.options import track


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine ingest``."""
    parser.add_argument("dicom", type=Path, help="folder with DICOM files, at any depth and of any name")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for slices/, slices.csv, refused.csv"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    """Ingest every study; one that cannot be used is listed, and stops the run only if it is the only one."""
    import pandas as pd

    from tfspine.dicom.ingest import Refusal, ingest_study, scan_folder
    from tfspine.dicom.slices import TABLE
    from tfspine.errors import DicomError
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder, write_text
    from tfspine.structures import SLICE_COLUMNS

    scan = scan_folder(args.dicom, track=lambda files: track(files, "headers"))
    refused = list(scan.refused)
    rows: list[dict[str, Any]] = []
    with new_folder(args.out) as folder:
        for headers in track(list(scan.studies.values()), "studies"):
            try:
                study = ingest_study(headers, args.dicom, folder)
            except DicomError as error:
                if len(scan.studies) == 1:
                    raise DicomError(f"{args.dicom}: {error}") from None
                refused += [Refusal(str(header.path.relative_to(args.dicom)), str(error)) for header in headers]
                continue
            rows += study.rows
            refused += study.refused
        if not rows:
            raise DicomError(f"{args.dicom}: none of {len(scan.studies)} studies can be used; {refused[-1].reason}")
        table = pd.DataFrame(rows, columns=list(SLICE_COLUMNS))
        write_text(folder / TABLE, table.to_csv(index=False))
        refusals = pd.DataFrame([(item.file, item.reason) for item in refused], columns=["file", "reason"])
        write_text(folder / "refused.csv", refusals.to_csv(index=False))
        summary = {"studies": table["study"].nunique(), "slices": len(table), "refused": len(refused)}
        write_manifest(folder, command="ingest", details=summary)
    if args.json:
        print(json.dumps(summary))
        return
    print(f"{args.out}: {summary['studies']} studies, {summary['slices']} slices")
    if refused:
        print(f"{len(refused)} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
