"""Who and what ``tfspine evaluate`` was given on the command line, under which names, and whether it fits together."""

import argparse
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import EvaluationError

SPLIT = "test"
"""Which split is compared where ``--split`` does not say."""

REFERENCE, EXTERNAL_REFERENCE = "reference", "external_reference"
"""Names under which ``--read`` says what the references cover, and ``--repeat`` who read again."""


@dataclass(frozen=True)
class Inputs:
    """Paths by the names that the command line gave them; `read` names what lists of studies and slices were read."""

    readers: Mapping[str, Path]
    external_readers: Mapping[str, Path]
    validation: Mapping[str, Path]
    repeats: Mapping[str, Path]
    read: Mapping[str, Path]
    averages: Mapping[str, tuple[str, ...]]
    arms: Mapping[str, tuple[str, ...]]
    model: str


def inputs_of(args: argparse.Namespace) -> Inputs:
    """Return the named paths of the arguments.

    Raises:
        EvaluationError: an argument is not NAME=PATH, a name occurs twice or is unknown, two would share a file, or an
            option lacks another without which it says nothing.
    """
    _check_companions(args)
    readers = _named_paths("--reader", args.readers)
    averages = _averages(args.averages or [], readers)
    ensembles = [f"{name}_ensemble" for name in averages]
    external_readers = _named_paths("--external-reader", args.external_readers or [])
    # Figures of the external set are called so.
    external = [f"external_{name}" for name in (*external_readers, *(ensembles if external_readers else ()))]
    names = [*readers, *averages, *ensembles, *external]
    if len({stem(name) for name in names}) < len(names):
        raise EvaluationError(
            f"--reader {', '.join([*readers, *averages])}: names too alike for file names; change letters or digits"
        )
    inputs = Inputs(
        readers=readers,
        external_readers=external_readers,
        validation=_named_paths("--validation", args.validation or []),
        repeats=_named_paths("--repeat", args.repeats or []),
        read=_named_paths("--read", args.read or []),
        averages=averages,
        arms=_arms(args.arms or [], readers),
        model=args.model or next(iter(readers)),
    )
    _check_known("--model", [inputs.model], [*readers, *averages])
    _check_known("--repeat", inputs.repeats, [REFERENCE, *readers])
    _check_known("--read", inputs.read, [REFERENCE, *readers, *external_readers, EXTERNAL_REFERENCE])
    _check_known("--validation", inputs.validation, [*readers, *ensembles])
    return inputs


def stem(name: str) -> str:
    """Return a reader's name as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _check_companions(args: argparse.Namespace) -> None:
    if bool(args.external_readers) != bool(args.external_reference):
        raise EvaluationError("--external-reference and --external-reader belong together: give both, or neither")
    for option, value, other, needs in (
        ("--external-exclusions", args.external_exclusions, args.external_reference, "--external-reference"),
        ("--external-slices", args.external_slices, args.external_reference, "--external-reference"),
        ("--external-exclusions", args.external_exclusions, args.external_slices, "--external-slices"),
        ("--validation", args.validation, args.splits, "--splits"),
        ("--split", args.split, args.splits, "--splits"),
        ("--dicom", args.dicom, args.slices, "--slices"),
        ("--clinical", args.clinical, args.slices, "--slices"),
    ):
        if value and not other:
            raise EvaluationError(f"{option}: says nothing on its own; add {needs}")


def _named_paths(option: str, texts: list[str]) -> dict[str, Path]:
    example = "NAME=FILE or NAME=FOLDER, for example model=predictions/predictions.csv"
    return {name: Path(path) for name, path in _named(option, texts, example).items()}


def _arms(texts: list[str], readers: Collection[str]) -> dict[str, tuple[str, ...]]:
    named = _named("--arm", texts, "NAME=A,B,..., for example aided=first_aided,second_aided")
    arms = {name: tuple(members.split(",")) for name, members in named.items()}
    if len(arms) == 1:
        raise EvaluationError(f'--arm "{next(iter(arms))}": one condition; expected two or more to compare')
    seen: set[str] = set()
    for name, members in arms.items():
        for member in members:
            if member not in readers:
                raise EvaluationError(
                    f'--arm "{name}": no reader "{member}"; expected some of {", ".join(readers)}, without spaces'
                )
            if member in seen:
                raise EvaluationError(f'--arm "{name}": reader "{member}" named twice; expected each table once')
            seen.add(member)
        if len(members) < 2 or len(members) != len(next(iter(arms.values()))):
            raise EvaluationError(
                f'--arm "{name}": {len(members)} readers; expected the same people under each condition, in the same '
                "order, two or more"
            )
    return arms


def _averages(texts: list[str], readers: Collection[str]) -> dict[str, tuple[str, ...]]:
    named = _named("--average", texts, "NAME=A,B,..., for example model=v1,v2,v3")
    averages = {name: tuple(members.split(",")) for name, members in named.items()}
    for name, members in averages.items():
        for member in members:
            if member not in readers:
                raise EvaluationError(
                    f'--average "{name}": no reader "{member}"; expected one of {", ".join(readers)}, without spaces'
                )
        if len(set(members)) < len(members):
            raise EvaluationError(f'--average "{name}": a reader named twice; expected each version once')
        if len(members) < 2:
            raise EvaluationError(f'--average "{name}": an average of 1 version; expected at least 2')
    return averages


def _named(option: str, texts: list[str], expected: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise EvaluationError(f'{option} "{text}": expected {expected}')
        if name in named:
            raise EvaluationError(f'{option} "{name}": named twice; give each a name of its own')
        named[name] = value
    return named


def _check_known(option: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise EvaluationError(f'{option} "{name}": no such reader; expected one of {", ".join(known)}')
