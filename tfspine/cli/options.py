"""Arguments that several commands share."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from tfspine.config import DEVICES_VARIABLE, Experiment
from tfspine.errors import ConfigError, OutputError
from tfspine.experiment_file import load_experiment
from tfspine.project_files import own_or_project_file
from tfspine.workflows.salts import OWN_SALT, SALT_VARIABLE, SaltChoice


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Add ``--experiment FILE`` and ``--set section.key=value``."""
    parser.add_argument(
        "--experiment", type=own_or_project_file, metavar="TOML", help="experiment file (default: the paper's values)"
    )
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add ``--set section.key=value`` alone."""
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="A.B=C", help="override one setting; repeatable"
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Add ``--devices``, which `use_devices` applies to this process and to those that it starts."""
    parser.add_argument(
        "--devices",
        metavar="LIST",
        help="GPUs to use, for example 0,1, as numbered among those of CUDA_VISIBLE_DEVICES; cpu: none (default: all)",
    )


def use_devices(args: argparse.Namespace) -> None:
    """Store in the environment which GPUs a command may use; `models.devices` reads it."""
    if getattr(args, "devices", None) is not None:
        os.environ[DEVICES_VARIABLE] = args.devices


def experiment_from(args: argparse.Namespace) -> Experiment:
    """Return the experiment that `add_experiment`'s arguments name."""
    return load_experiment(args.experiment, args.settings)


def given(*paths: Path | None) -> list[Path]:
    """Return the paths that the user named."""
    return [path for path in paths if path is not None]


def add_jobs(parser: argparse.ArgumentParser, *, default: int) -> None:
    """Add ``--jobs``, the number of steps of a chain that run at once."""
    parser.add_argument(
        "--jobs",
        type=int,
        default=default,
        metavar="N",
        help="trainings and exports that run at once, sharing the processor's cores; "
        "use 1 where one GPU has memory for only one of them (default: %(default)s)",
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add ``--force`` to a command that writes a single file."""
    parser.add_argument("--force", action="store_true", help="replace --out even if this command did not write it")


def add_salt(parser: argparse.ArgumentParser, *, otherwise: str = "") -> None:
    """Add ``--salt-file`` and ``--create-salt``, which name the secret behind the pseudonyms.

    Args:
        parser: of a command that writes pseudonyms.
        otherwise: what holds where neither the option nor the variable names a file.
    """
    default = f"${SALT_VARIABLE}{otherwise and f', else {otherwise}'}"
    parser.add_argument(
        "--salt-file",
        type=file_to_write(OWN_SALT, option="--salt-file"),
        metavar="FILE",
        help=f"secret behind the pseudonyms (default: {default})",
    )
    parser.add_argument("--create-salt", action="store_true", help="create the salt file first, readable only by you")


def salt_choice(args: argparse.Namespace) -> SaltChoice:
    """Return the values of the options of `add_salt`."""
    return SaltChoice(args.salt_file, args.create_salt)


def require_count(args: argparse.Namespace, name: str) -> None:
    """Refuse a count below 1; an option that was not given is accepted.

    Raises:
        ConfigError: with the option as it is typed.
    """
    value = getattr(args, name)
    if value is not None and value < 1:
        raise ConfigError(f"--{name.replace('_', '-')} {value}; expected 1 or more")


def file_to_write(example: str, *, option: str = "--out") -> Callable[[str], Path]:
    """Return a `type` for an option that names one file to write: it refuses a folder.

    Args:
        example: a good name for the file, for the message.
        option: as it is typed.
    """

    def checked(text: str) -> Path:
        path = Path(text)
        # A Path drops the slash at its end, and would write a file with the name of the intended folder.
        if text.endswith("/") or path.is_dir():
            raise OutputError(f"{option} {text}: is a folder; expected a file to write, for example {path / example}")
        return path

    return checked
