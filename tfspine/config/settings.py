"""Every setting of an experiment as a row: for ``tfspine info --settings``, and for the page of the documentation.

The meaning of a setting is written only in the string below its field, and is read from there.
"""

import ast
import dataclasses
import inspect
import itertools
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tfspine.config.experiment import Experiment
from tfspine.config.ranges import ranges_of
from tfspine.config.toml_text import toml_text


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        section: in square brackets in a file; empty for `name` and `seed`, which precede the first section.
        key: before the equals sign.
        type: "int", "float", "str", "bool", "list of int", "2 of float" or "table"; "str" for a choice.
        default: as written in TOML.
        range: the valid values as text; empty if every value of the type is valid.
        unit: "px", "steps", or empty for a count, a share and what is not a number.
        text: what it means.
    """

    section: str
    key: str
    type: str
    default: str
    range: str
    unit: str
    text: str


def settings() -> list[Setting]:
    """Return every setting in the order of the sections."""
    return list(_settings(Experiment, Experiment(), ""))


def _settings(kind: type, defaults: Any, section: str) -> Iterator[Setting]:
    hints, ranges, texts = typing.get_type_hints(kind), ranges_of(kind), _texts(kind)
    for item in dataclasses.fields(kind):
        hint, default = hints[item.name], getattr(defaults, item.name)
        if dataclasses.is_dataclass(hint):
            yield from _settings(typing.cast(type, hint), default, item.name)
            continue
        allowed = ranges.get(item.name)
        yield Setting(
            section=section,
            key=item.name,
            type=_type(hint),
            default=toml_text(default),
            range=allowed.bounds() if allowed else _choices(hint),
            unit=allowed.unit if allowed else "",
            text=texts[item.name],
        )


def _type(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        first, *others = typing.get_args(hint)
        return f"list of {_type(first)}" if others == [...] else f"{1 + len(others)} of {_type(first)}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "str"
    return "table" if typing.get_origin(hint) is Mapping else str(hint.__name__)


def _choices(hint: Any) -> str:
    is_choice = isinstance(hint, type) and issubclass(hint, Enum)
    return "one of " + ", ".join(item.value for item in hint) if is_choice else ""


def _texts(kind: type) -> dict[str, str]:
    """Return the string below each field of a dataclass and of its base classes, as one line."""
    texts: dict[str, str] = {}
    for part in kind.__mro__:
        if not dataclasses.is_dataclass(part):
            continue
        body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(part))).body[0]).body
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                text = inspect.cleandoc(str(typing.cast(ast.Constant, below.value).value)) if is_text else ""  # type: ignore[attr-defined]
                texts[field.target.id] = " ".join(text.split())
    return texts
