"""``tfspine train``: one grader, several members of it, or one detector."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli import options
from tfspine.cli.finished import complete_already
from tfspine.config import Precision, Strategy
from tfspine.errors import ConfigError
from tfspine.labels import Plane, Region

if TYPE_CHECKING:
    from tfspine.config import Experiment
    from tfspine.training.runs import RunState

ONE_SHARD = "1/1"


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
    """Train, go on with an interrupted run, or say that the run is complete."""
    for name in ("precision", "strategy"):
        if getattr(args, name, None):
            args.settings.append(f'training.{name}="{getattr(args, name)}"')
    experiment = options.experiment_from(args)

    if args.kind == "detector":
        _train_detector(args, experiment)
    else:
        _check_words(args)
        _train_graders(args, experiment)


def _check_words(args: argparse.Namespace) -> None:
    options.require_count(args, "workers")
    if args.members is not None and args.splits is None:
        raise ConfigError("--members needs --splits CSV: patients, and not slices, are divided anew")
    alone = {"--splits": args.splits, "--workers": args.workers > 1, "--shard": args.shard != ONE_SHARD}
    given = [name for name, value in alone.items() if value]
    if given and args.members is None:
        raise ConfigError(f"{given[0]} belongs to --members, for example --members 3x3")


def _train_graders(args: argparse.Namespace, experiment: "Experiment") -> None:
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.runs import GRADER_SECTIONS, RunState, hold_run

    records = open_records(args.records, plane=args.region.plane, experiment=experiment)
    if args.members is not None:
        from tfspine.cli.train_members import train_members

        train_members(args, records, experiment)
        return
    with hold_run(
        args.out,
        trains={"kind": RunKind.GRADER, "region": args.region},
        experiment=experiment,
        sections=GRADER_SECTIONS,
        records_folder=args.records,
    ) as state:
        if state is not RunState.COMPLETE:
            from tfspine.training.grader import train_grader

            train_grader(records, region=args.region, experiment=experiment, run_folder=args.out)
    _tell(args, state, experiment)


def _train_detector(args: argparse.Namespace, experiment: "Experiment") -> None:
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.cluster import require_cluster
    from tfspine.training.runs import DETECTOR_SECTIONS, RunState, hold_run, open_run

    # The workers of one cluster train in one folder.
    is_shared = experiment.training.strategy is Strategy.MULTIWORKER
    if is_shared:
        require_cluster()
    records = open_records(args.records, plane=args.plane, experiment=experiment)
    claim = {
        "trains": {"kind": RunKind.DETECTOR, "plane": args.plane},
        "experiment": experiment,
        "sections": DETECTOR_SECTIONS,
        "records_folder": args.records,
    }
    with nullcontext(open_run(args.out, **claim)) if is_shared else hold_run(args.out, **claim) as state:
        if state is not RunState.COMPLETE:
            from tfspine.training.detector import train_detector

            train_detector(records, plane=args.plane, experiment=experiment, run_folder=args.out)
    _tell(args, state, experiment)


def _tell(args: argparse.Namespace, state: "RunState", experiment: "Experiment") -> None:
    from tfspine.training.runs import RunState

    is_old = state is RunState.COMPLETE
    print(complete_already(args.out, section=args.kind, experiment=experiment) if is_old else f"{args.out}: trained")
