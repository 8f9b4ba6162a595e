"""``--salt-file`` and ``--create-salt``: the secret behind the pseudonyms, for every command that writes some."""

import argparse

from tfspine.cli.options import file_to_write
from tfspine.workflows.salts import OWN_SALT, SALT_VARIABLE, SaltChoice


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


def salt_choice(args: argparse.Namespace) -> SaltChoice:
    """Return what the two options say."""
    return SaltChoice(args.salt_file, args.create_salt)
