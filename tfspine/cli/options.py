"""Arguments and progress that several commands share."""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tfspine.config import DEVICES_VARIABLE, Experiment
from tfspine.errors import ConfigError, OutputError
from tfspine.experiment_file import load_experiment
from tfspine.project_files import own_or_project_file

T = TypeVar("T")


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
    """Add ``--devices``, which `use_devices` hands on to this process and to those that it starts."""
    parser.add_argument(
        "--devices",
        metavar="LIST",
        help="GPUs to use, for example 0,1, as numbered among those of CUDA_VISIBLE_DEVICES; cpu: none (default: all)",
    )


def use_devices(args: argparse.Namespace) -> None:
    """Say in the environment which GPUs a command was told to use; `models.devices` reads it."""
    if getattr(args, "devices", None) is not None:
        os.environ[DEVICES_VARIABLE] = args.devices


def experiment_from(args: argparse.Namespace) -> Experiment:
    """Return the experiment that `add_experiment`'s arguments name."""
    return load_experiment(args.experiment, args.settings)


def track(items: Sequence[T] | Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` under a progress bar with time left, on standard error (`progress.new_bar`)."""
    from tfspine.progress import new_bar

    with new_bar() as progress:
        yield from progress.track(items, description=description, total=total)


@contextmanager
def stage_bar(stages: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that names the next of so many stages under a bar with time left, on standard error."""
    from tfspine.progress import new_bar

    with new_bar() as progress:
        task = progress.add_task("", total=stages)
        begun = 0

        def begin(stage: str) -> None:
            nonlocal begun
            progress.update(task, description=stage, completed=begun)
            begun += 1

        yield begin
        progress.update(task, completed=stages)


def given(*paths: Path | None) -> list[Path]:
    """Return the paths that the user named."""
    return [path for path in paths if path is not None]


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add ``--force`` to a command that writes a single file."""
    parser.add_argument("--force", action="store_true", help="replace --out even if this command did not write it")


def require_count(args: argparse.Namespace, name: str) -> None:
    """Refuse an option that counts something and lies below 1; one that was not given is let through.

    Raises:
        ConfigError: with the option as it is typed.
    """
    value = getattr(args, name)
    if value is not None and value < 1:
        raise ConfigError(f"--{name.replace('_', '-')} {value}; expected 1 or more")


def file_to_write(example: str, *, option: str = "--out") -> Callable[[str], Path]:
    """Return a `type` for an option that names one file to write: it refuses what names a folder.

    Args:
        example: a good name for the file, to tell.
        option: as it is typed.
    """

    def checked(text: str) -> Path:
        path = Path(text)
        # A path forgets the slash at its end, and would write a file of the name of the folder that was meant.
        if text.endswith("/") or path.is_dir():
            raise OutputError(f"{option} {text}: is a folder; expected a file to write, for example {path / example}")
        return path

    return checked
