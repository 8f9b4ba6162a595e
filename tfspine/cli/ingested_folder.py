"""A slices folder for one run: the one that is named, or one that is ingested for the moment."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tfspine.errors import DicomError


@contextlib.contextmanager
def ingested_folder(args: argparse.Namespace) -> Iterator[Path]:
    """Yield the slices folder, made for the moment from ``--dicom`` by ``tfspine ingest``."""
    from tfspine.cli.main import build_parser
    from tfspine.dicom.scratch import scratch_folder

    if args.slices is not None:
        yield args.slices
        return
    with scratch_folder(args.out) as scratch:
        folder = scratch / "slices"
        words = ["ingest", str(args.dicom), "--out", str(folder)]
        words += ["--series-map", str(args.series_map)] if args.series_map else []
        ingest = build_parser("ingest").parse_args(words)
        # Standard output belongs to the summary of this command.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                ingest.run(ingest)
            except DicomError as error:
                raise DicomError(str(error).replace(str(folder), "the output of tfspine ingest")) from None
        yield folder
