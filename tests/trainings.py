"""Trains each kind of detector once for all tests of this process that need one trained, whatever it has learned."""

import shutil
from collections.abc import Hashable
from pathlib import Path

from tfspine.config import Experiment, as_dict
from tfspine.labels import Plane
from tfspine.manifest import MANIFEST, read_manifest, write_manifest
from tfspine.records.folder import RecordFolder

DECIDES = (
    *("image_size_px", "backbone_depth", "levels", "aspect_ratios", "anchor_size", "head_convolutions", "head_dense"),
    *("steps", "steps_between_summaries", "steps_between_checkpoints"),
)
"""Settings of a detector that decide which files its run holds, and of what shape."""


class DetectorsTrainedOnce:
    """Stands in for `training.detector.train_detector`: later trainings of one kind are copies of the first run.

    Two trainings are of one kind where the plane, the number of steps and the shape of the network are equal. What else
    decides the weights has no say: after a few steps they mean nothing, wherever they began.
    """

    def __init__(self, folder: Path) -> None:
        from tfspine.training.detector import train_detector

        self._folder, self._train = folder, train_detector
        self._runs: dict[Hashable, Path] = {}

    def __call__(self, records: RecordFolder, *, plane: Plane, experiment: Experiment, run_folder: Path) -> None:
        """Train, or write the run as a training with these settings on these records would have left it."""
        kind = (plane, *(getattr(experiment.detector, name) for name in DECIDES))
        if kind not in self._runs:
            self._train(records, plane=plane, experiment=experiment, run_folder=run_folder)
            self._runs[kind] = Path(shutil.copytree(run_folder, self._folder / str(len(self._runs))))
            return
        run = self._runs[kind]
        shutil.copytree(run, run_folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        made = read_manifest(run)
        assert made is not None
        write_manifest(
            run_folder, command="train", config=as_dict(experiment), inputs=[records.folder], details=made.details
        )
