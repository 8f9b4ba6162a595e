"""Transfer labels drawn before a de-identification to the slices that were ingested after it.

De-identification gives images new UIDs, so `tfspine ingest` gives their slices new names. The secret key table that
`tfspine deidentify --key` writes maps old UIDs to new ones. Positions in the patient do not change and distinguish the
frames of one multi-frame image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from tfspine.annotations.label_folder import label_files
from tfspine.errors import AnnotationError
from tfspine.formats.key_csv import read_key
from tfspine.formats.labelimg_xml import parse_voc
from tfspine.structures import Refusal

POSITION_COLUMNS = ("position_x_mm", "position_y_mm", "position_z_mm")
SAME_PLACE_DECIMALS = 2
"""Positions in millimetres are compared to this many decimals; writing a decimal string may change further ones."""

SlicePlace = tuple[str, tuple[float, ...]]


@dataclass(frozen=True)
class Renamed:
    """One label file under its new name, and its content."""

    source: Path
    name: str
    content: bytes


def renamed_labels(
    labels: Path, *, before: pd.DataFrame, after: pd.DataFrame, key: Path
) -> tuple[Sequence[Renamed], Sequence[Refusal]]:
    """Return every label file of a folder under the name of the same slice after de-identification.

    Args:
        labels: folder of LabelImg files, named after slices of `before`.
        before: `slices.csv` of the original images, on which the labels were drawn.
        after: `slices.csv` of the de-identified images.
        key: table that `tfspine deidentify --key` wrote.

    Returns:
        the renamed files, and the files that have no slice, with the reason.

    Raises:
        FormatError: a folder or table cannot be read, or nothing can be renamed.
    """
    names = _new_names(before, after, {row.sop_instance_uid: row.new_sop_instance_uid for row in read_key(key)})
    known = set(before["key"])
    renamed, refused = [], []
    for stem, path in label_files(labels).items():
        if stem in names:
            renamed.append(_renamed(path, names[stem]))
        elif stem in known:
            refused.append(Refusal(path.name, "its image has no slice after de-identification; see refused.csv there"))
        else:
            refused.append(Refusal(path.name, "no such slice among the originals; name the slices it was drawn on"))
    if not renamed:
        raise AnnotationError(f"{labels}: {len(refused)} label files, none can be carried over: {refused[0].reason}")
    return renamed, refused


def _new_names(before: pd.DataFrame, after: pd.DataFrame, uids: Mapping[str, str]) -> dict[str, str]:
    """Return the new key of each slice that exists before and after."""
    places = _places(after)
    found = {}
    for (uid, position), name in _places(before).items():
        new_name = places.get((uids.get(uid, uid), position))
        if new_name is not None:
            found[name] = new_name
    return found


def _places(slices: pd.DataFrame) -> dict[SlicePlace, str]:
    positions = slices[list(POSITION_COLUMNS)].astype(float).round(SAME_PLACE_DECIMALS) + 0.0  # avoids -0.0
    return {
        (str(uid), tuple(position)): str(key)
        for uid, key, position in zip(
            slices["sop_instance_uid"], slices["key"], positions.itertuples(index=False), strict=True
        )
    }


def _renamed(path: Path, name: str) -> Renamed:
    """Return a label file with its new name in it; its folder and path may name a patient and are replaced."""
    root = parse_voc(path)
    for tag, text in (("filename", f"{name}.png"), ("path", f"{name}.png"), ("folder", "slices")):
        element = root.find(tag)
        if element is not None:
            element.text = text
    return Renamed(path, name, ElementTree.tostring(root) + b"\n")
