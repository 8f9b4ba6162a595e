"""``tfspine train``: one grader, several members of it, or one detector."""

import argparse
import logging
from pathlib import Path

from tfspine.cli import options
from tfspine.config import Experiment, Precision, Strategy
from tfspine.errors import ConfigError
from tfspine.labels import Plane, Region
from tfspine.progress import track
from tfspine.workflows.train import (
    DetectorOptions,
    DetectorPlan,
    GraderOptions,
    plan_detector,
    train_detector,
    train_grader,
)
from tfspine.workflows.train_members import ONE_SHARD, MembersOptions, train_members

logger = logging.getLogger(__name__)

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
    detector.add_argument("--dry-run", action="store_true", help="check everything, and print what would be trained")
    for kind in (grader, detector):
        kind.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
        kind.add_argument("--out", type=Path, required=True, help="run folder")
        kind.add_argument(
            "--fresh", action="store_true", help="begin again: rename a former run in --out to OUT.former-1, -2, ..."
        )
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
    if args.fresh:
        _set_aside(args.out, experiment)
    if args.kind == "detector":
        wanted = DetectorOptions(args.plane, experiment)
        if args.dry_run:
            print("\n".join(planned(args.out, wanted, plan_detector(args.records, args.out, wanted))))
            return
        trained = train_detector(args.records, args.out, wanted)
    else:
        _check_words(args)
        if args.members is not None:
            _train_members(args, experiment)
            return
        trained = train_grader(args.records, args.out, GraderOptions(args.region, experiment))
    print(f"{args.out}: trained" if trained.is_new else complete_already(args.out, args.kind, experiment))


def _set_aside(out: Path, experiment: Experiment) -> None:
    from tfspine.training.runs import set_aside

    if experiment.training.strategy is Strategy.MULTIWORKER:
        raise ConfigError(f"--fresh: several workers train in {out}; rename it yourself, or name another --out")
    former = set_aside(out)
    if former is not None:
        logger.info("%s: the former run is now %s", out, former)


def _train_members(args: argparse.Namespace, experiment: Experiment) -> None:
    wanted = MembersOptions(args.region, args.members, args.workers, args.shard, experiment)
    trained = train_members(args.records, args.splits, args.out, wanted, track=track)
    if not trained.is_new:
        print(complete_already(args.out, args.kind, experiment))
        return
    others = f", {trained.waiting} left to others" if trained.waiting else ""
    print(f"{args.out}: {trained.done} of {trained.done + trained.waiting} members trained{others}")


def planned(out: Path, options: DetectorOptions, plan: DetectorPlan) -> list[str]:
    """Return lines that say what a training of a detector would do."""
    detector, training = options.experiment.detector, options.experiment.training
    begins = f"continues from {plan.checkpoint}" if plan.checkpoint else "begins"
    lines = [f"{options.plane} detector: {begins} in {out}, to step {detector.steps}"]
    images = f"{detector.batch_size} images a step"
    if not plan.workers:
        return [*lines, f"{images}; strategy {training.strategy}, precision {training.precision}"]
    count = len(plan.workers)
    lines.append(
        f"worker {plan.rank} of {count}, at {plan.workers[plan.rank]}; the chief is worker 0, {plan.workers[0]}"
    )
    shared = f"{detector.batch_size // count} on each worker, divided among its devices"
    return [*lines, f"{images}, {shared}; batch normalisation {detector.batch_norm}, precision {training.precision}"]


def complete_already(run_folder: Path, section: str, experiment: Experiment) -> str:
    """Return one line about a run that is complete for this experiment."""
    name = LENGTHS[section]
    length = getattr(getattr(experiment, section), name)
    return (
        f"{run_folder}: already complete with this configuration ({length} {name}); to train longer, name another "
        f"--out, or --fresh, and set more: --set {section}.{name}={2 * length}"
    )


def _check_words(args: argparse.Namespace) -> None:
    options.require_count(args, "workers")
    if args.members is not None and args.splits is None:
        raise ConfigError("--members needs --splits CSV: patients, and not slices, are divided again")
    alone = {"--splits": args.splits, "--workers": args.workers > 1, "--shard": args.shard != ONE_SHARD}
    given = [name for name, value in alone.items() if value]
    if given and args.members is None:
        raise ConfigError(f"{given[0]} belongs to --members, for example --members 3x3")
