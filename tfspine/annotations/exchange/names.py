"""Meaning of the names in another program's labels: region, side, grade and level of each box.

A name is one of tfspine's (``left_lateral_recess``, ``central_canal:mild``), or is mapped to one:

    [names]                                          # or a CSV file of name, label and, where it says one, level
    "Canal" = "central_canal"
    "RF L4/5 mod" = "right_neural_foramen:moderate"

    [attributes]                                     # what the attributes are called there
    "Stenosis" = "grade"                             # grade, side or level

    [values]                                         # of these attributes
    "II" = "moderate"
    "L4/5" = "L4-L5"

What the name does not include may be given in the attributes grade, side and level. A grade is a word or 0 to 3;
"ungraded" and "unknown" mean that there is no grade.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tfspine.annotations.exchange.drawn import DrawnBox
from tfspine.compat import tomllib
from tfspine.errors import AnnotationError, ConfigError, FormatError
from tfspine.formats.csv_files import read_csv_file, require_once
from tfspine.labels import GRADE_WORDS, LEVELS, Grade, Level, Region, Side, parse_object_name
from tfspine.structures import Annotation

NOT_SAID = ("", "ungraded", "unknown")
"""Values of an attribute that mean "nothing was chosen yet", for programs in which a choice needs a first entry."""

TABLES = ("names", "attributes", "values")
ATTRIBUTES = ("grade", "side", "level")

T = TypeVar("T")


@dataclass(frozen=True)
class NameMap:
    """The meaning of another program's words.

    Attributes:
        names: object name by label.
        levels: level by label, if it includes one.
        attributes: "grade", "side" or "level" by the name of an attribute in lower case.
        values: tfspine's word by the value of an attribute.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


def read_names(path: Path) -> NameMap:
    """Read a map of names, TOML or CSV.

    Raises:
        ConfigError: a TOML file cannot be read, or holds something else.
        AnnotationError: a CSV file cannot be read, lacks a column, or a label is not one of tfspine's.
    """
    names = _read_toml(path) if path.suffix.lower() == ".toml" else _read_csv(path)
    for name, label in names.names.items():
        try:
            _parsed(label)
        except FormatError as error:
            raise AnnotationError(f'{path}: "{name}": {error}') from None
    for name, level in names.levels.items():
        _level(level, f'{path}: "{name}"')
    return names


def annotation_of(drawn: DrawnBox, names: NameMap) -> Annotation:
    """Return a box with region, side, grade and level from its name and attributes.

    Raises:
        AnnotationError: the name is unknown, a value is invalid, name and attribute contradict each other, or a paired
            region has no side.
    """
    region, side, grade = _meaning(drawn, names)
    said = {
        names.attributes.get(name, name): names.values.get(value, value) for name, value in drawn.attributes.items()
    }
    side = _agreed(side, _side(said.get("side", ""), drawn.where), "side", drawn)
    grade = _agreed(grade, _grade(said.get("grade", ""), drawn.where), "grade", drawn)
    mapped = _level(names.levels.get(drawn.name, ""), drawn.where)
    level = _agreed(mapped, _level(said.get("level", ""), drawn.where), "level", drawn)
    if region.is_paired and side is None:
        raise AnnotationError(
            f'{drawn.where}: "{drawn.name}" has no side; give it in the name or as the attribute side'
        )
    if side is not None and not region.is_paired:
        raise AnnotationError(f'{drawn.where}: "{drawn.name}" of side {side}; {region} has no side')
    return Annotation(box=drawn.box, region=region, side=side, grade=grade, level=level)


def _meaning(drawn: DrawnBox, names: NameMap) -> tuple[Region, Side | None, Grade | None]:
    try:
        return _parsed(names.names.get(drawn.name, drawn.name))
    except FormatError as error:
        raise AnnotationError(f"{drawn.where}: {error}; or map it to a label with --names") from None


def _parsed(name: str) -> tuple[Region, Side | None, Grade | None]:
    """Read an object name, or that of a paired region without its side, which is then an attribute."""
    head, colon, grade = name.strip().partition(":")
    if head in tuple(Region):
        parsed = parse_object_name(f"left_{head}{colon}{grade}" if Region(head).is_paired else name)
        return parsed[0], None, parsed[2]
    return parse_object_name(name)


def _agreed(in_name: T | None, in_attribute: T | None, what: str, drawn: DrawnBox) -> T | None:
    if in_name is not None and in_attribute is not None and in_name != in_attribute:
        attribute = drawn.attributes.get(what, in_attribute)
        raise AnnotationError(
            f'{drawn.where}: "{drawn.name}" has another {what} in its attribute, {attribute}; keep one'
        )
    return in_attribute if in_name is None else in_name


def _grade(text: str, where: str) -> Grade | None:
    word = text.strip().lower()
    if word in NOT_SAID:
        return None
    if word in GRADE_WORDS:
        return Grade[word.upper()]
    if word in map(str, range(len(GRADE_WORDS))):
        return Grade(int(word))
    raise AnnotationError(f'{where}: grade "{text}"; expected one of {", ".join(GRADE_WORDS)}, 0 to 3, or ungraded')


def _side(text: str, where: str) -> Side | None:
    word = text.strip().lower()
    if word in NOT_SAID:
        return None
    if word not in tuple(Side):
        raise AnnotationError(f'{where}: side "{text}"; expected left or right (of the patient)')
    return Side(word)


def _level(text: str, where: str) -> Level | None:
    word = text.strip()
    if word.lower() in NOT_SAID:
        return None
    if word.upper() not in LEVELS:
        raise AnnotationError(f'{where}: level "{text}"; expected one of {", ".join(LEVELS)}')
    return Level(word.upper())


def _read_csv(path: Path) -> NameMap:
    table = read_csv_file(path, ("name", "label"), optional=("level",))
    require_once(table, "name")
    rows = table.rows
    return NameMap(
        {row["name"].strip(): row["label"] for row in rows},
        {row["name"].strip(): row["level"] for row in rows if row["level"].strip()},
    )


def _read_toml(path: Path) -> NameMap:
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable map of names: {error}") from None
    for section, values in table.items():
        if section not in TABLES:
            raise ConfigError(f'{path}: unknown key "{section}"; expected one of {", ".join(TABLES)}')
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise ConfigError(f'{path}: [{section}]; expected lines of "THEIR NAME" = "tfspine name"')
    attributes = {name.strip().lower(): value for name, value in table.get("attributes", {}).items()}
    for name, value in attributes.items():
        if value not in ATTRIBUTES:
            raise ConfigError(f'{path}: attributes."{name}" = "{value}"; expected one of {", ".join(ATTRIBUTES)}')
    return NameMap(table.get("names", {}), {}, attributes, table.get("values", {}))
