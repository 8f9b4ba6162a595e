"""Training the members of a grader: which are this machine's, one after the other or several at once."""

import os
import queue
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    from tfspine.workflows.own_process import OwnProcess

THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"
"""How many cores an operation of TensorFlow may use; without it every worker would ask for all of them."""

ONE_SHARD = "1/1"

Splits = Mapping[str, str]
"""The split of every study."""


@dataclass(frozen=True)
class MembersOptions:
    """Which members of one region's grader are trained, and how.

    Attributes:
        region: which grader.
        members: ``DIVISIONSxREPEATS``: development patients are divided so many times, each division trained so often.
        workers: members at once on this machine.
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
    """A run folder of members: how many are trained, and how many others still have to; new or complete before."""

    folder: Path
    done: int
    waiting: int
    is_new: bool


def train_members(
    records: Path, splits: Path, out: Path, options: MembersOptions, *, track: Track = silent
) -> TrainedMembers:
    """Train this machine's share of the members, and write `members.csv` once all are there.

    A member that fails does not keep the others waiting: it is told at the end, and tried again by the next call.

    Args:
        records: folder that `records` wrote.
        splits: `splits.csv` that the records were made with; its development patients are divided anew.
        out: run folder of all members; processes and machines may share it.
        options: which members, and their experiment.
        track: counts the members where several are trained at once.

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
    """Call without bars: several at once would draw over one another."""
    from tfspine.overall_progress import send_bars

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
    """Train each member in a process of its own, so many at a time; return the reasons of those that failed."""
    from tfspine.workflows.own_process import own_process

    started: list[OwnProcess[None]] = []
    free = _devices(workers)

    def train(call: "partial[None]", threads: int) -> str:
        device = free.get()
        environment = {THREADS_VARIABLE: os.environ.get(THREADS_VARIABLE, str(threads)), DEVICES_VARIABLE: device}
        try:
            with own_process(partial(_quietly, call), environment=environment) as process:
                started.append(process)
                process.result()
        except TfspineError as error:
            return str(error)
        finally:
            free.put(device)
        return ""

    reasons: dict[str, str] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        threads = _threads(len(calls), workers=workers, cores=len(os.sched_getaffinity(0)))
        running = {
            pool.submit(train, call, share): member
            for (member, call), share in zip(calls.items(), threads, strict=True)
        }
        for future in track(as_completed(running), "training members", total=len(calls)):
            reasons[running[future].name] = future.result()
    except BaseException:
        # Interrupted, no further member may begin, and those that are trained go on another time.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.end()
        raise
    finally:
        pool.shutdown()
    return {name: reason for name, reason in reasons.items() if reason}


def _devices(workers: int) -> "queue.SimpleQueue[str]":
    """Return for each of so many workers the GPU that is its own, in turn where there are fewer; without any, cpu."""
    from tfspine.models.devices import CPU, chosen_numbers

    numbers = chosen_numbers() or [CPU]
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for worker in range(workers):
        free.put(numbers[worker % len(numbers)])
    return free


def _threads(members: int, *, workers: int, cores: int) -> list[int]:
    """Return how many cores each member may use: they come in rounds, and those of a last, smaller one have more."""
    sizes = [min(workers, members - first) for first in range(0, members, workers)]
    return [max(1, cores // size) for size in sizes for _ in range(size)]
