"""Labelled pictures in the layouts of other projects, small enough to print."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 64)
"""Rows, columns."""

Corners = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax as VOC writes them."""


def write_picture(path: Path, *, size: tuple[int, int] = SIZE, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.add.outer(np.arange(size[0]), np.arange(size[1])).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, quality=100, subsampling=0)
    return path


def write_voc_text(
    path: Path, objects: Iterable[tuple[str, Corners]], *, level: str | None = None, size: tuple[int, int] = SIZE
) -> Path:
    """Write a file as LabelImg does, decimals as they come, with AISSLab's level in every object where given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "<annotation><folder>f</folder><filename>f</filename><source><database>Unknown</database></source>"
    text += f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>1</depth></size><segmented>0</segmented>"
    for name, (xmin, ymin, xmax, ymax) in objects:
        text += f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
        text += f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"
        text += f"<level>{level}</level></object>" if level else "</object>"
    path.write_text(text + "</annotation>")
    return path
