"""Several members of one grader: several divisions of the development patients, with several trainings on each.

The paper has nine (docs/paper.md, Model): training and validation patients divided three times, trained three times on
each division. Member s2r3 is the third training on the second division. A run of members holds `splits1.csv` and so on,
one for each division; `members/s1r1/` and so on, each an ordinary grader run; and, when all are complete, `members.csv`
and the manifest. Processes and machines that share the folder each train different members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.config import Experiment, as_dict
from tfspine.errors import ConfigError
from tfspine.formats.members_csv import MemberRow, write_members
from tfspine.labels import Region
from tfspine.manifest import MEMBERS_FOLDER, RunKind, read_manifest, write_manifest

LARGEST = 99
"""Largest number of divisions and of repeats: each takes two digits of a member's seed."""


@dataclass(frozen=True)
class Member:
    """One training: the number of its division and of its repeat, both counted from 1."""

    split: int
    repeat: int

    @property
    def name(self) -> str:
        """The name of its folder: ``s1r1``."""
        return f"s{self.split}r{self.repeat}"

    def seed(self, experiment_seed: int) -> int:
        """Return its seed, which differs for each member of each experiment."""
        return (experiment_seed * 10_000 + self.split * 100 + self.repeat) % 2**32


def parse_members(text: str) -> tuple[Member, ...]:
    """Parse ``3x3``, divisions x trainings on each; return the members ordered by division, then repeat.

    Raises:
        ConfigError: the text is not two whole numbers from 1 to 99.
    """
    splits, repeats = _two_numbers(text, "x", f'--members "{text}"; expected DIVISIONSxREPEATS, for example 3x3')
    if max(splits, repeats) > LARGEST:
        raise ConfigError(f'--members "{text}"; expected at most {LARGEST} of either')
    return tuple(Member(split, repeat) for split in range(1, splits + 1) for repeat in range(1, repeats + 1))


def take_shard(members: Sequence[Member], text: str) -> tuple[Member, ...]:
    """Return the share ``K/N`` of the members: every N-th from the K-th, so that N shares hold each member once.

    Raises:
        ConfigError: the text is not two whole numbers with K from 1 to N.
    """
    number, shards = _two_numbers(text, "/", f'--shard "{text}"; expected K/N, for example 1/9')
    if number > shards:
        raise ConfigError(f'--shard "{text}"; expected K from 1 to {shards}')
    return tuple(members[number - 1 :: shards])


def member_folder(run_folder: Path, member: Member) -> Path:
    """Return the run folder of a member."""
    return run_folder / MEMBERS_FOLDER / member.name


def is_done(run_folder: Path, member: Member) -> bool:
    """Whether the training of a member is complete."""
    return read_manifest(member_folder(run_folder, member)) is not None


def finish(
    run_folder: Path, members: Sequence[Member], *, region: Region, experiment: Experiment, inputs: Sequence[Path]
) -> int:
    """Write `members.csv` and the manifest once every member is done; return how many are not done.

    The process that trains the last member does this; if two do it at the same moment, they write the same content.
    """
    waiting = [member for member in members if not is_done(run_folder, member)]
    if waiting:
        return len(waiting)
    rows = _table(run_folder, members, experiment)
    write_members(run_folder, rows)
    details = {
        "kind": RunKind.GRADER_MEMBERS,
        "region": region,
        "members": [member.name for member in members],
        "selected": [row.member for row in rows if row.selected],
    }
    write_manifest(run_folder, command="train", config=as_dict(experiment), inputs=inputs, details=details)
    return 0


def _two_numbers(text: str, between: str, message: str) -> tuple[int, int]:
    first, _, second = text.partition(between)
    if not (first.isdecimal() and second.isdecimal() and int(first) and int(second)):
        raise ConfigError(message)
    return int(first), int(second)


def _table(run_folder: Path, members: Sequence[Member], experiment: Experiment) -> list[MemberRow]:
    """Return the rows of `members.csv`."""
    details = {}
    for member in members:
        manifest = read_manifest(member_folder(run_folder, member))
        details[member] = manifest.details if manifest else {}
    smallest = {
        split: min((member for member in members if member.split == split), key=lambda v: details[v]["val_loss"])
        for split in {member.split for member in members}
    }
    return [
        MemberRow(
            member=member.name,
            split=member.split,
            repeat=member.repeat,
            seed=member.seed(experiment.seed),
            **{name: details[member][name] for name in ("epochs", "best_epoch", "val_loss", "val_ac1", "temperature")},
            selected=smallest[member.split] == member,
        )
        for member in members
    ]
