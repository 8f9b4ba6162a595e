"""Trains the members of a grader, or this machine's share of them, one after the other or in parallel."""

import os
import queue
from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.config import DEVICES_VARIABLE, Experiment
from tfspine.errors import ModelError, TfspineError
from tfspine.labels import Region
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.training.members import Member

ONE_SHARD = "1/1"

Splits = Mapping[str, str]
"""The split of every study."""


@dataclass(frozen=True)
class MembersOptions:
    """Which members of one region's grader are trained, and how.

    Attributes:
        region: which grader.
        members: ``DIVISIONSxREPEATS``: number of divisions of the development patients, and of trainings on each.
        workers: number of members trained in parallel on this machine.
        shard: ``K/N``: this machine trains the K-th of N shares of the members.
        experiment: `[grader]`, `[training]` and `[split]`; each member has a seed of its own.
    """

    region: Region
    members: str = "3x3"
    workers: int = 1
    shard: str = ONE_SHARD
    experiment: Experiment = Experiment()


@dataclass(frozen=True)
class TrainedMembers:
    """A run folder of members: how many are trained and how many are not yet; whether it was complete before."""

    folder: Path
    done: int
    waiting: int
    is_new: bool


def train_members(
    records: Path, splits: Path, out: Path, options: MembersOptions, *, track: Track = silent
) -> TrainedMembers:
    """Train this machine's share of the members, and write `members.csv` once all are trained.

    A member that fails does not stop the others: it is reported at the end, and the next call tries it again.

    Args:
        records: folder that `records` wrote.
        splits: `splits.csv` that the records were made with; its development patients are divided differently.
        out: run folder of all members; processes and machines may share it.
        options: which members, and their experiment.
        track: counts the members if several are trained in parallel.

    Raises:
        ModelError: a member failed, with its reason; the run folder belongs to another training.
    """
    from tfspine.annotations.splits import redivide
    from tfspine.formats.splits_csv import read_split_table, split_hash, write_split_table
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training import members as of_run
    from tfspine.training.runs import GRADER_SECTIONS, RunState, open_run

    experiment, region = options.experiment, options.region
    opened = open_records(records, plane=region.plane, experiment=experiment)
    members = of_run.parse_members(options.members)
    mine = of_run.take_shard(members, options.shard)
    table = read_split_table(splits)
    opened.require_split(split_hash(dict(zip(table["study"], table["split"], strict=True))), splits)
    divisions = {
        number: redivide(table, number=number, config=experiment.split, seed=experiment.seed)
        for number in sorted({member.split for member in members})
    }
    state = open_run(
        out,
        trains={"kind": RunKind.GRADER_MEMBERS, "region": region, "members": options.members},
        experiment=experiment,
        sections=(*GRADER_SECTIONS, "split"),
        records_folder=records,
    )
    if state is RunState.COMPLETE:
        return TrainedMembers(out, done=len(members), waiting=0, is_new=False)
    for number, division in divisions.items():
        write_split_table(out / f"splits{number}.csv", division)
    calls = {
        member: partial(_train_one, records, out, member, _splits(divisions[member.split]), options)
        for member in mine
        if not of_run.is_done(out, member)
    }
    failed = _all_alone(calls) if options.workers == 1 else _at_once(calls, workers=options.workers, track=track)
    waiting = of_run.finish(out, members, region=region, experiment=experiment, inputs=[records, splits])
    if failed:
        name, reason = next(iter(failed.items()))
        raise ModelError(f"{out}: {len(failed)} of {len(members)} members failed, the first {name}: {reason}")
    return TrainedMembers(out, done=len(members) - waiting, waiting=waiting, is_new=True)


def _splits(division: "pd.DataFrame") -> Splits:
    """Return the split of every study of a division."""
    return dict(zip(division["study"], division["split"], strict=True))


def _train_one(records: Path, out: Path, member: "Member", splits: Splits, options: MembersOptions) -> None:
    """Train one member on its division."""
    from tfspine.records.folder import open_records
    from tfspine.training.member_run import train_member

    opened = open_records(records, plane=options.region.plane, experiment=options.experiment)
    train_member(
        opened,
        region=options.region,
        experiment=options.experiment,
        member=member,
        splits=splits,
        run_folder=out,
    )


def _quietly(call: "partial[None]") -> None:
    """Call without bars, because parallel ones would overwrite one another."""
    from tfspine.sent_bars import send_bars

    with send_bars(lambda states: None):
        call()


def _all_alone(calls: "Mapping[Member, partial[None]]") -> dict[str, str]:
    """Train one member after the other in this process; return the reasons of those that failed."""
    failed = {}
    for member, call in calls.items():
        try:
            call()
        except TfspineError as error:
            failed[member.name] = str(error)
    return failed


def _at_once(calls: "Mapping[Member, partial[None]]", *, workers: int, track: Track) -> dict[str, str]:
    """Train each member in a separate process, several in parallel; return the reasons of those that failed."""
    from tfspine.workflows.own_process import THREADS_VARIABLE, process_threads, run_in_own_process

    free = _devices(workers)

    def train(call: "partial[None]", threads: int) -> str:
        device = free.get()
        environment = {THREADS_VARIABLE: os.environ.get(THREADS_VARIABLE, str(threads)), DEVICES_VARIABLE: device}
        try:
            run_in_own_process(partial(_quietly, call), environment=environment)
        except TfspineError as error:
            return str(error)
        finally:
            free.put(device)
        return ""

    reasons: dict[str, str] = {}
    # After an interruption no further member begins; unfinished trainings are continued by the next call.
    with process_threads(workers) as pool:
        threads = _threads(len(calls), workers=workers, cores=len(os.sched_getaffinity(0)))
        running = {
            pool.submit(train, call, share): member
            for (member, call), share in zip(calls.items(), threads, strict=True)
        }
        for future in track(as_completed(running), "training members", total=len(calls)):
            reasons[running[future].name] = future.result()
    return {name: reason for name, reason in reasons.items() if reason}


def _devices(workers: int) -> "queue.SimpleQueue[str]":
    """Return the GPU of each worker, assigned in turn if there are fewer GPUs than workers; without any, cpu."""
    from tfspine.models.devices import CPU, chosen_numbers

    numbers = chosen_numbers() or [CPU]
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for worker in range(workers):
        free.put(numbers[worker % len(numbers)])
    return free


def _threads(members: int, *, workers: int, cores: int) -> list[int]:
    """Return how many cores each member may use: members run in rounds, and a smaller last round has more for each."""
    sizes = [min(workers, members - first) for first in range(0, members, workers)]
    return [max(1, cores // size) for size in sizes for _ in range(size)]
