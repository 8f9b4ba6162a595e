"""De-identifies DICOM files, and writes tables of what was changed and refused."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.progress import Track, silent
from tfspine.workflows.salts import SaltChoice, named_salt, require_outside

if TYPE_CHECKING:
    from tfspine.dicom.deidentify.folder import Outcome
    from tfspine.dicom.deidentify.options import Option


@dataclass(frozen=True)
class DeidentifyOptions:
    """How files are de-identified.

    Attributes:
        options: options of PS3.15 Annex E in addition to the Basic Profile; `OPTIONS_OF` has those of each profile.
        salt: the secret salt of the pseudonyms.
        key: file to which the original of each new file is written; secret, readable only by its owner.
        workers: number of parallel processes.
    """

    options: "frozenset[Option]"
    salt: SaltChoice
    key: Path | None = None
    workers: int = 1


def deidentify(source: Path, out: Path, options: DeidentifyOptions, *, track: Track = silent) -> "Outcome":
    """De-identify a source; a study in which the final search still finds identifying data is not written.

    Args:
        source: folder with DICOM files at any depth and with any file names, zip archive, or DICOMDIR.
        out: folder for `dicom/`, `report.csv` and `refused.csv`.
        options: how files are de-identified.
        track: counts the files.

    Raises:
        ConfigError: options contradict each other, or the salt cannot be used.
        DicomError: no file can be de-identified.
        OutputError: `out` may not be written.
    """
    from tfspine.dicom.deidentify.folder import deidentify_source
    from tfspine.dicom.deidentify.options import check_options
    from tfspine.dicom.deidentify.pseudonyms import write_private
    from tfspine.dicom.deidentify.rules import Rules
    from tfspine.dicom.deidentify.tables import key_rows, write_tables
    from tfspine.dicom.many import in_processes, in_this_process
    from tfspine.dicom.sources import open_source
    from tfspine.errors import DicomError
    from tfspine.formats.key_csv import key_text
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    checked = check_options(options.options)
    if options.key is not None:
        require_outside(options.key, out)
    require_folder(out, command="deidentify", inputs=[source])
    rules = Rules(checked, named_salt(options.salt, out=out))
    # Decoders run only on the few files with room for an overlay, so one worker needs no separate process.
    runner = in_this_process if options.workers == 1 else functools.partial(in_processes, workers=options.workers)
    with (
        open_source(source, beside=out) as opened,
        new_folder(out, command="deidentify", inputs=[source]) as folder,
    ):
        outcome = deidentify_source(opened, folder, rules, runner=runner, track=track)
        if not outcome.written:
            first = f"; the first: {outcome.refused[0].reason}" if outcome.refused else "; name DICOM files"
            raise DicomError(f"{source}: {len(opened.names)} files, none can be de-identified{first}")
        write_tables(folder, outcome, rules)
        if options.key is not None:
            write_private(options.key, key_text(key_rows(outcome, rules)))
    return outcome
