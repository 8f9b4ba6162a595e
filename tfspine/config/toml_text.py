"""A value in TOML notation, so that messages show it as it is written in the file."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any


def toml_text(value: Any) -> str:
    """Return a value as written after the equals sign: ``true``, ``"cosine"``, ``[0.5, 1.0]``, ``{ min = 1 }``.

    A value that TOML does not support, such as None, is written as in Python.
    """
    if isinstance(value, Enum):
        return toml_text(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A basic string of TOML escapes as JSON does.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, Mapping):
        items = ", ".join(f"{key} = {toml_text(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    return str(value)
