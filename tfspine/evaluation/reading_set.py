"""One set of studies with its reference and everybody who read it: the internal test set, the external, validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tfspine.evaluation.pairs import Pairs, pair_boxes
from tfspine.evaluation.study_evaluation import ReaderMetrics, compare


@dataclass(frozen=True)
class ReadingSet:
    """Boxes of a reference and of readers on the same studies.

    Attributes:
        name: what the tables call the set, such as ``"internal"``.
        reference: table with `structures.BOX_COLUMNS`.
        covered: columns study, slice, plane: the slices that the reference speaks about.
        readers: the same table of each reader, by name.
        patients: the patient of each study; a study that is not named is a patient of its own.
        iou: overlap that a pair must exceed for its grades to be compared.
        confidence: share that intervals are to cover.
    """

    name: str
    reference: pd.DataFrame
    covered: pd.DataFrame
    readers: Mapping[str, pd.DataFrame]
    patients: Mapping[str, str]
    iou: float
    confidence: float

    @cached_property
    def metrics(self) -> dict[str, ReaderMetrics]:
        """What the paper measures, of each reader."""
        return {
            name: compare(self.reference, boxes, iou=self.iou, confidence=self.confidence, covered=self.covered)
            for name, boxes in self.readers.items()
        }

    @cached_property
    def pairs(self) -> dict[str, Pairs]:
        """Every box of the reference beside each reader's."""
        return {
            name: pair_boxes(self.reference, boxes, iou=self.iou, covered=self.covered)
            for name, boxes in self.readers.items()
        }

    def patient_of(self, studies: pd.Series) -> pd.Series:
        """Return the patient of each of some studies."""
        return studies.map(lambda study: self.patients.get(study, study))
