"""``tfspine train``: one grader, several members of it, or one detector."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.config import Experiment, Precision, Strategy
from tfspine.errors import ConfigError
from tfspine.labels import Plane, Region
from tfspine.progress import track
from tfspine.workflows.train import DetectorOptions, GraderOptions, train_detector, train_grader
from tfspine.workflows.train_members import ONE_SHARD, MembersOptions, train_members

LENGTHS = {"grader": "epochs", "detector": "steps"}
"""The setting of each section that determines how long it trains."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine train``."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    grader = kinds.add_parser("grader", help="train the grader of one region")
    grader.add_argument("--region", type=Region, choices=list(Region), required=True)
    grader.add_argument(
        "--members", metavar="SxR", help="divide train and validation S times, train R times each: 3x3; needs --splits"
    )
    grader.add_argument("--splits", type=Path, metavar="CSV", help="splits.csv that the records were made with")
    grader.add_argument("--workers", type=int, default=1, metavar="N", help="members at once on this machine (1)")
    grader.add_argument(
        "--shard", default=ONE_SHARD, metavar="K/N", help="this machine trains the K-th of N shares of the members"
    )
    detector = kinds.add_parser("detector", help="train the detector of one plane")
    detector.add_argument("--plane", type=Plane, choices=list(Plane), required=True)
    detector.add_argument(
        "--strategy",
        choices=[item.value for item in Strategy],
        help="short for --set training.strategy=...; auto (default): one device, or mirrored over all GPUs",
    )
    for kind in (grader, detector):
        kind.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
        kind.add_argument("--out", type=Path, required=True, help="run folder")
        kind.add_argument(
            "--precision", choices=[item.value for item in Precision], help="short for --set training.precision=..."
        )
        options.add_devices(kind)
        options.add_experiment(kind)


def run(args: argparse.Namespace) -> None:
    """Train, continue an interrupted run, or report that the run is complete."""
    for name in ("precision", "strategy"):
        if getattr(args, name, None):
            args.settings.append(f'training.{name}="{getattr(args, name)}"')
    experiment = options.experiment_from(args)
    if args.kind == "detector":
        trained = train_detector(args.records, args.out, DetectorOptions(args.plane, experiment))
    else:
        _check_words(args)
        if args.members is not None:
            _train_members(args, experiment)
            return
        trained = train_grader(args.records, args.out, GraderOptions(args.region, experiment))
    print(f"{args.out}: trained" if trained.is_new else complete_already(args.out, args.kind, experiment))


def _train_members(args: argparse.Namespace, experiment: Experiment) -> None:
    wanted = MembersOptions(args.region, args.members, args.workers, args.shard, experiment)
    trained = train_members(args.records, args.splits, args.out, wanted, track=track)
    if not trained.is_new:
        print(complete_already(args.out, args.kind, experiment))
        return
    others = f", {trained.waiting} left to others" if trained.waiting else ""
    print(f"{args.out}: {trained.done} of {trained.done + trained.waiting} members trained{others}")


def complete_already(run_folder: Path, section: str, experiment: Experiment) -> str:
    """Return one line about a run that is complete for this experiment."""
    name = LENGTHS[section]
    length = getattr(getattr(experiment, section), name)
    return (
        f"{run_folder}: already complete with this configuration ({length} {name}); to train longer, name another "
        f"--out and set more: --set {section}.{name}={2 * length}"
    )


def _check_words(args: argparse.Namespace) -> None:
    options.require_count(args, "workers")
    if args.members is not None and args.splits is None:
        raise ConfigError("--members needs --splits CSV: patients, and not slices, are divided again")
    alone = {"--splits": args.splits, "--workers": args.workers > 1, "--shard": args.shard != ONE_SHARD}
    given = [name for name, value in alone.items() if value]
    if given and args.members is None:
        raise ConfigError(f"{given[0]} belongs to --members, for example --members 3x3")
