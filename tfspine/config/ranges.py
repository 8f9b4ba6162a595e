"""Ranges of settings, written into the types of their fields: ``steps: Count = 100`` is a whole number of 1 or more.

In a list, each item has to lie within the range. Switches and choices have no range, because their type defines the
valid values. Invalid combinations of settings are in `contradictions.py`.
"""

import dataclasses
import math
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from tfspine.config.toml_text import toml_text


@dataclasses.dataclass(frozen=True)
class Range:
    """Finite numbers from `low` to `high`; `open_low` and `open_high` exclude the end itself.

    `unit` is for messages: "px", "degrees", or empty for a count or a share.
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a number lies within the range."""
        is_above = value > self.low if self.open_low else value >= self.low
        is_below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and is_above and is_below

    def __str__(self) -> str:
        return self.bounds() + (f" {self.unit}" if self.unit else "")

    def bounds(self) -> str:
        """Return a text about the ends, without the unit."""
        low, high = f"{self.low:.10g}", f"{self.high:.10g}"
        if math.isinf(self.high):
            return f"more than {low}" if self.open_low else f"{low} or more"
        if self.open_low and self.open_high:
            return f"a share between {low} and {high}"
        if self.open_high:
            return f"{low} or more and less than {high}"
        return f"more than {low} and at most {high}" if self.open_low else f"{low} to {high}"


@dataclasses.dataclass(frozen=True)
class OneOf:
    """A list of the valid values."""

    values: tuple[Any, ...]
    unit: str = ""

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.values

    def __str__(self) -> str:
        return self.bounds()

    def bounds(self) -> str:
        """Return a text with the values."""
        return "one of " + ", ".join(map(str, self.values))


Count = Annotated[int, Range(1)]
CountOrNone = Annotated[int, Range(0)]
Positive = Annotated[float, Range(0, open_low=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
ProperShare = Annotated[float, Range(0, 1, open_low=True, open_high=True)]
BelowOne = Annotated[float, Range(0, 1, open_high=True)]
AboveNone = Annotated[float, Range(0, 1, open_low=True)]


def ranges_of(config: type, prefix: str = "") -> dict[str, Range | OneOf]:
    """Return the range of each number in a dataclass of settings, by its key: ``section.key`` of an experiment."""
    found: dict[str, Range | OneOf] = {}
    for name, hint in typing.get_type_hints(config, include_extras=True).items():
        if dataclasses.is_dataclass(hint):
            found |= ranges_of(typing.cast(type, hint), f"{prefix}{name}.")
        elif typing.get_origin(hint) is Annotated:
            found[prefix + name] = next(item for item in hint.__metadata__ if isinstance(item, Range | OneOf))
    return found


def out_of_range(config: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys whose values lie outside their range, each with the value and what was expected."""
    for key, allowed in ranges_of(type(config), prefix).items():
        value: Any = config
        for name in key.removeprefix(prefix).split("."):
            value = getattr(value, name)
        items = value if isinstance(value, tuple) else (value,)
        if not all(allowed.holds(item) for item in items):
            yield key, f"{key} = {toml_text(value)}; expected {allowed}"
