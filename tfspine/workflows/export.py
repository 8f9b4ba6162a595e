"""Exports a trained detector and its graders, with one member or several, as one version of a SavedModel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.config import Take
from tfspine.errors import ConfigError, ModelError
from tfspine.labels import Plane, Region
from tfspine.progress import ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfspine.evaluation.boxes.score_threshold import ScoreThreshold
    from tfspine.structures import SliceImage

IMAGES_TO_VERIFY = 8


@dataclass(frozen=True)
class ExportOptions:
    """How an export is made.

    Attributes:
        labels: folder of LabelImg XML files; with `splits`, to choose the score threshold on validation studies.
        splits: table that `split` wrote; required with `labels`.
        take: which members to export, for graders that have several.
        settings: overrides of the experiment of the detector's run, for example ``detector.score_threshold=0.3``.
    """

    labels: Path | None = None
    splits: Path | None = None
    take: Take = Take.ALL
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportSummary:
    """What was exported.

    Attributes:
        model: name of the servable.
        plane: plane that it reads.
        version: version number.
        folder: folder of the version.
        largest_difference: largest difference between its outputs and those of the model in memory.
        members: number of members of each grader.
        thresholds: the operating point; empty without labels, or if none was found.
        false_boxes_per_image: the number that the operating point was chosen for.
        score_threshold: least score of a box that the detector returns.
    """

    model: str
    plane: Plane
    version: int
    folder: Path
    largest_difference: float
    members: int
    thresholds: "Mapping[Region, ScoreThreshold]"
    false_boxes_per_image: float
    score_threshold: float

    @property
    def operating_point(self) -> dict[str, Any] | None:
        """The details in its manifest."""
        from tfspine.workflows.operating_point import manifest_entry

        return manifest_entry(self.thresholds, allowed=self.false_boxes_per_image)


def stage_count(options: ExportOptions) -> int:
    """Return how many stages `export` reports."""
    from tfspine.saved_model.write import STAGES

    return len(STAGES) + 1 + (options.labels is not None)


def export(
    detector: Path,
    graders: Sequence[Path],
    slices: Path,
    out: Path,
    options: ExportOptions = ExportOptions(),
    *,
    begin: Callable[[str], None] = ignore,
) -> ExportSummary:
    """Export one plane's networks as the next version of its servable, verify it, and choose its operating point.

    Args:
        detector: run folder of the plane's detector.
        graders: run folders of the graders, one for each region of the plane.
        slices: folder that `ingest` wrote, for verification and warm-up.
        out: folder of all servables.
        options: operating point, members and settings.
        begin: called with the name of each stage as it begins, see `stage_count`.

    Raises:
        ConfigError: labels without splits, or the other way round.
        ModelError: a run is unfinished, missing or of another split; there is no slice of the plane; the saved model
            gives other results than the one in memory.
    """
    from tfspine.manifest import read_manifest
    from tfspine.ownership import require_apart
    from tfspine.saved_model.trained_runs import load_plane_model, require_one_split, run_experiment
    from tfspine.saved_model.write import export_plane
    from tfspine.workflows.operating_point import choose_thresholds, manifest_entry, require_split

    if (options.labels is None) != (options.splits is None):
        raise ConfigError("--labels and --splits belong together: give both, or neither for no operating point")
    inputs = [detector, *graders, *(path for path in (options.labels, options.splits) if path is not None)]
    require_apart(out, [*inputs, slices])
    experiment = run_experiment(detector, options.settings)
    trained_on = require_one_split([detector, *graders])
    if options.splits is not None:
        require_split(options.splits, trained_on)
    begin("building the networks")
    model = load_plane_model(detector, graders, options.settings, take=options.take)
    images = _slices(slices, model.plane)
    thresholds: dict[Region, ScoreThreshold] = {}
    if options.labels is not None and options.splits is not None:
        begin("choosing the operating point on validation")
        thresholds = dict(
            choose_thresholds(
                *(model, images),
                folder=slices,
                labels=options.labels,
                splits=options.splits,
                settings=experiment.evaluation,
            )
        )
        model = model.at_thresholds({region: found.threshold for region, found in thresholds.items()})
    manifest = read_manifest(detector)
    allowed = experiment.evaluation.false_boxes_per_image
    exported = export_plane(
        model,
        out,
        images=_alike(images),
        inputs=inputs,
        config=dict(manifest.config) if manifest else {},
        split=trained_on,
        operating_point=manifest_entry(thresholds, allowed=allowed),
        begin=begin,
    )
    return ExportSummary(
        model.name,
        model.plane,
        exported.version,
        exported.folder,
        exported.largest_difference,
        model.members,
        thresholds,
        allowed,
        experiment.detector.score_threshold,
    )


def _slices(folder: Path, plane: Plane) -> "list[SliceImage]":
    """Return the slices of a plane.

    Raises:
        ModelError: there are no slices.
    """
    from tfspine.dicom.slices import load_slices

    slices = [slice_ for slice_ in load_slices(folder) if slice_.plane is plane]
    if not slices:
        raise ModelError(f"{folder}: holds no {plane} slice to verify with")
    return slices


def _alike(slices: "Sequence[SliceImage]") -> "NDArray[np.uint8]":
    """Return some of the slices that have the size of the first, uint8 [N, H, W]."""
    import numpy as np

    alike = [slice_.pixels for slice_ in slices if slice_.pixels.shape == slices[0].pixels.shape]
    return np.stack(alike[:: max(1, len(alike) // IMAGES_TO_VERIFY)][:IMAGES_TO_VERIFY])
