"""What ``tfspine import sudirman`` writes of the DICOM tree: `plan.csv`, and links for ``tfspine ingest``."""

from collections.abc import Sequence
from pathlib import Path

from tfspine.annotations.importers.imported import ImportedDataset
from tfspine.annotations.importers.sudirman import PlannedSeries, patients_without
from tfspine.errors import OutputError
from tfspine.formats.csv_rows import write_csv
from tfspine.formats.refused_csv import write_refused_lines
from tfspine.structures import Refusal

PLAN_COLUMNS = ("patient", "series", "files", "plane", "weighting", "decision", "reason")
LINKS_FOLDER = "dicom"


def write_plan(
    folder: Path, plan: Sequence[PlannedSeries], *, source: Path, others: Sequence[Refusal] = ()
) -> ImportedDataset:
    """Write the plan, one link for each file to ingest as ``dicom/PATIENT/SERIES/NAME.ima``, and what was refused.

    Links use almost no disk space; copies would take gigabytes.

    Args:
        folder: the folder to fill.
        plan: decisions on every series.
        source: the data set.
        others: refusals that do not concern a series.

    Returns:
        what was written.

    Raises:
        OutputError: a file or a link cannot be written.
    """
    rows = [
        (
            series.patient,
            series.folder.as_posix(),
            len(series.files),
            series.plane or "",
            series.weighting,
            "ingest" if series.is_taken else "refused",
            series.reason,
        )
        for series in plan
    ]
    write_csv(folder / "plan.csv", PLAN_COLUMNS, rows)
    taken = [series for series in plan if series.is_taken]
    for series in taken:
        _link(folder / LINKS_FOLDER / series.patient / "__".join(series.folder.parts[-2:]), series)
    refused = [Refusal(series.folder.as_posix(), series.reason) for series in plan if not series.is_taken]
    refused += [Refusal(patient, reason) for patient, reason in patients_without(plan)]
    refused += others
    write_refused_lines(folder, refused)
    patients, files = len({series.patient for series in plan}), sum(len(series.files) for series in taken)
    counts = {"patients": patients, "series": len(taken), "files": files}
    return ImportedDataset(counts, len(refused), {"source": source.name})


def _link(folder: Path, series: PlannedSeries) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in series.files:
            (folder / path.name).symlink_to(path.resolve())
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be linked: {error.strerror}; name an --out on a disk that supports links"
        ) from error
