"""``tfspine ingest``: DICOM in, windowed slices out."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import require_count, track
from tfspine.cli.salts import OWN_SALT, add_salt, salt_beside

if TYPE_CHECKING:
    from tfspine.dicom.many import Runner
    from tfspine.structures import Refusal


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
        help="folder for slices/ and the tables; a stopped run goes on",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the studies")
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="share them over a Ray cluster instead: auto, HOST:6379, or local to try it",
    )
    add_salt(parser, otherwise=f"{OWN_SALT} beside the output, made where it is missing")
    parser.add_argument("--explain", action="store_true", help="print what was decided on each series, and why")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    """Ingest every study; one that cannot be used is listed, and stops nothing unless none can."""
    import pandas as pd

    from tfspine.dicom.ingest import SERIES_COLUMNS
    from tfspine.dicom.many import ingest_studies
    from tfspine.dicom.slices import TABLE
    from tfspine.dicom.sources import open_source
    from tfspine.errors import DicomError
    from tfspine.manifest import write_manifest
    from tfspine.outputs import resumable_folder, write_text
    from tfspine.ownership import require_folder
    from tfspine.structures import SLICE_COLUMNS

    require_folder(args.out, command="ingest", inputs=[args.dicom])
    with (
        salt_beside(args) as salt,
        open_source(args.dicom, beside=args.out) as source,
        resumable_folder(args.out, command="ingest", inputs=[args.dicom]) as folder,
    ):
        ingested = ingest_studies(source, folder, salt=salt, runner=_runner(args), track=track)
        series = pd.DataFrame(ingested.series, columns=list(SERIES_COLUMNS))
        if args.explain and not args.json:
            print(series.to_string(index=False))
        if not ingested.rows:
            raise DicomError(f"{args.dicom}: {len(source.names)} files, no usable study{_commonest(ingested.refused)}")
        table = pd.DataFrame(ingested.rows, columns=list(SLICE_COLUMNS))
        refusals = pd.DataFrame([(item.file, item.reason) for item in ingested.refused], columns=["file", "reason"])
        for name, written in ((TABLE, table), ("series.csv", series), ("refused.csv", refusals)):
            write_text(folder / name, written.to_csv(index=False))
        summary = {"studies": table["study"].nunique(), "slices": len(table), "refused": len(refusals)}
        details = {**summary, "salt_check": salt.check(), "patients_without_id": ingested.warning}
        write_manifest(folder, command="ingest", details=details)
    if ingested.warning:
        print(f"warning: {ingested.warning}", file=sys.stderr)
    if args.json:
        explained = {"series": list(ingested.series)} if args.explain else {}
        print(json.dumps(summary | explained))
        return
    print(f"{args.out}: {summary['studies']} studies, {summary['slices']} slices")
    if summary["refused"]:
        print(f"{summary['refused']} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)


def _commonest(refused: "Sequence[Refusal]") -> str:
    """Return the reason of most files: a licence between the images is not what a user has to hear of."""
    if not refused:
        return "; name DICOM files of whole studies"
    ((reason, count),) = Counter(item.reason for item in refused).most_common(1)
    return f"; {count} of them: {reason}"


def _runner(args: argparse.Namespace) -> "Runner":
    import functools

    from tfspine.dicom.many import in_processes
    from tfspine.errors import ConfigError

    if args.cluster is None:
        require_count(args, "workers")
        return functools.partial(in_processes, workers=args.workers)
    try:
        from tfspine.dicom.cluster import Cluster, on_cluster
    except ModuleNotFoundError as error:
        raise ConfigError(f"--cluster needs {error.name}: pip install tfspine[cluster]") from None
    return functools.partial(on_cluster, cluster=Cluster(args.cluster))
