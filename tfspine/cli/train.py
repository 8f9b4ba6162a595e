"""``tfspine train``: one grader or one detector."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.config import Precision, Strategy
from tfspine.labels import Plane, Region

GRADER_SECTIONS = ("grader", "training")
DETECTOR_SECTIONS = ("detector", "training", "overrides")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine train``."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    grader = kinds.add_parser("grader", help="train the grader of one region")
    grader.add_argument("--region", type=Region, choices=list(Region), required=True)
    detector = kinds.add_parser("detector", help="train the detector of one plane")
    detector.add_argument("--plane", type=Plane, choices=list(Plane), required=True)
    detector.add_argument(
        "--strategy", choices=[item.value for item in Strategy], help="short for --set training.strategy=..."
    )
    for kind in (grader, detector):
        kind.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
        kind.add_argument("--out", type=Path, required=True, help="run folder")
        kind.add_argument(
            "--precision", choices=[item.value for item in Precision], help="short for --set training.precision=..."
        )
        options.add_experiment(kind)


def run(args: argparse.Namespace) -> None:
    """Train, go on with an interrupted run, or say that the run is complete."""
    for name in ("precision", "strategy"):
        if getattr(args, name, None):
            args.settings.append(f'training.{name}="{getattr(args, name)}"')
    experiment = options.experiment_from(args)

    from tfspine.records.folder import open_records
    from tfspine.training.runs import RunState, open_run

    is_grader = args.kind == "grader"
    plane = args.region.plane if is_grader else args.plane
    records = open_records(args.records, plane=plane, experiment=experiment)
    state = open_run(
        args.out,
        trains={"kind": "grader", "region": args.region} if is_grader else {"kind": "detector", "plane": plane},
        experiment=experiment,
        sections=GRADER_SECTIONS if is_grader else DETECTOR_SECTIONS,
        records_folder=args.records,
    )
    if state is RunState.COMPLETE:
        print(f"{args.out}: complete already, with this configuration")
        return
    if is_grader:
        from tfspine.training.grader import train_grader

        train_grader(records, region=args.region, experiment=experiment, run_folder=args.out)
    else:
        from tfspine.training.detector import train_detector

        train_detector(records, plane=plane, experiment=experiment, run_folder=args.out)
    print(f"{args.out}: trained")
