"""``tfspine fetch``: MR studies from a PACS, over DICOMweb, into a folder that ``tfspine ingest`` reads.

Exit codes: 0 every requested study is complete; 1 some are not, each in `refused.csv` with its reason, and the same
command again fetches only those; 2 nothing could be fetched, or the command is wrong.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import given, require_count
from tfspine.errors import ConfigError
from tfspine.formats.csv_files import read_text
from tfspine.progress import track
from tfspine.workflows.fetch import CREDENTIALS_VARIABLE, IMAGES_FOLDER, FetchSummary, credentials, fetch

if TYPE_CHECKING:
    from tfspine.dicom.dicomweb import Query
    from tfspine.dicom.pacs_connection import Server

UID = re.compile(r"[0-9]+([.][0-9]+)*")
WILDCARDS = frozenset("*?\\")
"""A search treats them as patterns (PS3.4, C.2.2.2): more patients than were named would match."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine fetch``."""
    parser.add_argument("url", metavar="URL", help="root of the DICOMweb server, such as https://pacs:8443/dicom-web")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for dicom/ and refused.csv; run again to continue",
    )
    which = parser.add_argument_group("which studies (at least one of the first four)")
    which.add_argument("--study-uid", action="append", default=[], metavar="UID", help="this study; repeatable")
    which.add_argument(
        "--patient-id-file", type=Path, metavar="FILE", help="studies of these patients, one ID per line"
    )
    which.add_argument(
        "--date", metavar="FROM-TO", help="StudyDate, such as 20240101-20240630; either end may be left out"
    )
    which.add_argument("--limit", type=int, metavar="N", help="at most this many studies")
    which.add_argument("--modality", default="MR", help="of the series to fetch (default: MR)")
    which.add_argument(
        "--body-part", nargs="+", default=[], metavar="PART", help="BodyPartExamined of the series, such as LSPINE"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--auth-file",
        type=Path,
        metavar="FILE",
        help=f"file that holds bearer TOKEN or basic USER:PASSWORD (default: the variable {CREDENTIALS_VARIABLE})",
    )
    how.add_argument("--ca-file", type=Path, metavar="PEM", help="certificates to trust for https")
    how.add_argument("--insecure-http", action="store_true", help="allow http to another machine")
    how.add_argument("--timeout", type=float, default=30, metavar="S", help="seconds to wait for data (default: 30)")
    how.add_argument("--attempts", type=int, default=4, metavar="N", help="tries of each request (default: 4)")
    how.add_argument(
        "--largest-study-mib", type=int, default=4096, metavar="N", help="refuse larger studies (default: 4096)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Fetch every study that is missing; exit code 1 if some could not be fetched."""
    query, server = _query(args), _server(args)
    read = given(args.auth_file, args.ca_file, args.patient_id_file)
    fetched = fetch(server, args.out, query, read=read, track=track)
    _tell(args, fetched)
    return int(fetched.refused > 0)


def _server(args: argparse.Namespace) -> "Server":
    from tfspine.dicom.pacs_connection import Server

    for name in ("timeout", "attempts", "largest_study_mib"):
        if getattr(args, name) <= 0:
            raise ConfigError(f"--{name.replace('_', '-')} {getattr(args, name)}; expected a number above 0")
    return Server(
        args.url,
        credentials=credentials(args.auth_file),
        ca_file=args.ca_file,
        insecure_http=args.insecure_http,
        timeout_s=args.timeout,
        attempts=args.attempts,
        largest_answer_bytes=args.largest_study_mib << 20,
    )


def _query(args: argparse.Namespace) -> "Query":
    from tfspine.dicom.dicomweb import Query

    if not (args.study_uid or args.patient_id_file or args.date or args.limit is not None):
        raise ConfigError("choose studies with --study-uid, --patient-id-file, --date or --limit")
    require_count(args, "limit")
    for uid in args.study_uid:
        if not UID.fullmatch(uid):
            raise ConfigError(f"--study-uid {uid}; expected numbers with dots between")
    return Query(
        study_instance_uids=tuple(dict.fromkeys(args.study_uid)),
        patient_ids=_patient_ids(args.patient_id_file) if args.patient_id_file else (),
        dates=_dates(args.date) if args.date else ("", ""),
        modality=args.modality,
        body_parts=tuple(part.upper() for part in args.body_part),
        limit=args.limit,
    )


def _patient_ids(path: Path) -> tuple[str, ...]:
    """Read one PatientID per line, except blank lines; messages give the line's number, never the ID."""
    lines = read_text(path, expected="one PatientID per line").splitlines()
    for number, line in enumerate(lines, start=1):
        if WILDCARDS & set(line):
            raise ConfigError(f"{path}: line {number}: holds * ? or \\; expected one whole PatientID")
    ids = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not ids:
        raise ConfigError(f"{path}: is empty; expected one PatientID per line")
    return ids


def _dates(text: str) -> tuple[str, str]:
    first, dash, last = text.partition("-")
    try:
        for date in filter(None, (first, last)):
            if len(date) != 8:
                raise ValueError
            datetime.strptime(date, "%Y%m%d")
    except ValueError:
        raise ConfigError(f"--date {text}; expected YYYYMMDD-YYYYMMDD") from None
    if not (first or last):
        raise ConfigError(f"--date {text}; expected YYYYMMDD-YYYYMMDD, one end at least")
    last = last if dash else first
    if first and last and last < first:
        raise ConfigError(f"--date {text}; it ends before it begins")
    return first, last


def _tell(args: argparse.Namespace, fetched: FetchSummary) -> None:
    if args.json:
        print(json.dumps(asdict(fetched)))
        return
    print(
        f"{args.out / IMAGES_FOLDER}: {fetched.fetched} studies fetched ({fetched.images} images, "
        f"{fetched.bytes / 1e6:.1f} MB), {fetched.there_already} already there"
    )
    if fetched.refused:
        from tfspine.formats.refused_csv import REFUSED_FILE

        listed = args.out / REFUSED_FILE
        print(f"{fetched.refused} studies not fetched, with the reason, in {listed}; run again", file=sys.stderr)
