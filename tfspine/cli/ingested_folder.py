"""A slices folder made by ``tfspine ingest`` for another command."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path


def ingest_by_command(series_map: Path | None) -> Callable[[Path, Path], None]:
    """Return what ingests the DICOM of one path into another."""
    from tfspine.cli.main import build_parser

    def ingest(dicom: Path, out: Path) -> None:
        words = ["ingest", str(dicom), "--out", str(out), *(["--series-map", str(series_map)] if series_map else [])]
        args = build_parser("ingest").parse_args(words)
        # Standard output belongs to the summary of this command.
        with contextlib.redirect_stdout(sys.stderr):
            args.run(args)

    return ingest
