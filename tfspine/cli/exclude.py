"""``tfspine exclude``: which studies stay out, with the numbers, and the flow of the rest."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli.options import add_experiment, experiment_from, given, require_count, track
from tfspine.cli.workers import each, one_blas_thread
from tfspine.labels import Level, Plane, Region, Side

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.annotations.cohort import Ingested
    from tfspine.annotations.exclusions import Measured
    from tfspine.structures import SliceImage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine exclude``."""
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
    boxes = parser.add_mutually_exclusive_group()
    boxes.add_argument("--detections", type=Path, metavar="CSV", help="predictions.csv, to measure scoliosis on")
    boxes.add_argument("--labels", type=Path, metavar="DIR", help="folder of LabelImg files, for the same")
    parser.add_argument(
        "--dicom", type=Path, action="append", metavar="DIR", help="studies whose headers give the age; repeatable"
    )
    parser.add_argument(
        "--decisions",
        type=Path,
        metavar="CSV",
        help="what a person decided: study, measure, verdict (include, exclude)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the tables and the chart")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the studies (1)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON instead of the chart")
    add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Measure every study, hold it against the experiment's limits, and print the flow."""
    one_blas_thread()

    from tfspine.annotations.cohort import cohort_of, measures_of_ingest, read_ingested, write_cohort
    from tfspine.annotations.exclusions import (
        decided,
        excluded_studies,
        flagged_studies,
        judge,
        read_decisions,
        write_findings,
    )
    from tfspine.annotations.flow import flow_of, flow_text
    from tfspine.cli.flow import write_flow
    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder

    require_count(args, "workers")
    experiment = experiment_from(args)
    inputs = given(args.slices, args.detections, args.labels, args.decisions, *(args.dicom or []))
    require_folder(args.out, command="exclude", inputs=inputs)
    ingested = read_ingested(args.slices)
    boxes = _boxes(args, ingested.slices)
    judge([], experiment.exclusions)  # a wrong limit is told before minutes of measuring
    measured = [*measures_of_ingest(ingested), *_ages(args.dicom or [], ingested)]
    if args.decisions is not None:  # and so is a wrong decision
        read_decisions(args.decisions, _to_measure(measured, ingested.usable, has_boxes=boxes is not None))
    jobs = [(args.slices, study, _boxes_of(study, boxes)) for study in ingested.usable]
    for taken in track(each(_measure, jobs, workers=args.workers), "measuring studies", len(jobs)):
        measured += taken
    findings = judge(measured, experiment.exclusions)
    if args.decisions is not None:
        findings = decided(findings, args.decisions)
    cohort = cohort_of(ingested, measured, findings)
    flow = flow_of(cohort, part=args.slices.resolve().name)
    out, flagged = excluded_studies(findings), flagged_studies(findings)
    summary = {
        "studies": len(cohort),
        "included": len(cohort) - len(out),
        "excluded": len(out),
        "flagged": len(flagged),
    }
    with new_folder(args.out, command="exclude", inputs=inputs) as folder:
        write_findings(folder, findings)
        write_cohort(folder, cohort)
        write_flow(folder, [flow])
        config = {"exclusions": as_dict(experiment.exclusions)}
        write_manifest(folder, command="exclude", config=config, inputs=inputs, details=summary)
    print(json.dumps(summary) if args.json else flow_text(flow))
    if not args.dicom:
        print("age was not looked at; give --dicom", file=sys.stderr)
    if boxes is None:
        print("scoliosis was not measured; give --detections or --labels", file=sys.stderr)
    if flagged:
        listed = args.out / "exclusions.csv"
        print(f"{len(flagged)} studies flagged, with the numbers, in {listed}; give --decisions", file=sys.stderr)


def _ages(folders: Sequence[Path], ingested: "Ingested") -> "Iterator[Measured]":
    """Yield the ages that headers give, nothing without folders of studies."""
    from tfspine.annotations.cohort import measures_of_age
    from tfspine.dicom.demographics import read_demographics

    if folders:
        people = {uid: person for folder in folders for uid, person in read_demographics(folder).items()}
        yield from measures_of_age(ingested, {uid: person.age_years for uid, person in people.items()})


def _to_measure(measured: "Sequence[Measured]", usable: Sequence[str], *, has_boxes: bool) -> set[tuple[str, str]]:
    """Return study and measure of what is measured already, and of what will be on the slices."""
    from tfspine.annotations.exclusions import Measure

    of_slices = [Measure.INSTRUMENTATION, Measure.SNR, Measure.GHOSTING, Measure.SHARPNESS]
    of_slices += [Measure.SCOLIOSIS] * has_boxes
    done = {(item.study, str(item.measure)) for item in measured}
    return done | {(study, str(measure)) for study in usable for measure in of_slices}


def _boxes(args: argparse.Namespace, slices: "pd.DataFrame") -> "pd.DataFrame | None":
    from tfspine.annotations.tables import counted_boxes, labels_table, read_boxes, require_slices

    if args.detections is not None:
        boxes = read_boxes(args.detections)
        require_slices(args.detections, boxes, slices, folder=args.slices)
        return counted_boxes(boxes)
    return None if args.labels is None else labels_table(args.labels, args.slices / "slices.csv")


def _boxes_of(study: str, boxes: "pd.DataFrame | None") -> "Sequence[dict[Any, Any]] | None":
    return None if boxes is None else boxes[boxes["study"] == study].to_dict("records")


def _measure(job: "tuple[Path, str, Sequence[dict[Any, Any]] | None]") -> "list[Measured]":
    """Return all measures of one study's slices."""
    from tfspine.annotations.exclusions import Measure, Measured
    from tfspine.dicom.metal import metal_ml
    from tfspine.dicom.slices import load_slices

    folder, study, boxes = job
    slices = load_slices(folder, studies=[study])
    instrumentation = Measured(study, Measure.INSTRUMENTATION, metal_ml(slices))
    scoliosis = [] if boxes is None else [_scoliosis(study, slices, boxes)]
    return [instrumentation, *scoliosis, *_quality(study, slices)]


def _scoliosis(study: str, slices: "list[SliceImage]", boxes: "Sequence[dict[Any, Any]]") -> "Measured":
    import numpy as np

    from tfspine.annotations.exclusions import Measure, Measured
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
                centre_mm=box_centre_mm(
                    geometries[row["slice"]], [row[name] for name in ("ymin", "xmin", "ymax", "xmax")]
                ),
                upwards=-np.asarray(geometries[row["slice"]].column_direction),
                score=float(row["score"]) if row["score"] == row["score"] else 1.0,
            )
        )
    places = midline_places_mm(found)
    angle_deg = coronal_angle_deg(places)
    note = f"{len(places)} places on the midline"
    return Measured(
        study, Measure.SCOLIOSIS, angle_deg, note if angle_deg is not None else f"only {note}, or too close"
    )


def _quality(study: str, slices: "list[SliceImage]") -> "Iterator[Measured]":
    """Yield the quality of the worse plane, with both numbers in the note."""
    from tfspine.annotations.exclusions import Measure, Measured
    from tfspine.dicom.quality import measure_quality

    of_planes = {plane: [slice_ for slice_ in slices if slice_.plane is plane] for plane in Plane}
    planes = {plane: measure_quality(of_plane) for plane, of_plane in of_planes.items() if of_plane}
    for measure, name, worse in (
        (Measure.SNR, "snr", min),
        (Measure.GHOSTING, "ghosting", max),
        (Measure.SHARPNESS, "edge_mm", max),
    ):
        values = {plane: getattr(quality, name) for plane, quality in planes.items()}
        known = {plane: value for plane, value in values.items() if value is not None}
        note = ", ".join(f"{plane} {value:.3g}" for plane, value in known.items())
        yield Measured(study, measure, worse(known.values()) if known else None, note or "no tissue to measure on")
