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
from tfspine.labels import Plane
from tfspine.outputs import write_text

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.dicom.deidentify.pseudonyms import Salt
    from tfspine.dicom.ingest import IngestedStudy
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
    parser.add_argument(
        "--series-map", type=Path, metavar="CSV", help="what series are for, where the choice is not what you want"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print what was decided on each series, and why, and leave series_map.csv to edit for --series-map",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    """Ingest every study; one that cannot be used is listed, and stops nothing unless none can."""
    from tfspine.dicom.many import ingest_studies
    from tfspine.dicom.series import NOTHING_SAID
    from tfspine.dicom.series_map import read_series_map
    from tfspine.dicom.slices import TABLE
    from tfspine.dicom.sources import open_source
    from tfspine.errors import DicomError
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder, resumable_folder
    from tfspine.ownership import require_folder

    require_folder(args.out, command="ingest", inputs=[args.dicom])
    series_map = read_series_map(args.series_map) if args.series_map else NOTHING_SAID
    with (
        salt_beside(args) as salt,
        open_source(args.dicom, beside=args.out) as source,
        resumable_folder(args.out, command="ingest", inputs=[args.dicom]) as folder,
    ):
        ingested = ingest_studies(source, folder, salt=salt, series_map=series_map, runner=_runner(args), track=track)
        if args.explain and not args.json:
            print(_series_table(ingested).to_string(index=False))
        nothing = f"{args.dicom}: {len(source.names)} files, no usable study{_commonest(ingested.refused)}"
        if not ingested.rows and not ingested.refused:
            raise DicomError(nothing)
        if not ingested.rows and (args.out / TABLE).is_file():
            tables = args.out.with_name(f"{args.out.name}.refused")
            with new_folder(tables, command="ingest", inputs=[args.dicom]) as beside:
                _write_tables(beside, ingested)
                write_manifest(beside, command="ingest", details={"refused": len(ingested.refused)})
            raise DicomError(f"{nothing}; {args.out} is left as it was, and {tables} tells of every file")
        summary = write_ingested(folder, ingested, salt=salt, series_map=args.series_map)
    template = _write_template(args.out, ingested) if args.explain else ""
    if not ingested.rows:
        raise DicomError(f"{nothing}; refused.csv and series.csv in {args.out} tell of every file{template}")
    for warning in _warnings(ingested):
        print(f"warning: {warning}", file=sys.stderr)
    if args.json:
        explained = {"series": list(ingested.series)} if args.explain else {}
        print(json.dumps(summary | explained))
        return
    print(f"{args.out}: {summary['studies']} studies, {summary['slices']} slices")
    if summary["refused"]:
        print(f"{summary['refused']} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
    if template:
        print(template.removeprefix("; "), file=sys.stderr)


def write_ingested(
    folder: Path, ingested: "IngestedStudy", *, salt: "Salt", series_map: Path | None = None
) -> dict[str, int]:
    """Write the tables and the manifest beside the slices, and return what is told of them.

    Args:
        folder: that has `slices/`.
        ingested: all studies.
        salt: the secret behind the pseudonyms of patients.
        series_map: the file that said what series are for, if there was one.
    """
    import pandas as pd

    from tfspine.dicom.slices import TABLE
    from tfspine.manifest import write_manifest
    from tfspine.structures import SLICE_COLUMNS

    table = pd.DataFrame(ingested.rows, columns=list(SLICE_COLUMNS))
    if ingested.rows:
        write_text(folder / TABLE, table.to_csv(index=False))
    _write_tables(folder, ingested)
    summary = {"studies": table["study"].nunique(), "slices": len(table), "refused": len(ingested.refused)}
    details = {**summary, "salt_check": salt.check(), "patients_without_id": ingested.warning, **_lacking(ingested)}
    write_manifest(folder, command="ingest", inputs=[series_map] if series_map else [], details=details)
    return summary


def _series_table(ingested: "IngestedStudy") -> "pd.DataFrame":
    import pandas as pd

    from tfspine.dicom.ingest import SERIES_COLUMNS

    return pd.DataFrame(ingested.series, columns=list(SERIES_COLUMNS))


def _write_tables(folder: Path, ingested: "IngestedStudy") -> None:
    """Write `series.csv` and `refused.csv`, which tell of every series and every file that is left out."""
    import pandas as pd

    refusals = pd.DataFrame([(item.file, item.reason) for item in ingested.refused], columns=["file", "reason"])
    write_text(folder / "series.csv", _series_table(ingested).to_csv(index=False))
    write_text(folder / "refused.csv", refusals.to_csv(index=False))


def _write_template(out: Path, ingested: "IngestedStudy") -> str:
    """Leave a series map to edit in the output, unless one is there; return what to say of it.

    It is the user's from then on: written after the output is complete, it stays when that is replaced.
    """
    import pandas as pd

    from tfspine.dicom.series_map import TEMPLATE_COLUMNS, TEMPLATE_FILE, template

    path = out / TEMPLATE_FILE
    if path.exists():
        return f"; {path} is kept as it is; move it for a new one"
    write_text(path, pd.DataFrame(template(ingested.series), columns=list(TEMPLATE_COLUMNS)).to_csv(index=False))
    return f"; to choose otherwise, edit {path} and give it back with --series-map"


def _lacking(ingested: "IngestedStudy") -> dict[str, int]:
    """Return how many studies have but one of the two planes."""
    studies = {str(row["study"]) for row in ingested.rows}
    of_plane = {plane: {str(row["study"]) for row in ingested.rows if row["plane"] == plane} for plane in Plane}
    return {f"studies_without_{plane}": len(studies - found) for plane, found in of_plane.items()}


def _warnings(ingested: "IngestedStudy") -> list[str]:
    lacking = _lacking(ingested)
    told = [ingested.warning] if ingested.warning else []
    if axial := lacking["studies_without_axial"]:
        told.append(f"{axial} studies without an axial T2w series: no canal and no recess of theirs can be graded")
    if sagittal := lacking["studies_without_sagittal"]:
        told.append(
            f"{sagittal} studies without a sagittal T1w series: no foramen of theirs can be graded, and their levels "
            "are uncertain"
        )
    if doubtful := sum(bool(row["warning"]) for row in ingested.series):
        told.append(f"{doubtful} series are not what people typed, or taken by their word alone; see series.csv")
    if ingested.unmatched:
        told.append(f"{ingested.unmatched} rows of the series map fit no series; see series.csv")
    return told


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
