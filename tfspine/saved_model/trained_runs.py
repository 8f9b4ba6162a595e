"""Loading trained models from their run folders."""

from collections.abc import Sequence
from pathlib import Path

from tfspine.config import Experiment, Take
from tfspine.errors import ModelError
from tfspine.experiment_file import experiment_from_table
from tfspine.hashes import MANIFEST
from tfspine.labels import Plane, Region
from tfspine.manifest import MEMBERS_FOLDER, Manifest, RunKind, read_manifest, split_of
from tfspine.models import garden
from tfspine.models.detector import Detector
from tfspine.models.devices import ONE_GPU, use_gpus
from tfspine.models.grader import GRADER_FILE, load_grader
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.region_grader import GraderMember, RegionGrader
from tfspine.training.runs import BEST_FOLDER

_OF_GRADERS = (RunKind.GRADER, RunKind.GRADER_MEMBERS)


def load_plane_model(
    detector_run: Path, grader_runs: Sequence[Path], settings: Sequence[str] = (), *, take: Take = Take.ALL
) -> PlaneModel:
    """Build the model of one plane from its trained detector and graders.

    Args:
        detector_run: folder that ``tfspine train detector`` wrote; it determines the plane.
        grader_runs: folders that ``tfspine train grader`` wrote, with members or without, one for each region of the
            plane.
        settings: overrides of the run's experiment, for example ``detector.score_threshold=0.3``.
        take: which members to use of graders that have several.

    Raises:
        ModelError: a run is unfinished or of the wrong kind, a region has no grader or two graders, the graders of a
            plane differ in their number of members, a run lacks a required temperature, or two runs were trained on
            different splits.
    """
    use_gpus(ONE_GPU)
    manifest = _finished_run(detector_run, RunKind.DETECTOR)
    require_one_split([detector_run, *grader_runs])
    plane = Plane(manifest.details["plane"])
    experiment = run_experiment(detector_run, settings)
    return PlaneModel(
        plane,
        detector=_load_detector(detector_run, experiment, plane),
        graders={
            region: _load_grader(run, take=take, calibrate=experiment.export.calibrate)
            for region, run in _graders_by_region(plane, grader_runs).items()
        },
    )


def require_one_split(runs: Sequence[Path]) -> str:
    """Return the SHA-256 of the split that all runs were trained on, empty if no run states it.

    Raises:
        ModelError: two runs have different splits: test patients of one would be training patients of the other.
    """
    splits = {run: split for run in runs if (split := split_of(run))}
    for run, split in splits.items():
        first = next(iter(splits))
        if split != splits[first]:
            raise ModelError(
                f"{run}: trained on another split than {first} ({split[:12]}, {splits[first][:12]}); test patients of "
                "one may be training patients of the other; train both on records of one split"
            )
    return next(iter(splits.values()), "")


def load_region_graders(
    grader_runs: Sequence[Path], *, take: Take = Take.ALL, calibrate: bool = False
) -> dict[Region, RegionGrader]:
    """Return the graders of runs, with members or without, as `load_plane_model` combines them.

    Raises:
        ModelError: a run is unfinished or not of a grader, two grade the same region, or a temperature is missing.
    """
    found: dict[Region, Path] = {}
    for run in grader_runs:
        _add_run(found, run)
    return {region: _load_grader(run, take=take, calibrate=calibrate) for region, run in found.items()}


def run_experiment(detector_run: Path, settings: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a detector was trained with, with `settings` overridden.

    Raises:
        ModelError: the run is unfinished, or not of a detector.
    """
    manifest = _finished_run(detector_run, RunKind.DETECTOR)
    return experiment_from_table(dict(manifest.config), settings, source=str(detector_run / MANIFEST))


def _load_detector(run: Path, experiment: Experiment, plane: Plane) -> Detector:
    detector = Detector(experiment, plane)
    best = run / BEST_FOLDER
    garden.load_newest(detector.network, best if best.is_dir() else run)
    return detector


def _load_grader(run: Path, *, take: Take, calibrate: bool) -> RegionGrader:
    """Return the grader of a run, or of each of its members."""
    members = []
    for folder in _member_runs(run, take):
        temperature = _temperature(folder) if calibrate else None
        members.append(GraderMember(folder.name, load_grader(folder / GRADER_FILE), temperature))
    return RegionGrader(tuple(members))


def _member_runs(run: Path, take: Take) -> list[Path]:
    manifest = _finished_run(run, *_OF_GRADERS)
    if manifest.details["kind"] == RunKind.GRADER:
        if take is Take.SELECTED:
            raise ModelError(f"{run}: --take selected chooses among members, and this run has none; leave --take out")
        return [run]
    names = manifest.details["selected" if take is Take.SELECTED else "members"]
    return [run / MEMBERS_FOLDER / name for name in names]


def _temperature(run: Path) -> float:
    temperature = _finished_run(run, RunKind.GRADER).details.get("temperature")
    if temperature is None:
        raise ModelError(
            f"{run / MANIFEST}: no temperature, which export.calibrate needs; train the grader again, or export it "
            "with --set export.calibrate=false"
        )
    return float(temperature)


def _graders_by_region(plane: Plane, runs: Sequence[Path]) -> dict[Region, Path]:
    found: dict[Region, Path] = {}
    for run in runs:
        region = _add_run(found, run)
        if region.plane is not plane:
            raise ModelError(f"{run}: grades the {region}, which is not in the {plane} plane; leave it out")
    for region in Region:
        if region.plane is plane and region not in found:
            raise ModelError(f"no grader for the {region}; add --grader RUN trained with --region {region}")
    return found


def _add_run(found: dict[Region, Path], run: Path) -> Region:
    region = Region(_finished_run(run, *_OF_GRADERS).details["region"])
    if region in found:
        raise ModelError(f"{run}: grades the {region}, as {found[region]} does; name one of them")
    found[region] = run
    return region


def _finished_run(run: Path, *kinds: RunKind) -> Manifest:
    """Return the manifest of a finished run of one of `kinds`; error messages name the first kind."""
    manifest = read_manifest(run)
    if manifest is None:
        raise ModelError(f"{run}: not a finished run (no {MANIFEST}); train it with tfspine train {kinds[0]}")
    if manifest.details.get("kind") not in kinds:
        raise ModelError(f"{run}: a run of a {manifest.details.get('kind')}; expected one of a {kinds[0]}")
    return manifest
