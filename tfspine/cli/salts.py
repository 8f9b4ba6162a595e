"""``--salt-file`` and ``--create-salt``: the secret behind the pseudonyms, for every command that writes some."""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import file_to_write
from tfspine.errors import ConfigError

if TYPE_CHECKING:
    from tfspine.dicom.deidentify.pseudonyms import Salt

SALT_VARIABLE = "TFSPINE_SALT_FILE"
OWN_SALT = "pseudonyms.salt"
"""Where no salt is named: a file beside the output, so that all outputs of one folder call a patient the same."""


def add_salt(parser: argparse.ArgumentParser, *, otherwise: str = "") -> None:
    """Add the two options; `otherwise` says what holds where neither the option nor the variable names a file."""
    default = f"${SALT_VARIABLE}{otherwise and f', else {otherwise}'}"
    parser.add_argument(
        "--salt-file",
        type=file_to_write(OWN_SALT, option="--salt-file"),
        metavar="FILE",
        help=f"secret behind the pseudonyms (default: {default})",
    )
    parser.add_argument("--create-salt", action="store_true", help="make the salt file first, readable by you alone")


def salt_from(args: argparse.Namespace) -> "Salt":
    """Return the salt that the options or the environment name.

    Raises:
        ConfigError: none is named, or it cannot be used.
    """
    from tfspine.dicom.deidentify.pseudonyms import create_salt, read_salt

    path = _named(args)
    if path is None:
        raise ConfigError(f"no salt; name a file with --salt-file or {SALT_VARIABLE}; --create-salt makes one")
    require_outside(path, args.out)
    return create_salt(path) if args.create_salt else read_salt(path)


@contextlib.contextmanager
def salt_beside(args: argparse.Namespace) -> Iterator["Salt"]:
    """Yield the salt that is named, else that of `OWN_SALT`, made at the first run and readable by its owner alone.

    It lies beside the output, not in it: whoever hands the output on does not hand on the secret.

    Raises:
        ConfigError: it cannot be used.
    """
    from tfspine.dicom.deidentify.pseudonyms import own_salt

    if _named(args) is not None or args.create_salt:
        yield salt_from(args)
        return
    with own_salt(args.out.resolve().with_name(OWN_SALT)) as salt:
        yield salt


def require_outside(secret: Path, out: Path) -> None:
    """Refuse a secret that would be handed on with the output.

    Raises:
        ConfigError: it lies there.
    """
    if secret.resolve().is_relative_to(out.resolve()):
        raise ConfigError(f"{secret}: lies in the output, which is handed on; keep it elsewhere")


def _named(args: argparse.Namespace) -> Path | None:
    variable = os.environ.get(SALT_VARIABLE)
    if args.salt_file is not None:
        return Path(args.salt_file)
    return Path(variable) if variable else None
