"""What an evaluation is asked: who read what, and what is known of the studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from tfspine.evaluation.clinical import Clinical
from tfspine.evaluation.cohort_table import Person
from tfspine.evaluation.coverage import Coverage
from tfspine.evaluation.multi_reader_table import Arms
from tfspine.evaluation.reading_set import ReadingSet
from tfspine.evaluation.study_evaluation import ReaderMetrics

Sets = dict[str, dict[str, ReaderMetrics]]


@dataclass(frozen=True)
class Question:
    """Everything that was read in to be compared.

    Attributes:
        internal: the set that the tables are about.
        external: a second set with its own reference, printed beside the first.
        validation: the readers on validation studies, to fit on.
        model: the reader that the others are compared with, or an average of versions.
        averages: names of readers (versions of a model) whose mean is shown under another name.
        repeats: second readings by the reference (``"reference"``) or by a reader of that name.
        repeats_read: what each of these second readings read; one that is not named read everything.
        cohort: rows of `slices.csv` of each part of the study, empty without them.
        people: age and sex by `study_instance_uid`.
        clinical: ethnicity, indication and comorbidities of patients or studies.
        studies: column study, and what is known of each: vendor, field_strength, sex, age_band; or None.
        external_studies: the same of the studies of the external set, whose names may be those of other studies here.
        notes: what a reader of the tables has to know of the files that were read.
        told: where the score thresholds of models come from, in words.
        arms: the same people under several conditions: readers by condition, the people in the same order.
    """

    internal: ReadingSet
    model: str
    external: ReadingSet | None = None
    validation: ReadingSet | None = None
    averages: Mapping[str, Sequence[str]] | None = None
    repeats: Mapping[str, pd.DataFrame] | None = None
    repeats_read: Mapping[str, Coverage] | None = None
    cohort: Mapping[str, pd.DataFrame] | None = None
    people: Mapping[str, Person] | None = None
    clinical: Clinical | None = None
    studies: pd.DataFrame | None = None
    external_studies: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    told: str = ""
    arms: Arms = field(default_factory=dict)

    @property
    def sets(self) -> tuple[ReadingSet, ...]:
        """The internal set and, where there is one, the external."""
        return tuple(set_ for set_ in (self.internal, self.external) if set_ is not None)

    @property
    def versions(self) -> frozenset[str]:
        """The readers that are versions of a model, whose average is shown beside them."""
        return frozenset(member for members in (self.averages or {}).values() for member in members)

    @property
    def reader(self) -> str:
        """Who stands for the model box by box: of an average, which has no boxes, its ensemble or else a version.

        Where nobody of these read the set, the first who did.
        """
        versions = (self.averages or {}).get(self.model, ())
        names = (self.model, f"{self.model}_ensemble", *versions, *self.internal.readers)
        return next(name for name in names if name in self.internal.readers)
