"""What ``tfspine import sudirman --truth`` writes: labelled pictures, and the boxes of all structures."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfspine.annotations.importers.imported import ImportedDataset
from tfspine.annotations.importers.pictures import LabelledPicture, write_pictures
from tfspine.annotations.importers.sudirman_truth import StructureBox, TruthSlice
from tfspine.formats.boxes_csv import CORNER_COLUMNS
from tfspine.formats.csv_rows import write_csv
from tfspine.structures import Refusal

STRUCTURE_COLUMNS = ("file", "structure", *CORNER_COLUMNS, "pixels", "stray")


def write_truth(folder: Path, items: Iterable[TruthSlice | Refusal]) -> ImportedDataset:
    """Fill `folder` and return what was written.

    Raises:
        AnnotationError: no slice is left.
    """
    structures: list[StructureBox] = []

    def pictures() -> Iterator[LabelledPicture | Refusal]:
        for item in items:
            if isinstance(item, Refusal):
                yield item
                continue
            structures.extend(item.structures)
            yield item.picture

    imported = write_pictures(folder, pictures(), dataset="sudirman")
    rows = [(item.source, item.structure, *item.box, item.pixels, item.stray) for item in structures]
    write_csv(folder / "structures.csv", STRUCTURE_COLUMNS, rows)
    return dataclasses.replace(imported, counts={**imported.counts, "structures": len(structures)})
