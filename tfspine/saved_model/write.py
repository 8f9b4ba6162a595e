"""Writing a plane's model as the next version of a servable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfspine import signatures
from tfspine.manifest import write_manifest
from tfspine.outputs import whole_folder
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.saved_model.served_graders import write_networks
from tfspine.saved_model.verify import verify
from tfspine.saved_model.warmup import write_warmup

STAGES = ("saving", "adding warm-up requests", "verifying")
"""The stages of `export_plane`, in order."""


@dataclass(frozen=True)
class Exported:
    """The exported version: its folder, and the largest difference of its outputs from the model in memory."""

    folder: Path
    version: int
    largest_difference: float


def export_plane(
    model: PlaneModel,
    root: Path,
    *,
    images: NDArray[np.uint8],
    inputs: list[Path],
    config: dict[str, object],
    split: str = "",
    operating_point: Mapping[str, object] | None = None,
    begin: Callable[[str], None] = lambda stage: None,
) -> Exported:
    """Save, add warm-up requests, verify, and rename the folder to its version number only after that.

    Args:
        model: detector and graders of one plane.
        root: the folder of all served models; this one is written to `root/NAME/VERSION`.
        images: slices, uint8 [N, H, W], for the warm-up and the comparison.
        inputs: the runs that the model came from, for the manifest.
        config: the experiment, for the manifest.
        split: SHA-256 of the split that the runs were trained on, for the manifest.
        operating_point: how the model's score thresholds were chosen, for the manifest.
        begin: called with the name of each of `STAGES` when it begins.

    Raises:
        ModelError: the outputs of the saved model differ from those of the model in memory.
    """
    home = root / signatures.MODEL_NAMES[model.plane]
    version = _next_version(home)
    with whole_folder(home / str(version)) as folder:
        begin(STAGES[0])
        tf.saved_model.save(model.variables(), str(folder), signatures=model.signatures())
        begin(STAGES[1])
        write_warmup(folder, model.plane, images[0])
        begin(STAGES[2])
        difference = verify(folder, model, images)
        write_networks(folder, model.graders)
        details = {
            "plane": model.plane,
            "version": version,
            "split": split,
            "largest_difference": difference,
            "operating_point": operating_point,
            # For each region: its members in the order of `member_probabilities`, with their temperatures or null.
            "graders": {
                region: {item.name: item.temperature for item in grader.members}
                for region, grader in model.graders.items()
            },
        }
        write_manifest(folder, command="export", config=config, inputs=inputs, details=details)
    return Exported(home / str(version), version, difference)


def _next_version(home: Path) -> int:
    taken = [int(entry.name) for entry in home.glob("*") if entry.name.isdecimal()] if home.is_dir() else []
    return max(taken, default=0) + 1
