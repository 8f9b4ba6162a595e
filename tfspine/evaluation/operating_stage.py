"""The stage before all others: which boxes of a model count, by its own operating point or by validation."""

from dataclasses import replace

from tfspine.evaluation.operating_boxes import at_operating_points, operating_boxes, told
from tfspine.evaluation.question import Question


def at_operating_boxes(question: Question, *, allowed: float) -> Question:
    """Return the question with every model's boxes at its operating point: its own, or one chosen on validation.

    What was chosen on the internal validation holds for the external set too.

    Args:
        question: what is to be compared.
        allowed: false boxes an image that a threshold chosen here may give on validation.
    """
    found = operating_boxes(question.internal, question.validation, allowed=allowed)
    internal, external, validation = (
        None if set_ is None else at_operating_points(set_, found)
        for set_ in (question.internal, question.external, question.validation)
    )
    words = told(found, allowed=allowed, hidden=sorted(question.versions))
    return replace(
        question, internal=internal or question.internal, external=external, validation=validation, told=words
    )
