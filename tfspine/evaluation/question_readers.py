"""Who of a set is compared with whom: versions of a model are not readers of their own."""

from dataclasses import replace

from tfspine.evaluation.question import Question
from tfspine.evaluation.reading_set import ReadingSet


def without_versions(question: Question) -> ReadingSet:
    """Return the internal set without the other versions of the model, where that is an average: they are itself."""
    versions = set((question.averages or {}).get(question.model, ())) - {question.reader}
    if not versions:
        return question.internal
    readers = {name: boxes for name, boxes in question.internal.readers.items() if name not in versions}
    return replace(question.internal, readers=readers)


def one_for_each_model(question: Question, set_: ReadingSet) -> list[str]:
    """Return the readers of a set, one for each average of versions: the model, its ensemble, or its first version."""
    hidden: set[str] = set()
    for name, members in (question.averages or {}).items():
        ensemble = f"{name}_ensemble"
        candidates = ([question.reader] if question.reader in members else [], [ensemble], members)
        stand_in = next((each for group in candidates for each in group if each in set_.readers), None)
        hidden |= {ensemble, *members} - {stand_in}
    return [name for name in set_.readers if name not in hidden]
