"""The input of an evaluation: who read what, and what is known about the studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from tfspine.evaluation.boxes.coverage import Coverage
from tfspine.evaluation.boxes.operating_boxes import at_operating_points, operating_boxes, told
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.cohort import Person
from tfspine.evaluation.tables.multi_reader import Arms
from tfspine.formats.clinical_csv import Clinical


@dataclass(frozen=True)
class Question:
    """Everything that was read for the comparison.

    Attributes:
        internal: the set that the tables are about.
        external: a second set with its own reference, printed together with the first.
        validation: the readers on validation studies, for fitting thresholds and temperatures.
        model: the reader that the others are compared with, or an average of members.
        averages: readers (members of a model) by the name under which their mean is shown.
        repeats: second readings by the reference (``"reference"``) or by a reader of that name.
        repeats_read: what each of these second readings read; one that is not listed read everything.
        cohort: rows of `slices.csv` of each part of the study, empty without them.
        people: age and sex by `study_instance_uid`.
        clinical: ethnicity, indication and comorbidities of patients or studies.
        studies: column study, and what is known of each: vendor, field_strength, sex, age_band; or None.
        external_studies: the same for the external set, whose studies may have the same names as other studies here.
        notes: what a reader of the tables has to know about the files that were read.
        told: where the score thresholds of models come from, as text.
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
    def members(self) -> frozenset[str]:
        """The readers that are members of a model with an average."""
        return frozenset(member for members in (self.averages or {}).values() for member in members)

    @property
    def reader(self) -> str:
        """The reader that represents the model box by box: for an average, its ensemble, or else a member.

        If none of these read the set, the first reader who did.
        """
        members = (self.averages or {}).get(self.model, ())
        names = (self.model, f"{self.model}_ensemble", *members, *self.internal.readers)
        return next(name for name in names if name in self.internal.readers)


def without_members(question: Question) -> list[str]:
    """Return the readers of the internal set, without the other members of the model if it is an average of them."""
    members = set((question.averages or {}).get(question.model, ())) - {question.reader}
    return [name for name in question.internal.readers if name not in members]


def one_for_each_model(question: Question, readers: Sequence[str]) -> list[str]:
    """Return readers, one for each average of members: the model, its ensemble, or its first member."""
    hidden: set[str] = set()
    for name, members in (question.averages or {}).items():
        ensemble = f"{name}_ensemble"
        candidates = ([question.reader] if question.reader in members else [], [ensemble], members)
        stand_in = next((each for group in candidates for each in group if each in readers), None)
        hidden |= {ensemble, *members} - {stand_in}
    return [name for name in readers if name not in hidden]


def at_operating_boxes(question: Question, *, allowed: float) -> Question:
    """Return the question with every model's boxes at its operating point: its own, or one chosen on validation.

    A threshold chosen on the internal validation is used for the external set too.

    Args:
        question: what is to be compared.
        allowed: false boxes per image that a threshold chosen here may give on validation.
    """
    found = operating_boxes(question.internal, question.validation, allowed=allowed)
    internal, external, validation = (
        None if set_ is None else at_operating_points(set_, found)
        for set_ in (question.internal, question.external, question.validation)
    )
    words = told(found, allowed=allowed, hidden=sorted(question.members))
    return replace(
        question, internal=internal or question.internal, external=external, validation=validation, told=words
    )
