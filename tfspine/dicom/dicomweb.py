"""Fetch studies from a PACS by DICOMweb: QIDO-RS finds them, WADO-RS retrieves their MR series (PS3.18, 10.6 and 10.4).

A study is stored under its pseudonym, `STUDY/SERIES/INSTANCE.dcm`, in the transfer syntax that the server uses. It is
stored completely or not at all, so an existing study is not fetched again. Images that the server receives later are
therefore missed; remove the folder to fetch them. Only one fetch at a time may write to a folder.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient

from tfspine.dicom.pacs_connection import Server, connect_pacs, patiently
from tfspine.errors import PacsError
from tfspine.formats.refused_csv import LeftOut
from tfspine.outputs import whole_folder
from tfspine.structures import pseudonym

PAGE = 100
"""Search results requested per page; a server may send fewer."""

ANY_TRANSFER_SYNTAX = (("application/dicom", "*"),)

Entry = dict[str, dict[Any, Any]]
"""One answer to a search, in the DICOM JSON model (PS3.18, F)."""

STUDY_DATE, MODALITIES_IN_STUDY, MODALITY, BODY_PART = "00080020", "00080061", "00080060", "00180015"
PATIENT_ID, STUDY_UID, SERIES_UID, SERIES_INSTANCES = "00100020", "0020000D", "0020000E", "00201209"


@dataclass(frozen=True)
class Query:
    """Which studies and series to fetch; an empty field does not restrict.

    Attributes:
        study_instance_uids: StudyInstanceUIDs of the studies.
        patient_ids: exact PatientIDs of the patients.
        dates: first and last StudyDate, YYYYMMDD, both included; either may be empty.
        modality: of the series to fetch.
        body_parts: BodyPartExamined of the series to fetch; a series without this attribute is fetched.
        limit: largest number of studies.
    """

    study_instance_uids: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    dates: tuple[str, str] = ("", "")
    modality: str = "MR"
    body_parts: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True)
class FoundStudies:
    """StudyInstanceUIDs in the order in which the server lists them, and what was requested but not found, and why.

    A reason that concerns a patient gives the number of the entry in `patient_ids`, from 1, and not the PatientID.
    """

    study_instance_uids: tuple[str, ...]
    missing: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Fetched:
    """One study on disk: the instances and bytes fetched now (0 if it was there already), and what was left out."""

    folder: Path
    instances: int
    size_bytes: int
    left_out: tuple[LeftOut, ...]


class Pacs:
    """A connection to one server: list studies with `find_studies`, then fetch each with `fetch_study`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: DICOMwebClient = connect_pacs(server)

    def find_studies(self, query: Query) -> FoundStudies:
        """Return the requested studies that the server has.

        The answers are checked against the query, because some servers ignore a condition and would return studies of
        other patients.

        Raises:
            PacsError: the server cannot be reached or refuses.
        """
        found: dict[str, None] = {}
        missing: list[LeftOut] = []
        for uid in query.study_instance_uids or ("",):
            for number, patient_id in enumerate(query.patient_ids or ("",), start=1):
                is_missing = bool(uid or patient_id)
                for entry in self._search_studies(query, uid, patient_id):
                    if query.limit is not None and len(found) >= query.limit:
                        return FoundStudies(tuple(found), tuple(missing))
                    found[_text(entry, STUDY_UID)] = None
                    is_missing = False
                if is_missing:
                    which = f"; entry {number} of the patients" if patient_id else ""
                    missing.append(LeftOut(uid, "", f"the server has no such study{which}"))
        return FoundStudies(tuple(found), tuple(missing))

    def fetch_study(self, study_instance_uid: str, target: Path, *, query: Query) -> Fetched:
        """Fetch the series of one study into `target/PSEUDONYM`, unless they are already there.

        Raises:
            PacsError: a series is incomplete, or no series has the requested modality and body parts.
            OutputError: the folder cannot be written.
        """
        folder = target / pseudonym(study_instance_uid)
        if folder.is_dir():
            return Fetched(folder, 0, 0, ())
        chosen, left_out = self._choose_series(study_instance_uid, query)
        instances = size_bytes = 0
        with whole_folder(folder) as partial_folder:
            for entry in chosen:
                sizes = patiently(self._server, partial(self._save_series, study_instance_uid, entry, partial_folder))
                instances, size_bytes = instances + len(sizes), size_bytes + sum(sizes)
                if size_bytes > self._server.largest_answer_bytes:
                    limit = self._server.largest_answer_bytes >> 20
                    raise PacsError(f"the study is larger than {limit} MiB; raise --largest-study-mib")
        return Fetched(folder, instances, size_bytes, left_out)

    def _search_studies(self, query: Query, uid: str, patient_id: str) -> Iterator[Entry]:
        dates = "-".join(query.dates) if any(query.dates) else ""
        asked = {"StudyInstanceUID": uid, "PatientID": patient_id, "StudyDate": dates}
        search = partial(
            self._client.search_for_studies,
            search_filters={keyword: value for keyword, value in asked.items() if value},
            fields=("ModalitiesInStudy",),
        )
        for entry in self._pages(search, STUDY_UID):
            first, last = query.dates
            date, modalities = _text(entry, STUDY_DATE), entry.get(MODALITIES_IN_STUDY, {}).get("Value") or []
            # The search does not use ModalitiesInStudy: with it Orthanc 1.10 stops after the first page.
            if not uid and modalities and query.modality not in modalities:
                continue
            if (
                (not uid or _text(entry, STUDY_UID) == uid)
                and (not patient_id or _text(entry, PATIENT_ID) == patient_id)
                and (not first or first <= date)
                and (not last or date <= last)
            ):
                yield entry

    def _choose_series(self, study: str, query: Query) -> tuple[list[Entry], tuple[LeftOut, ...]]:
        search = partial(
            self._client.search_for_series,
            study,
            fields=("Modality", "BodyPartExamined", "NumberOfSeriesRelatedInstances"),
        )
        chosen, left_out = [], []
        for entry in self._pages(search, SERIES_UID):
            modality, body_part = _text(entry, MODALITY), _text(entry, BODY_PART).upper()
            reason = ""
            if modality != query.modality:
                reason = f"Modality {modality or 'absent'}; expected {query.modality}"
            elif query.body_parts and body_part and body_part not in query.body_parts:
                reason = f"BodyPartExamined {body_part}; expected {' or '.join(query.body_parts)}"
            if reason:
                left_out.append(LeftOut(study, _text(entry, SERIES_UID), reason))
            else:
                chosen.append(entry)
        if not chosen:
            reasons = "; ".join(sorted({item.reason for item in left_out})) or "the server lists none"
            raise PacsError(f"no series to fetch: {reasons}")
        return chosen, tuple(left_out)

    def _pages(self, search: Callable[..., list[Entry]], uid_tag: str) -> Iterator[Entry]:
        """Yield the results of a search page by page, until a page contains nothing new.

        Only an empty page is the end, since servers choose their own page size. A server that ignores `offset` sends
        the first page again.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            page = patiently(self._server, partial(search, limit=PAGE, offset=offset))
            new = {_text(entry, uid_tag): entry for entry in page if _text(entry, uid_tag) not in seen}
            if "" in new:
                raise PacsError("an answer to a search lacks its UID; is the address the root of a DICOMweb service?")
            if not new:
                return
            yield from new.values()
            seen.update(new)
            offset += len(page)

    def _save_series(self, study: str, entry: Entry, folder: Path) -> list[int]:
        """Write one series, replacing what an interrupted attempt left behind, and return the sizes in bytes."""
        series = _text(entry, SERIES_UID)
        place = folder / pseudonym(series)
        place.mkdir(exist_ok=True)
        sizes: dict[Path, int] = {}
        try:
            for ds in self._client.iter_series(study, series, media_types=ANY_TRANSFER_SYNTAX):
                if (ds.StudyInstanceUID, ds.SeriesInstanceUID) != (study, series):
                    raise PacsError(f"series {pseudonym(series)}: the server sent an image of another series")
                path = place / f"{pseudonym(ds.SOPInstanceUID)}.dcm"
                ds.save_as(path, enforce_file_format=True)
                sizes[path] = path.stat().st_size
        except (PacsError, requests.RequestException, OSError):
            raise
        except Exception as error:  # the client and pydicom raise many kinds of exception for damaged data
            kind = type(error).__name__
            raise PacsError(f"series {pseudonym(series)}: what the server sent is not DICOM ({kind})") from None
        expected = int(_text(entry, SERIES_INSTANCES) or 1)
        if len(sizes) < expected:
            raise PacsError(f"series {pseudonym(series)}: the server sent {len(sizes)} of {expected} images")
        return list(sizes.values())


def _text(entry: Entry, tag: str) -> str:
    """Return the first value of an attribute, or an empty text if it has no value."""
    values = entry.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()
