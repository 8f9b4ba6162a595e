"""Draws a few preview images during a long run: slices as readers see them, with the true boxes."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.config import PhantomConfig, as_dict
from tfspine.labels import Plane
from tfspine.manifest import write_manifest
from tfspine.outputs import new_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from tfspine.structures import Annotation, SliceImage

    Drawn = tuple[str, Plane, NDArray[np.uint8], Sequence[Annotation]]

logger = logging.getLogger(__name__)

OF_EACH_PLANE = 3


@dataclass(frozen=True)
class Samples:
    """Where the images are, and their number."""

    folder: Path
    pictures: int


def simulated_samples(out: Path, config: PhantomConfig, *, seed: int) -> Samples:
    """Simulate the first patient of a cohort and draw some slices with boxes in the colours of their true grades.

    Raises:
        OutputError: `out` may not be written.
    """
    from tfspine.dicom.pixels import window, window_limits
    from tfspine.phantom.study import simulate_study

    study = simulate_study(config, seed=seed, number=config.first_study)
    drawn: list[Drawn] = []
    # In the same order as the truth; the localizer's files follow.
    of_truth = [(name, ds.pixel_array, truth) for (name, ds), truth in zip(study.files, study.truth, strict=False)]
    for plane in Plane:
        slices = [(pixels.astype("float32"), truth) for name, pixels, truth in of_truth if name.startswith(f"{plane}/")]
        limits = window_limits([pixels for pixels, _ in slices])
        drawn += [(truth.key, plane, window(pixels, limits), truth.annotations) for pixels, truth in slices]
    return _write(out, drawn, config={"seed": seed, "phantom": as_dict(config)}, inputs=[])


def samples_of_slices(slices: Path, out: Path) -> Samples:
    """Draw some slices of the first study that ``tfspine ingest`` wrote.

    Raises:
        DicomError: `slices` is not such a folder.
        OutputError: `out` may not be written.
    """
    from tfspine.dicom.slices import load_slices
    from tfspine.formats.slices_csv import read_slices

    first = str(read_slices(slices)["study"].iloc[0])
    loaded: list[SliceImage] = load_slices(slices, studies=[first])
    drawn: list[Drawn] = [(item.key, item.plane, item.pixels, ()) for item in loaded]
    return _write(out, drawn, config={}, inputs=[slices])


def _write(out: Path, drawn: "Sequence[Drawn]", *, config: dict[str, object], inputs: Sequence[Path]) -> Samples:
    chosen = list(_chosen(drawn))
    with new_folder(out, command="samples", inputs=inputs) as folder:
        for key, _, pixels, boxes in chosen:
            _picture(pixels, boxes).save(folder / f"{key}.png")
        write_manifest(folder, command="samples", config=config, inputs=inputs, details={"pictures": len(chosen)})
    logger.info("%s: %d slices to look at meanwhile", out, len(chosen))
    return Samples(out, len(chosen))


def _chosen(drawn: "Sequence[Drawn]") -> "Iterator[Drawn]":
    """Yield evenly spaced slices of each plane, from those with boxes if there are any."""
    for plane in Plane:
        of_plane = [item for item in drawn if item[1] is plane]
        of_plane = [item for item in of_plane if item[3]] or of_plane
        step = max(1, len(of_plane) // OF_EACH_PLANE)
        yield from of_plane[step // 2 :: step][:OF_EACH_PLANE]


def _picture(pixels: "NDArray[np.uint8]", boxes: "Sequence[Annotation]") -> "Image.Image":
    from PIL import Image, ImageDraw

    from tfspine.colors import GRADE_COLORS

    picture = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for item in boxes:
        ymin, xmin, ymax, xmax = item.box
        color = GRADE_COLORS[item.grade] if item.grade is not None else "#888888"
        draw.rectangle((xmin, ymin, xmax - 1, ymax - 1), outline=color)
    return picture
