"""Boxes whose counts are those that the paper prints of its two radiologists on the internal test set.

Table 2 gives the reference's boxes by grade and how many each radiologist found; the eleven printed sensitivities and
specificities give the rest. The specificity of radiologist 1 at the recesses is not among
them: of 697 negatives only 680 or 681 right ones give Table 4's 0.92 (0.90, 0.94).
"""

from dataclasses import dataclass

import pandas as pd

from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.labels import GRADE_WORDS

STUDIES = 50
REFERENCE = {
    "central_canal": (1326, 243, 33, 23),
    "lateral_recess": (514, 193, 65, 67),
    "neural_foramen": (903, 192, 87, 80),
}


@dataclass(frozen=True)
class Counts:
    """Hits of the positives found, and right rejections of the negatives found: (51, 56, 1538, 1562)."""

    hits: int
    positives: int
    rejections: int
    negatives: int


RADIOLOGISTS = {
    "radiologist_1": {
        "central_canal": Counts(51, 56, 1538, 1562),
        "lateral_recess": Counts(97, 130, 680, 697),
        "neural_foramen": Counts(115, 134, 895, 925),
    },
    "radiologist_2": {
        "central_canal": Counts(43, 56, 1555, 1568),
        "lateral_recess": Counts(96, 122, 671, 678),
        "neural_foramen": Counts(162, 167, 1014, 1058),
    },
}


def reference_boxes() -> pd.DataFrame:
    """Return one box a row, the worst grades first."""
    rows = []
    for region, counts in REFERENCE.items():
        grades = [word for word, count in zip(GRADE_WORDS, counts, strict=True) for _ in range(count)]
        rows += [_row(region, index, grade) for index, grade in enumerate(reversed(grades))]
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS))


def reader_boxes(reference: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return what a radiologist found of the reference, with the counts of wrong calls that the paper gives."""
    tables = []
    for region, counts in RADIOLOGISTS[name].items():
        boxes = reference[reference["region"] == region]
        positive = boxes["grade"].isin(["moderate", "severe"])
        found = boxes[positive].head(counts.positives).copy(), boxes[~positive].head(counts.negatives).copy()
        found[0].iloc[counts.hits :, found[0].columns.get_loc("grade")] = "mild"
        found[1].iloc[counts.rejections :, found[1].columns.get_loc("grade")] = "moderate"
        tables += list(found)
    return pd.concat(tables)


def _row(region: str, index: int, grade: str) -> dict[str, object]:
    plane = "sagittal" if region == "neural_foramen" else "axial"
    side = "" if region == "central_canal" else ("left", "right")[index % 2]
    # Two sides of one axial slice; a sagittal slice shows one side, and five foramina below one another.
    place = {"central_canal": index, "lateral_recess": index // 2, "neural_foramen": index // 10 * 2 + index % 2}[
        region
    ]
    top = 20.0 * (index // 2 % 5) if region == "neural_foramen" else 0.0
    study = f"s{place % STUDIES:02d}"
    box = {"ymin": top, "xmin": 0.0, "ymax": top + 10.0, "xmax": 10.0}
    return dict.fromkeys(BOX_COLUMNS) | box | {
        "study": study, "slice": f"{study}-{plane}-{place:04d}", "plane": plane, "region": region, "side": side,
        "grade": grade,
    }  # fmt: skip
