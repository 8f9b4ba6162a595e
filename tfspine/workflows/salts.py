"""The secret salt of the pseudonyms, for every workflow that writes pseudonyms."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import ConfigError

if TYPE_CHECKING:
    from tfspine.dicom.deidentify.pseudonyms import Salt

SALT_VARIABLE = "TFSPINE_SALT_FILE"
OWN_SALT = "pseudonyms.salt"
"""The default salt: a file beside the output, so that all outputs in one folder have the same pseudonyms."""


@dataclass(frozen=True)
class SaltChoice:
    """Which salt to use.

    Attributes:
        file: file that holds it; None: the file in the environment variable `SALT_VARIABLE`, if it is set.
        is_new: create the file first, readable only by its owner.
    """

    file: Path | None = None
    is_new: bool = False

    @property
    def named(self) -> Path | None:
        """The file given here or in the environment."""
        variable = os.environ.get(SALT_VARIABLE)
        return self.file if self.file is not None else Path(variable) if variable else None


def named_salt(choice: SaltChoice, *, out: Path) -> "Salt":
    """Return the given salt.

    Raises:
        ConfigError: none is given, or it cannot be used.
    """
    from tfspine.dicom.deidentify.pseudonyms import create_salt, read_salt

    path = choice.named
    if path is None:
        raise ConfigError(f"no salt; name a file with --salt-file or {SALT_VARIABLE}; --create-salt makes one")
    require_outside(path, out)
    return create_salt(path) if choice.is_new else read_salt(path)


@contextlib.contextmanager
def salt_beside(choice: SaltChoice, *, out: Path) -> Iterator["Salt"]:
    """Yield the given salt, else that of `OWN_SALT`, created at the first run and readable only by its owner.

    It is stored beside the output, not in it, so that the secret is not shared together with the output.

    Raises:
        ConfigError: it cannot be used.
    """
    from tfspine.dicom.deidentify.pseudonyms import own_salt

    if choice.named is not None or choice.is_new:
        yield named_salt(choice, out=out)
        return
    with own_salt(out.resolve().with_name(OWN_SALT)) as salt:
        yield salt


def require_outside(secret: Path, out: Path) -> None:
    """Refuse a secret file inside the output, because it would be shared with the output.

    Raises:
        ConfigError: the file is inside the output.
    """
    if secret.resolve().is_relative_to(out.resolve()):
        raise ConfigError(f"{secret}: lies in the output, which may be passed on; keep it elsewhere")
