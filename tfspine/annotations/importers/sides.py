"""A table that says on which side of the patient sagittal pictures lie: columns file, side."""

from pathlib import Path

from tfspine.annotations.importers.text_tables import read_rows
from tfspine.errors import AnnotationError
from tfspine.labels import Side


def read_sides(path: Path) -> dict[str, Side]:
    """Return the patient's side by the stem of the picture's or label's file.

    Raises:
        AnnotationError: the table cannot be read, names a side that there is not, or a file twice with two sides.
    """
    sides: dict[str, Side] = {}
    for line, row in read_rows(path, ("file", "side")):
        if row["side"] not in tuple(Side):
            raise AnnotationError(f'{path}: line {line}: side "{row["side"]}"; expected {" or ".join(Side)}')
        side = Side(row["side"])
        if sides.setdefault(Path(row["file"]).stem, side) is not side:
            raise AnnotationError(f"{path}: line {line}: {row['file']} is listed with both sides; keep one")
    return sides
