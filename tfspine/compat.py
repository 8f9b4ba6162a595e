"""Standard library features of Python 3.11 for Python 3.10, which the part without TensorFlow also supports."""

import sys
from datetime import timezone

if sys.version_info >= (3, 11):
    from enum import StrEnum  # novermin
    from typing import Self  # novermin

    import tomllib  # novermin
else:
    from enum import Enum

    import tomli as tomllib
    from typing_extensions import Self

    class StrEnum(str, Enum):
        """Members are strings, and print as their values do."""

        __str__ = str.__str__
        __format__ = str.__format__

        @staticmethod
        def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
            return name.lower()


UTC = timezone.utc
"""`datetime.UTC`."""

__all__ = ["UTC", "Self", "StrEnum", "tomllib"]
