"""Decides which studies are excluded, with the measured values, and reports the flow of the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.config import Experiment
from tfspine.formats.exclusions_csv import StudyMeasure, read_decisions, write_findings, write_included
from tfspine.formats.studies_csv import write_cohort
from tfspine.labels import Level, Plane, Region, Side
from tfspine.process_pool import each, one_blas_thread
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.annotations.cohort import Ingested
    from tfspine.annotations.exclusions import Measured
    from tfspine.annotations.flow import Flow
    from tfspine.structures import SliceImage


@dataclass(frozen=True)
class ExcludeOptions:
    """What is measured, and the decisions of a person.

    Attributes:
        detections: `predictions.csv`, to measure scoliosis on; or
        labels: folder of LabelImg files, for the same purpose purpose.
        dicom: folders of studies whose headers give the age.
        decisions: CSV of study, measure, verdict (include, exclude).
        workers: number of parallel processes.
        experiment: `[exclusions]` has the limits.
    """

    detections: Path | None = None
    labels: Path | None = None
    dicom: tuple[Path, ...] = ()
    decisions: Path | None = None
    workers: int = 1
    experiment: Experiment = field(default_factory=Experiment)

    @property
    def paths(self) -> list[Path]:
        """The input files and folders."""
        return [path for path in (self.detections, self.labels, self.decisions, *self.dicom) if path is not None]


@dataclass(frozen=True)
class ExcludeSummary:
    """The numbers of all, included, excluded and flagged studies, and their flow."""

    studies: int
    included: int
    excluded: int
    flagged: int
    flow: "Flow"


def exclude(
    slices: Path, out: Path, options: ExcludeOptions = ExcludeOptions(), *, track: Track = silent
) -> ExcludeSummary:
    """Measure every study and compare it with the experiment's limits.

    Args:
        slices: folder that `ingest` wrote.
        out: folder for the tables and the chart.
        options: what is measured, and the decisions of a person.
        track: counts the studies.

    Raises:
        AnnotationError: boxes or decisions belong to other studies.
        ConfigError: a limit is invalid.
        OutputError: `out` may not be written.
    """
    one_blas_thread()

    from tfspine.annotations.cohort import cohort_of, read_ingested
    from tfspine.annotations.exclusions import excluded_studies, flagged_studies, judge_measures
    from tfspine.annotations.flow import flow_of
    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder
    from tfspine.workflows.flow import write_flow

    inputs = [slices, *options.paths]
    limits = options.experiment.exclusions
    require_folder(out, command="exclude", inputs=inputs)
    ingested = read_ingested(slices)
    judge_measures([], limits)  # reports an invalid limit before minutes of measuring
    measured, findings = _findings(slices, ingested, options, track=track)
    cohort = cohort_of(ingested, measured, findings)
    flow = flow_of(cohort, part=slices.resolve().name)
    included = {study.study for study in cohort} - set(excluded_studies(findings))
    counts = {
        "studies": len(cohort),
        "included": len(included),
        "excluded": len(cohort) - len(included),
        "flagged": len(flagged_studies(findings)),
    }
    with new_folder(out, command="exclude", inputs=inputs) as folder:
        write_findings(folder, findings)
        write_included(folder, included)
        write_cohort(folder, cohort)
        write_flow(folder, [flow])
        config = {"exclusions": as_dict(limits)}
        write_manifest(folder, command="exclude", config=config, inputs=inputs, details=counts)
    return ExcludeSummary(**counts, flow=flow)


def _findings(
    folder: Path, ingested: "Ingested", options: ExcludeOptions, *, track: Track
) -> "tuple[list[Measured], list[Any]]":
    """Return the measured values, and what follows from them and from the decisions of a person."""
    from tfspine.annotations.cohort import measures_of_ingest
    from tfspine.annotations.exclusions import decided, judge_measures

    boxes = _boxes(folder, ingested.slices, options)
    measured = [*measures_of_ingest(ingested), *_ages(options.dicom, ingested)]
    if options.decisions is not None:  # reports an invalid decision before minutes of measuring, too
        read_decisions(options.decisions, _to_measure(measured, ingested.usable, has_boxes=boxes is not None))
    jobs = [(folder, study, _boxes_of(study, boxes)) for study in ingested.usable]
    for taken in track(each(_measure, jobs, workers=options.workers), "measuring studies", len(jobs)):
        measured += taken
    findings = judge_measures(measured, options.experiment.exclusions)
    return measured, decided(findings, options.decisions) if options.decisions is not None else findings


def _ages(folders: Sequence[Path], ingested: "Ingested") -> "Iterator[Measured]":
    """Yield the ages given in headers, nothing without folders of studies."""
    from tfspine.annotations.cohort import measures_of_age
    from tfspine.dicom.demographics import read_demographics

    if folders:
        people = {uid: person for folder in folders for uid, person in read_demographics(folder).items()}
        yield from measures_of_age(ingested, {uid: person.age_years for uid, person in people.items()})


def _to_measure(measured: "Sequence[Measured]", usable: Sequence[str], *, has_boxes: bool) -> set[tuple[str, str]]:
    """Return study and measure of the values that exist already, and of those that the slices will give."""
    of_slices = [StudyMeasure.INSTRUMENTATION, StudyMeasure.SNR, StudyMeasure.GHOSTING, StudyMeasure.SHARPNESS]
    of_slices += [StudyMeasure.SCOLIOSIS] * has_boxes
    done = {(item.study, str(item.measure)) for item in measured}
    return done | {(study, str(measure)) for study in usable for measure in of_slices}


def _boxes(folder: Path, slices: "pd.DataFrame", options: ExcludeOptions) -> "pd.DataFrame | None":
    from tfspine.annotations.labelled_boxes import labels_table
    from tfspine.formats.boxes_csv import counted_boxes, read_boxes, require_known_slices

    if options.detections is not None:
        boxes = read_boxes(options.detections)
        require_known_slices(options.detections, boxes, slices, folder=folder)
        return counted_boxes(boxes)
    return None if options.labels is None else labels_table(options.labels, folder)


def _boxes_of(study: str, boxes: "pd.DataFrame | None") -> "Sequence[dict[Any, Any]] | None":
    return None if boxes is None else boxes[boxes["study"] == study].to_dict("records")


def _measure(job: "tuple[Path, str, Sequence[dict[Any, Any]] | None]") -> "list[Measured]":
    """Return all measures of one study's slices."""
    from tfspine.annotations.exclusions import Measured
    from tfspine.dicom.metal import metal_ml
    from tfspine.dicom.slices import load_slices

    folder, study, boxes = job
    slices = load_slices(folder, studies=[study])
    instrumentation = Measured(study, StudyMeasure.INSTRUMENTATION, metal_ml(slices))
    scoliosis = [] if boxes is None else [_scoliosis(study, slices, boxes)]
    return [instrumentation, *scoliosis, *_quality(study, slices)]


def _scoliosis(study: str, slices: "list[SliceImage]", boxes: "Sequence[dict[Any, Any]]") -> "Measured":
    import numpy as np

    from tfspine.annotations.exclusions import Measured
    from tfspine.formats.boxes_csv import box_of
    from tfspine.geometry import box_centre_mm
    from tfspine.study.curve import FoundRegion, coronal_angle_deg, midline_places_mm

    geometries = {slice_.key: slice_.geometry for slice_ in slices}
    found = []
    for row in boxes:
        found.append(
            FoundRegion(
                region=Region(row["region"]),
                side=Side(row["side"]) if row["side"] else None,
                level=Level(row["level"]) if row["level"] else None,
                slice_key=row["slice"],
                centre_mm=box_centre_mm(geometries[row["slice"]], box_of(row)),
                upwards=-np.asarray(geometries[row["slice"]].column_direction),
                score=float(row["score"]) if row["score"] == row["score"] else 1.0,
            )
        )
    places = midline_places_mm(found)
    angle_deg = coronal_angle_deg(places)
    note = f"{len(places)} places on the midline"
    return Measured(
        study, StudyMeasure.SCOLIOSIS, angle_deg, note if angle_deg is not None else f"only {note}, or too close"
    )


def _quality(study: str, slices: "list[SliceImage]") -> "Iterator[Measured]":
    """Yield the quality of the worse plane, with both numbers in the note."""
    from tfspine.annotations.exclusions import Measured
    from tfspine.dicom.quality import measure_quality

    of_planes = {plane: [slice_ for slice_ in slices if slice_.plane is plane] for plane in Plane}
    planes = {plane: measure_quality(of_plane) for plane, of_plane in of_planes.items() if of_plane}
    for measure, name, worse in (
        (StudyMeasure.SNR, "snr", min),
        (StudyMeasure.GHOSTING, "ghosting", max),
        (StudyMeasure.SHARPNESS, "edge_mm", max),
    ):
        values = {plane: getattr(quality, name) for plane, quality in planes.items()}
        known = {plane: value for plane, value in values.items() if value is not None}
        note = ", ".join(f"{plane} {value:.3g}" for plane, value in known.items())
        yield Measured(study, measure, worse(known.values()) if known else None, note or "no tissue to measure on")
