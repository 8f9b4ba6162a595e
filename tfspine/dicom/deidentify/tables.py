"""Tables written next to the images: what was changed, what was refused, and how; without any original value."""

from collections.abc import Iterable
from pathlib import Path

from tfspine.dicom.deidentify.folder import IMAGES, Outcome
from tfspine.dicom.deidentify.options import BASIC_PROFILE, CODES, Option
from tfspine.dicom.deidentify.pseudonyms import FEWEST_DAYS, MOST_DAYS
from tfspine.dicom.deidentify.rules import Rules
from tfspine.dicom.deidentify.scan import scan_table
from tfspine.formats.csv_rows import write_csv
from tfspine.formats.key_csv import KeyRow
from tfspine.formats.refused_csv import REFUSED_FILE, write_refused
from tfspine.hashes import MANIFEST
from tfspine.manifest import write_manifest
from tfspine.structures import Refusal

REPORT_FILE = "report.csv"
REPORT_COLUMNS = ("file", "tag", "keyword", "action", "count")


def write_tables(folder: Path, outcome: Outcome, rules: Rules) -> None:
    """Write `report.csv`, `refused.csv` and `manifest.json`, and search them for identifiers.

    Raises:
        DicomError: one of them contains an original identifier.
    """
    changed = (
        (f"{IMAGES}/{item.name}", change.tag, change.keyword, change.action, count)
        for item in outcome.written
        for change, count in sorted(item.changes.items(), key=lambda pair: (pair[0].tag, pair[0].action))
    )
    write_csv(folder / REPORT_FILE, REPORT_COLUMNS, changed)
    write_refused(folder, (Refusal(_salted(item.file, rules), item.reason) for item in outcome.refused))
    write_manifest(
        folder,
        command="deidentify",
        config={"options": sorted(rules.options), "codes": _codes(rules.options)},
        details={
            **outcome.counts,
            "dates": _dates(rules.options),
            "salt_check": rules.salt.check(),
        },
    )
    for name in (REPORT_FILE, REFUSED_FILE, MANIFEST):
        scan_table(folder / name, outcome.needles)


def key_rows(outcome: Outcome, rules: Rules) -> list[KeyRow]:
    """Return the rows of the secret table that maps source files and images to the new ones, or to a refusal."""
    written = {
        KeyRow(item.source, f"{IMAGES}/{item.name}", item.sop_instance_uid, _new_uid(item.sop_instance_uid, rules))
        for item in outcome.written
    }
    refused = {KeyRow(item.file, _salted(item.file, rules), "", "") for item in outcome.refused}
    return sorted(written | refused)


def _new_uid(uid: str, rules: Rules) -> str:
    return uid if Option.UIDS in rules.options else rules.salt.uid(uid)


def _salted(file: str, rules: Rules) -> str:
    """Return the identifier of a source file in tables, since its own name may be the patient's."""
    return f"F{rules.salt.name('file', file)}"


def _codes(options: Iterable[Option]) -> list[str]:
    return [BASIC_PROFILE[0], *sorted(CODES[option][0] for option in options)]


def _dates(options: frozenset[Option]) -> str:
    if Option.FULL_DATES in options:
        return "kept"
    if Option.MODIFIED_DATES in options:
        return f"all dates of a patient {FEWEST_DAYS} to {MOST_DAYS} days earlier, by the same number; times kept"
    return "removed, emptied or replaced as the Basic Profile says"
