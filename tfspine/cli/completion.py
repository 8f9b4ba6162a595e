"""``tfspine completion``: the script for shell completion of commands, options and files.

    tfspine completion bash > ~/.local/share/bash-completion/completions/tfspine
    tfspine completion zsh > "${fpath[1]}/_tfspine"

shtab writes it from the parser itself, so a shell completes without starting Python.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tfspine.project_files import own_or_project_file

SHELLS = ("bash", "zsh", "tcsh")
FILES = (Path, own_or_project_file)
"""Types of arguments that name files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine completion``."""
    parser.add_argument("shell", choices=SHELLS, help="shell that the script is for")


def run(args: argparse.Namespace) -> None:
    """Print the script."""
    import shtab

    from tfspine.cli.main import VERBS, build_parser

    parser = build_parser(*VERBS)
    for action in _actions(parser):
        if action.type in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, args.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
