"""The arguments of the functions that a step calls."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tfspine.workflows.steps import Step


def arguments_of(step: Step) -> tuple[Any, ...]:
    """Return the arguments of a step's function, or of each function if it calls several in turn."""
    return tuple(_leaves([step.call.args, *step.call.keywords.values()]))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, partial):
        yield from _leaves([value.args, *value.keywords.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
