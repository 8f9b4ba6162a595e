"""``tfspine train grader --members``: which members are whose, one after the other or several at once."""

import argparse
import os
import queue
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from tfspine.cli import options
from tfspine.cli.finished import complete_already
from tfspine.config import DEVICES_VARIABLE
from tfspine.errors import ModelError, TfspineError
from tfspine.workflows.processes import command_line, end, how_it_ended

if TYPE_CHECKING:
    from tfspine.config import Experiment
    from tfspine.records.folder import RecordFolder
    from tfspine.training.members import Member

THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"
"""How many cores an operation of TensorFlow may use; without it every worker would ask for all of them."""

WRONG_INPUT = 2
"""Exit code of a command that tells its error in one line (`cli/main.py`)."""


def train_members(args: argparse.Namespace, records: "RecordFolder", experiment: "Experiment") -> None:
    """Train this machine's share of the members, and write `members.csv` once all are there.

    A member that fails does not keep the others waiting: it is told at the end, and tried again by the next call.

    Raises:
        ModelError: a member failed, with its reason; the run folder belongs to another training.
    """
    from tfspine.annotations.splits import read_split_table, redivide, split_hash, write_split_table
    from tfspine.manifest import RunKind
    from tfspine.training import members as of_run
    from tfspine.training.runs import GRADER_SECTIONS, RunState, open_run

    members = of_run.parse_members(args.members)
    mine = of_run.take_shard(members, args.shard)
    table = read_split_table(args.splits)
    records.require_split(split_hash(dict(zip(table["study"], table["split"], strict=True))), args.splits)
    divisions = {
        number: redivide(table, number=number, config=experiment.split, seed=experiment.seed)
        for number in sorted({member.split for member in members})
    }
    state = open_run(
        args.out,
        trains={
            "kind": RunKind.GRADER_MEMBERS,
            "region": args.region,
            "members": args.members,
        },
        experiment=experiment,
        sections=(*GRADER_SECTIONS, "split"),
        records_folder=args.records,
    )
    if state is RunState.COMPLETE:
        print(complete_already(args.out, section="grader", experiment=experiment))
        return
    for number, division in divisions.items():
        write_split_table(args.out / f"splits{number}.csv", division)

    def train(member: "Member") -> None:
        from tfspine.training.member_run import train_member

        division = divisions[member.split]
        train_member(
            records,
            region=args.region,
            experiment=experiment,
            member=member,
            splits=dict(zip(division["study"], division["split"], strict=True)),
            run_folder=args.out,
        )

    missing = [member for member in mine if not of_run.is_done(args.out, member)]
    failed = _all_alone(missing, train) if args.workers == 1 else _at_once(missing, members, args)
    inputs = [args.records, args.splits]
    waiting = of_run.finish(args.out, members, region=args.region, experiment=experiment, inputs=inputs)
    if failed:
        name, reason = next(iter(failed.items()))
        raise ModelError(f"{args.out}: {len(failed)} of {len(members)} members failed, the first {name}: {reason}")
    done = len(members) - waiting
    print(f"{args.out}: {done} of {len(members)} members trained" + (f", {waiting} by others" if waiting else ""))


def _all_alone(members: "Sequence[Member]", train: "Callable[[Member], None]") -> dict[str, str]:
    """Train one member after the other in this process; return the reasons of those that failed."""
    failed = {}
    for member in members:
        try:
            train(member)
        except TfspineError as error:
            failed[member.name] = str(error)
    return failed


def _at_once(missing: "Sequence[Member]", members: "Sequence[Member]", args: argparse.Namespace) -> dict[str, str]:
    """Train each member by this very command in a process of its own, so many at a time."""
    started: list[subprocess.Popen[str]] = []
    devices = _devices(args.workers)

    def call(member: "Member", threads: int) -> str:
        device = devices.get()
        try:
            return train(member, threads, device)
        finally:
            devices.put(device)

    def train(member: "Member", threads: int, device: str) -> str:
        words = _words(args, shard=f"{members.index(member) + 1}/{len(members)}")
        process = subprocess.Popen(
            command_line(words),
            env={THREADS_VARIABLE: str(threads)} | os.environ | {DEVICES_VARIABLE: device},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        _, told = process.communicate()
        return _reason(process.returncode, told)

    reasons: dict[str, str] = {}
    pool = ThreadPoolExecutor(args.workers)
    try:
        threads = _threads(len(missing), workers=args.workers, cores=_cores())
        running = {pool.submit(call, *pair): pair[0] for pair in zip(missing, threads, strict=True)}
        for future in options.track(as_completed(running), "training members", total=len(missing)):
            reasons[running[future].name] = future.result()
    except BaseException:
        # Interrupted, no further member may begin, and those that are trained go on another time.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            end(process)
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


def _reason(returncode: int, told: str) -> str:
    """Return why a process failed, or nothing: its last line is the error, before it stand the bars."""
    last = "".join(told.strip().splitlines()[-1:])
    if returncode == WRONG_INPUT:
        return last.removeprefix("tfspine train: ")
    if returncode > 0:
        return f"{how_it_ended(returncode)}: {last}"
    return how_it_ended(returncode) if returncode else ""


def _words(args: argparse.Namespace, *, shard: str) -> list[str]:
    """Return the command line that trains one share alone; `--precision` is among the settings by now."""
    experiment = ["--experiment", str(args.experiment)] if args.experiment else []
    return [
        *("train", "grader", "--region", str(args.region), "--members", args.members, "--shard", shard),
        *("--splits", str(args.splits), "--records", str(args.records), "--out", str(args.out)),
        *experiment,
        *(word for setting in args.settings for word in ("--set", setting)),
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0))
