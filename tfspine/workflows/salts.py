"""The secret behind the pseudonyms, for every workflow that writes some."""

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
"""Where no salt is named: a file beside the output, so that all outputs of one folder call a patient the same."""


@dataclass(frozen=True)
class SaltChoice:
    """Which salt.

    Attributes:
        file: that holds it; None: the one that the environment's `SALT_VARIABLE` names, if it names one.
        is_new: the file is made first, readable by its owner alone.
    """

    file: Path | None = None
    is_new: bool = False

    @property
    def named(self) -> Path | None:
        """The file that is named here or in the environment."""
        variable = os.environ.get(SALT_VARIABLE)
        return self.file if self.file is not None else Path(variable) if variable else None


def named_salt(choice: SaltChoice, *, out: Path) -> "Salt":
    """Return the salt that is named.

    Raises:
        ConfigError: none is named, or it cannot be used.
    """
    from tfspine.dicom.deidentify.pseudonyms import create_salt, read_salt

    path = choice.named
    if path is None:
        raise ConfigError(f"no salt; name a file with --salt-file or {SALT_VARIABLE}; --create-salt makes one")
    require_outside(path, out)
    return create_salt(path) if choice.is_new else read_salt(path)


@contextlib.contextmanager
def salt_beside(choice: SaltChoice, *, out: Path) -> Iterator["Salt"]:
    """Yield the salt that is named, else that of `OWN_SALT`, made at the first run and readable by its owner alone.

    It lies beside the output, not in it: whoever hands the output on does not hand on the secret.

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
    """Refuse a secret that would be handed on with the output.

    Raises:
        ConfigError: it lies there.
    """
    if secret.resolve().is_relative_to(out.resolve()):
        raise ConfigError(f"{secret}: lies in the output, which is handed on; keep it elsewhere")
