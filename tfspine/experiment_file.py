"""Reading experiments: TOML with dotted overrides, in which an unknown key is an error with a suggestion.

Sweeps are read with the same functions (`build`, `read_toml`, `unknown_key`), so that both give the same messages.
"""

import copy
import dataclasses
import difflib
import itertools
import types
import typing
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import Enum
from pathlib import Path
from typing import Any

from tfspine.compat import tomllib
from tfspine.config import Experiment
from tfspine.config.contradictions import contradictions
from tfspine.config.ranges import out_of_range
from tfspine.config.toml_text import toml_text
from tfspine.errors import ConfigError

LEAST_LIKENESS = 0.5
"""The least similarity between a misspelt key and its suggestion, as `difflib` measures it."""

STRANGER = 0.15
"""How much higher the similarity of a key in another section has to be."""

Config = typing.TypeVar("Config")


def load_experiment(path: Path | None, settings: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and apply ``section.key=value`` settings on top.

    Args:
        path: a TOML file, or None for the defaults.
        settings: overrides as given to ``--set``; values are TOML, and bare words are strings.

    Raises:
        ConfigError: the file cannot be read, a key is unknown (with a suggestion), a value has the wrong type or lies
            out of its range, or settings contradict one another.
    """
    table: dict[str, Any] = read_toml(path, "experiment file") if path else {}
    return experiment_from_table(table, settings, source=str(path) if path else "--set")


def experiment_from_table(table: dict[str, Any], settings: Sequence[str] = (), *, source: str) -> Experiment:
    """Return the experiment from the plain values of a TOML file or a manifest, with settings on top.

    Args:
        table: sections and keys; `config.as_dict` writes them back.
        settings: as in `load_experiment`.
        source: the file to name in an error.

    Raises:
        ConfigError: as in `load_experiment`.
    """
    table = copy.deepcopy(table)
    placed = set()
    for setting in settings:
        dotted, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f'--set "{setting}": expected section.key=value')
        _place(table, dotted.strip(), _parse_value(text.strip()))
        placed.add(dotted.strip())
    experiment = build(Experiment, table, source=source)
    _require_sound(experiment, placed, source)
    return experiment


def _require_sound(experiment: Experiment, placed: Set[str], source: str) -> None:
    """Refuse values out of range, then contradicting settings; the message names the file or ``--set``."""
    # In this order, because arithmetic on values out of range may fail.
    for key, message in itertools.chain(out_of_range(experiment), contradictions(experiment)):
        raise ConfigError(f"{'--set' if key in placed else source}: {message}")


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the tables of a file; `what` names the kind of file that was expected.

    Raises:
        ConfigError: the file does not exist or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such {what}; see experiments/") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable {what}: {error}") from None


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _place(table: dict[str, Any], dotted: str, value: Any) -> None:
    """Put a value at ``section.key``; everything after ``overrides.`` is one Model Garden key."""
    section, dot, key = dotted.partition(".")
    if not dot:
        table[section] = value
        return
    inner = table.setdefault(section, {})
    if not isinstance(inner, dict):
        raise ConfigError(f'--set "{dotted}": {section} is a value, not a section')
    inner[key] = value


def build(
    kind: type[Config], table: Mapping[str, Any], *, source: str, prefix: str = "", whole: type | None = None
) -> Config:
    """Make the dataclass `kind` from a table of plain values.

    Args:
        kind: a frozen dataclass of settings, or of sections of them.
        table: keys and values as TOML gives them; what is missing keeps its default.
        source: the file to name in an error.
        prefix: the section with a dot, as messages name it.
        whole: the dataclass of all sections, to suggest keys of other sections too; None means `kind`.

    Raises:
        ConfigError: a key is unknown (with a suggestion), or a value has the wrong type.
    """
    whole = whole or kind
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if key not in hints:
            raise unknown_key(key, hints, source=source, prefix=prefix, sections=_sections(whole))
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {name} = {toml_text(value)}; expected a section [{name}]")
            section = typing.cast(type, hints[key])
            values[key] = build(section, value, source=source, prefix=f"{name}.", whole=whole)
        else:
            values[key] = _convert(hints[key], value, f"{source}: {name} = {toml_text(value)}")
    return kind(**values)


def unknown_key(
    key: str,
    known: Iterable[str],
    *,
    source: str,
    prefix: str = "",
    sections: Mapping[str, Sequence[str]] = types.MappingProxyType({}),
) -> ConfigError:
    """Return the error about an unknown key.

    It names every section that has such a key, else the most similar key; in a tie, the one of the same section.

    Args:
        key: as it was written.
        known: the valid keys of its section.
        source: the file to name.
        prefix: the section with a dot.
        sections: other sections of the file and their keys, which may have been meant.
    """
    told = f'{source}: unknown key "{prefix}{key}"'
    known = list(known)
    everywhere = {f"{section}.{name}": name for section, names in sections.items() for name in names}
    meant = [dotted for dotted, name in everywhere.items() if name == key]
    if not meant:
        # A key of another section has to be more similar, because the section is usually right.
        likeness = {dotted: _likeness(key, name) - STRANGER for dotted, name in everywhere.items()}
        likeness |= {prefix + name: _likeness(key, name) for name in known}
        most = max(likeness.values())
        meant = [dotted for dotted, value in likeness.items() if value == most and most >= LEAST_LIKENESS]
    if not meant:
        return ConfigError(f"{told}; expected one of {', '.join(known)}")
    return ConfigError(f"{told}; did you mean " + " or ".join(f'"{dotted}"' for dotted in meant) + "?")


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()


def _sections(whole: type) -> dict[str, list[str]]:
    """Return the keys of every section."""
    return {
        name: [item.name for item in dataclasses.fields(hint)]
        for name, hint in typing.get_type_hints(whole).items()
        if dataclasses.is_dataclass(hint)
    }


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return `value` as the annotated type, or raise an error that states what was expected."""
    if typing.get_origin(hint) is tuple:
        return _convert_tuple(typing.get_args(hint), value, where)
    if typing.get_origin(hint) is Mapping:
        if isinstance(value, Mapping):
            return dict(value)  # experiments are pickled for separate processes, which a mapping proxy does not allow
        raise ConfigError(f"{where}; expected a table")
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise ConfigError(f"{where}; expected one of {', '.join(item.value for item in hint)}") from None
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where}; expected {hint.__name__}")
    return value


def _convert_tuple(item_hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}; expected a list")
    if item_hints[-1] is Ellipsis:
        item_hints = item_hints[:1] * len(value)
    if len(value) != len(item_hints):
        raise ConfigError(f"{where}; expected {len(item_hints)} values")
    return tuple(_convert(hint, item, where) for hint, item in zip(item_hints, value, strict=True))
