"""Fetches MR studies from a PACS by DICOMweb into a folder that `ingest` reads."""

import contextlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import ConfigError, OutputError, PacsError, PacsLoginError
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from tfspine.dicom.dicomweb import FoundStudies, Pacs, Query
    from tfspine.dicom.pacs_connection import Server
    from tfspine.formats.refused_csv import LeftOut

logger = logging.getLogger(__name__)

CREDENTIALS_VARIABLE = "TFSPINE_PACS_CREDENTIALS"
IMAGES_FOLDER = "dicom"


@dataclass(frozen=True)
class FetchSummary:
    """Numbers of studies fetched, of those that existed already or are in `refused.csv`; images and bytes fetched."""

    fetched: int = 0
    there_already: int = 0
    refused: int = 0
    images: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Days:
    """First and last StudyDate, YYYYMMDD, both included, either may be empty; and how many studies at most."""

    first: str = ""
    last: str = ""
    limit: int | None = None


def fetch(
    server: "Server", out: Path, query: "Query", *, read: Iterable[Path] = (), track: Track = silent
) -> FetchSummary:
    """Fetch every study that is missing; one that cannot be fetched is listed, and the others are still fetched.

    Args:
        server: the PACS and how to access it.
        out: folder for `dicom/` and `refused.csv`; another call continues in it.
        query: which studies, and which of their series.
        read: input files of the caller, such as credentials, which may not be in `out`.
        track: counts the studies.

    Raises:
        PacsError: nothing could be fetched.
        OutputError: `out` may not be written, or another process writes there.
    """
    from tfspine.dicom.dicomweb import Pacs
    from tfspine.manifest import write_manifest
    from tfspine.ownership import require_folder

    require_folder(out, command="fetch", inputs=list(read))
    pacs = Pacs(server)
    try:
        found = pacs.find_studies(query)
        if not found.study_instance_uids:
            raise PacsError("no study matches; change the query")
        with _writing_alone(out):
            write_manifest(out, command="fetch", details={"server": server.url})  # marks the folder as this command's
            tally = _fetch_all(pacs, found, query, out, track=track)
            write_manifest(out, command="fetch", details={"server": server.url, **tally})
    except PacsError as error:
        raise type(error)(f"{server.url}: {error}") from None
    return FetchSummary(**tally)


def fetch_days(url: str, out: Path, days: Days, *, track: Track = silent) -> FetchSummary:
    """Fetch the MR studies of some days, with the credentials of the environment, as `fetch` does.

    Raises:
        ConfigError: the credentials are invalid.
        PacsError: nothing could be fetched.
    """
    from tfspine.dicom.dicomweb import Query
    from tfspine.dicom.pacs_connection import Server
    from tfspine.formats.refused_csv import REFUSED_FILE

    query = Query(dates=(days.first, days.last), limit=days.limit)
    fetched = fetch(Server(url, credentials=credentials()), out, query, track=track)
    if fetched.refused:
        logger.warning("%d studies could not be fetched; the reasons are in %s", fetched.refused, out / REFUSED_FILE)
    return fetched


def credentials(file: Path | None = None) -> "AuthBase | None":
    """Return the credentials in a file, else in the variable `CREDENTIALS_VARIABLE`; None if that is empty or unset.

    Raises:
        ConfigError: the file cannot be read, or the credentials are invalid.
    """
    from tfspine.dicom.pacs_connection import read_credentials

    if file is None:
        text = os.environ.get(CREDENTIALS_VARIABLE, "")
        return read_credentials(text, source=f"${CREDENTIALS_VARIABLE}") if text else None
    try:
        return read_credentials(file.read_text(encoding="utf-8"), source=str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({type(error).__name__}); expected credentials") from None


def _fetch_all(pacs: "Pacs", found: "FoundStudies", query: "Query", out: Path, *, track: Track) -> dict[str, int]:
    """Fetch the studies, keep `refused.csv` up to date even when stopped, and return the counts.

    Raises:
        PacsError: no study could be fetched, or the server rejects the credentials.
    """
    from tfspine.formats.refused_csv import REFUSED_FILE, LeftOut, write_left_out

    tally = {"fetched": 0, "there_already": 0, "refused": len(found.missing), "images": 0, "bytes": 0}
    series = _read_left_out_series(out)
    failed = [*found.missing]
    try:
        for study in track(found.study_instance_uids, "studies"):
            try:
                fetched = pacs.fetch_study(study, out / IMAGES_FOLDER, query=query)
            except PacsLoginError:
                raise
            except PacsError as error:
                failed.append(LeftOut(study, "", str(error)))
                tally["refused"] += 1
                continue
            if fetched.instances:
                series[study] = [*fetched.left_out]
            tally["fetched" if fetched.instances else "there_already"] += 1
            tally["images"] += fetched.instances
            tally["bytes"] += fetched.size_bytes
    finally:
        write_left_out(out, [*failed, *(item for items in series.values() for item in items)])
    if not tally["fetched"] + tally["there_already"]:
        raise PacsError(
            f"no study could be fetched; {failed[-1].reason}; the others' reasons are in {out / REFUSED_FILE}"
        )
    return tally


@contextlib.contextmanager
def _writing_alone(out: Path) -> Iterator[None]:
    """Lock the folder against other fetches, and remove what a killed one has left there."""
    from tfspine.outputs import held

    images = out / IMAGES_FOLDER
    with held(out, refusal="another tfspine fetch is writing there; wait, or name another --out"):
        try:
            images.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror}; name another --out") from None
        for left in images.glob(".*.partial-*"):
            shutil.rmtree(left)
        yield


def _read_left_out_series(out: Path) -> "dict[str, list[LeftOut]]":
    """Return which series former runs left out of each study, because existing studies are not queried again."""
    from tfspine.formats.refused_csv import REFUSED_FILE, read_left_out

    series: dict[str, list[LeftOut]] = {}
    for item in read_left_out(out) if (out / REFUSED_FILE).is_file() else ():
        if item.series_instance_uid:
            series.setdefault(item.study_instance_uid, []).append(item)
    return series
