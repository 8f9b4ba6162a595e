"""One set of studies with its reference and all of its readers: the internal test set, the external, validation."""

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
        name: the name of the set in the tables, such as ``"internal"``.
        reference: table with `boxes_csv.BOX_COLUMNS`.
        covered: columns study, slice, plane: the slices that the reference covers.
        readers: the same table of each reader, by name.
        patients: the patient of each study; a study that is not listed counts as its own patient.
        iou: overlap that a pair must exceed for its grades to be compared.
        confidence: level of the intervals, 0 to 1.
        coverage: what each reader read; a reader who is not listed read everything that the reference covers.
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
        """The paper's measures for each reader, on what this reader read."""
        return {
            name: reader_metrics(both, iou=self.iou, confidence=self.confidence, patients=self.patients)
            for name, both in self.compared.items()
        }

    @cached_property
    def pairs(self) -> dict[str, Pairs]:
        """Every box of the reference where a reader read, paired with the reader's."""
        return {name: paired(both, iou=self.iou) for name, both in self.compared.items()}

    @cached_property
    def grades(self) -> dict[str, RegionGrades]:
        """One grade for each level and side, of each reader compared with the reference's."""
        return {name: region_grades(both, iou=self.iou) for name, both in self.compared.items()}

    def read_by(self, reader: str) -> Coverage:
        """Return what a reader read."""
        return self.coverage.get(reader) or full_coverage(self.covered)

    @cached_property
    def reference_metrics(self) -> ReaderMetrics:
        """The reference compared with itself: all of its boxes, whoever read them."""
        return compare(
            self.reference,
            self.reference,
            iou=self.iou,
            confidence=self.confidence,
            covered=self.covered,
            patients=self.patients,
        )

    def false_boxes_and_images(self, reader: str, region: Region) -> pd.DataFrame:
        """Return one row per box that matches none of the reference's (`events` 1), then one per image (`units` 1).

        Single rows allow rates to be clustered by patient.

        Returns:
            Columns study, level and side (of boxes), `events`, `units` and `patient`.
        """
        extra = self.pairs[reader].of(region).extra.assign(events=1, units=0)
        images = self.read_by(reader).images(self.compared[reader].covered, region).assign(events=0, units=1)
        columns = ["study", "level", "side", "events", "units"]
        rows = pd.concat([extra[columns], images.assign(level="", side="")[columns]], ignore_index=True)
        return rows.assign(patient=self.patient_of(rows["study"]))

    def count_words(self) -> str:
        """Return the numbers of studies and patients as text, which also states where patients are not known."""
        studies = self.covered["study"].drop_duplicates()
        if not studies.isin(list(self.patients)).all():
            return f"{len(studies)} studies, each counted as one patient where the patient is not known"
        return f"{len(studies)} studies of {self.patient_of(studies).nunique()} patients"

    def patient_of(self, studies: pd.Series) -> pd.Series:
        """Return the patient of each study given."""
        return studies.map(lambda study: self.patients.get(study, study))
