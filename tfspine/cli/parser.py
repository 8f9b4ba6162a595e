"""A parser whose errors are one line, with a suggestion for misspelt words; exit code 2."""

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

CLOSE = 0.6
"""Least similarity of a misspelt word and its suggestion, as `difflib` measures it."""

RENAMED = {"--versions": "--members"}
"""Renamed options by their former names, which are too different to be suggested as spellings."""


class Parser(argparse.ArgumentParser):
    """As `argparse.ArgumentParser`, except for its error messages."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse a misspelt option first: an option that argparse reports as missing was usually misspelt."""
        words = list(sys.argv[1:] if args is None else args)
        self._refuse_unknown_options(words)
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line and end with exit code 2."""
        message = message.removeprefix("argument ")
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)

    def _refuse_unknown_options(self, words: Sequence[str]) -> None:
        """Check the words of this parser: those before a verb belong to it, those after it to the verb."""
        has_verbs = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        for word in words:
            if word == "--" or (has_verbs and not word.startswith("-")):
                return
            option = word.partition("=")[0]
            # A word with a space is not an option, nor is a negative number; argparse treats them in the same way.
            is_option = len(option) > 1 and option.startswith("-") and " " not in word and not option[1:2].isdigit()
            if is_option and not any(known.startswith(option) for known in self._option_string_actions):
                self.error(f'unknown option "{option}"{suggestion(option, self._option_string_actions)}')

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Return the value of an argument; if it has choices, any other word is refused with the list of choices."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError:
            if action.choices is None:
                raise
            return self._check_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            hint = suggestion(str(value), choices) or f"; expected one of {', '.join(choices)}"
            raise argparse.ArgumentError(action, f'unknown "{value}"{hint}')


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "..."?`` for a misspelt word, and nothing if no known word is similar."""
    bare = {name.lstrip("-").replace("_", "-"): name for name in known}
    if RENAMED.get(word) in bare.values():
        return f'; it is called "{RENAMED[word]}" now'
    close = difflib.get_close_matches(word.lstrip("-").replace("_", "-"), bare, n=1, cutoff=CLOSE)
    return f'; did you mean "{bare[close[0]]}"?' if close else ""
