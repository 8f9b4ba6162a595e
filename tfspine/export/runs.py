"""From run folders back to the models they trained."""

from collections.abc import Sequence
from pathlib import Path

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.experiment_file import experiment_from_table
from tfspine.export.plane_model import PlaneModel
from tfspine.labels import Plane, Region
from tfspine.manifest import FILE_NAME, Manifest, read_manifest
from tfspine.models import garden
from tfspine.models.detector import Detector
from tfspine.models.grader import GRADER_FILE, load_grader


def load_plane_model(detector_run: Path, grader_runs: Sequence[Path], settings: Sequence[str] = ()) -> PlaneModel:
    """Build the model of one plane from its trained detector and graders.

    Args:
        detector_run: folder that ``tfspine train detector`` wrote; it decides the plane.
        grader_runs: folders that ``tfspine train grader`` wrote, one for each region of the plane.
        settings: overrides of the run's experiment, for example ``detector.score_threshold=0.3``.

    Raises:
        ModelError: a run is unfinished or of the wrong kind, or a region has no grader, or two.
    """
    manifest = _finished_run(detector_run, "detector")
    plane = Plane(manifest.details["plane"])
    experiment = experiment_from_table(dict(manifest.config), settings, source=str(detector_run / FILE_NAME))
    return PlaneModel(
        plane,
        detector=_load_detector(detector_run, experiment, plane),
        graders={
            region: load_grader(run / GRADER_FILE) for region, run in _graders_by_region(plane, grader_runs).items()
        },
    )


def _load_detector(run: Path, experiment: Experiment, plane: Plane) -> Detector:
    detector = Detector(experiment, plane)
    garden.restore(detector.network, run)
    return detector


def _graders_by_region(plane: Plane, runs: Sequence[Path]) -> dict[Region, Path]:
    found: dict[Region, Path] = {}
    for run in runs:
        region = Region(_finished_run(run, "grader").details["region"])
        if region.plane is not plane:
            raise ModelError(f"{run}: grades the {region}, which is not in the {plane} plane; leave it out")
        if region in found:
            raise ModelError(f"{run}: grades the {region}, as {found[region]} does; name one of them")
        found[region] = run
    for region in Region:
        if region.plane is plane and region not in found:
            raise ModelError(f"no grader for the {region}; add --grader RUN trained with --region {region}")
    return found


def _finished_run(run: Path, kind: str) -> Manifest:
    manifest = read_manifest(run)
    if manifest is None:
        raise ModelError(f"{run}: not a finished run (no {FILE_NAME}); train it with tfspine train {kind}")
    if manifest.details.get("kind") != kind:
        raise ModelError(f"{run}: a run of a {manifest.details.get('kind')}; expected one of a {kind}")
    return manifest
