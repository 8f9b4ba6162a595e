"""What ``tfspine import sudirman --truth`` writes: labelled pictures, and the boxes of all structures."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.annotations.importers.pictures import LabelledPicture, write_pictures
from tfspine.annotations.importers.sudirman_truth import StructureBox, TruthSlice
from tfspine.formats.boxes_csv import CORNER_COLUMNS
from tfspine.outputs import write_text
from tfspine.structures import Refusal

STRUCTURE_COLUMNS = ("file", "structure", *CORNER_COLUMNS, "pixels", "stray")


def write_truth(folder: Path, items: Iterable[TruthSlice | Refusal]) -> dict[str, Any]:
    """Fill `folder` and return what the manifest should say.

    Raises:
        AnnotationError: not one slice is left.
    """
    structures: list[StructureBox] = []

    def pictures() -> Iterator[LabelledPicture | Refusal]:
        for item in items:
            if isinstance(item, Refusal):
                yield item
                continue
            structures.extend(item.structures)
            yield item.picture

    counts = write_pictures(folder, pictures(), dataset="sudirman")
    rows = [(item.source, item.structure, *item.box, item.pixels, item.stray) for item in structures]
    write_text(folder / "structures.csv", pd.DataFrame(rows, columns=list(STRUCTURE_COLUMNS)).to_csv(index=False))
    return dataclasses.asdict(counts) | {"structures": len(structures)}
