"""Pictures of the first patient, for whoever waits for the rest."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfspine.config import PhantomConfig
from tfspine.labels import Plane
from tfspine.workflows.samples import OF_EACH_PLANE, simulated_samples


def test_some_slices_of_each_plane_are_drawn_with_their_boxes(tmp_path: Path) -> None:
    samples = simulated_samples(tmp_path / "samples", PhantomConfig(matrix_px=96), seed=1)
    pictures = sorted((tmp_path / "samples").glob("*.png"))
    assert len(pictures) == samples.pictures == 2 * OF_EACH_PLANE
    assert sum(str(Plane.AXIAL) in path.name for path in pictures) == OF_EACH_PLANE
    for path in pictures:
        pixels = np.asarray(Image.open(path)).astype(int)
        assert pixels.max() > 200  # windowed: something is bright
    # Normal regions have white boxes; each of the other grades has a colour, which no pixel of a slice has.
    assert any(np.ptp(np.asarray(Image.open(path)).astype(int), axis=2).max() > 100 for path in pictures)
