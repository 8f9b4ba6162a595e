"""One set of studies with its reference and everybody who read it: the internal test set, the external, validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from tfspine.evaluation.boxes.coverage import Coverage, full_coverage
from tfspine.evaluation.boxes.pairs import Compared, Pairs, paired, restrict
from tfspine.evaluation.boxes.reader_metrics import ReaderMetrics, compare, reader_metrics
from tfspine.evaluation.boxes.region_grades import RegionGrades, region_grades
from tfspine.labels import Region


@dataclass(frozen=True)
class ReadingSet:
    """Boxes of a reference and of readers on the same studies.

    Attributes:
        name: what the tables call the set, such as ``"internal"``.
        reference: table with `boxes_csv.BOX_COLUMNS`.
        covered: columns study, slice, plane: the slices that the reference speaks about.
        readers: the same table of each reader, by name.
        patients: the patient of each study; a study that is not named is a patient of its own.
        iou: overlap that a pair must exceed for its grades to be compared.
        confidence: share that intervals are to cover.
        coverage: what each reader read; one who is not named read all that the reference covers.
    """

    name: str
    reference: pd.DataFrame
    covered: pd.DataFrame
    readers: Mapping[str, pd.DataFrame]
    patients: Mapping[str, str]
    iou: float
    confidence: float
    coverage: Mapping[str, Coverage] = field(default_factory=dict)

    @cached_property
    def compared(self) -> dict[str, Compared]:
        """The boxes of the reference and of each reader that are compared, matched once for all tables."""
        return {
            name: restrict(self.reference, boxes, covered=self.covered, read=self.read_by(name))
            for name, boxes in self.readers.items()
        }

    @cached_property
    def metrics(self) -> dict[str, ReaderMetrics]:
        """What the paper measures, of each reader on what this reader read."""
        return {
            name: reader_metrics(both, iou=self.iou, confidence=self.confidence, patients=self.patients)
            for name, both in self.compared.items()
        }

    @cached_property
    def pairs(self) -> dict[str, Pairs]:
        """Every box of the reference where a reader read, beside the reader's."""
        return {name: paired(both, iou=self.iou) for name, both in self.compared.items()}

    @cached_property
    def grades(self) -> dict[str, RegionGrades]:
        """One grade for each level and side, of each reader beside the reference's."""
        return {name: region_grades(both, iou=self.iou) for name, both in self.compared.items()}

    def read_by(self, reader: str) -> Coverage:
        """Return what a reader read."""
        return self.coverage.get(reader) or full_coverage(self.covered)

    @cached_property
    def reference_metrics(self) -> ReaderMetrics:
        """The reference beside itself: all of its boxes, whoever read what of them."""
        return compare(
            self.reference,
            self.reference,
            iou=self.iou,
            confidence=self.confidence,
            covered=self.covered,
            patients=self.patients,
        )

    def false_boxes_and_images(self, reader: str, region: Region) -> pd.DataFrame:
        """Return one row a box that matches none of the reference's (`events` 1), then one an image (`units` 1).

        Row by row, so that rates respect patients.

        Returns:
            Columns study, level and side (of boxes), `events`, `units` and `patient`.
        """
        extra = self.pairs[reader].of(region).extra.assign(events=1, units=0)
        images = self.read_by(reader).images(self.compared[reader].covered, region).assign(events=0, units=1)
        columns = ["study", "level", "side", "events", "units"]
        rows = pd.concat([extra[columns], images.assign(level="", side="")[columns]], ignore_index=True)
        return rows.assign(patient=self.patient_of(rows["study"]))

    def count_words(self) -> str:
        """Return how many studies and patients there are, in words that also say where patients are not known."""
        studies = self.covered["study"].drop_duplicates()
        if not studies.isin(list(self.patients)).all():
            return f"{len(studies)} studies, those whose patient is not known taken for a patient each"
        return f"{len(studies)} studies of {self.patient_of(studies).nunique()} patients"

    def patient_of(self, studies: pd.Series) -> pd.Series:
        """Return the patient of each of some studies."""
        return studies.map(lambda study: self.patients.get(study, study))
