"""``tfspine tune``: a sweep of one grader's settings with Keras Tuner."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.labels import Region
from tfspine.project_files import own_or_project_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine tune``."""
    parser.add_argument(
        "sweep", type=own_or_project_file, metavar="SWEEP.toml", help="search space, as experiments/sweep_grader.toml"
    )
    parser.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
    parser.add_argument("--region", type=Region, choices=list(Region), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sweep; the same again goes on")
    options.add_devices(parser)
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Search, and print the best settings."""
    experiment = options.experiment_from(args)

    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.runs import open_run
    from tfspine.training.search import load_sweep
    from tfspine.training.sweep import BEST_FILE, sweep_grader

    sweep = load_sweep(args.sweep, experiment)
    records = open_records(args.records, plane=args.region.plane, experiment=experiment)
    open_run(
        args.out,
        trains={"kind": RunKind.SWEEP, "region": args.region, "space": repr(sweep.space), "tuner": repr(sweep.tuner)},
        experiment=experiment,
        sections=("grader", "training"),
        records_folder=args.records,
    )
    found = sweep_grader(records, region=args.region, experiment=experiment, sweep=sweep, out=args.out)
    if found is None:
        print(f"{args.out}: this worker is done; the chief writes {BEST_FILE}")
        return
    best, ac1 = found
    for name in sweep.space:
        print(f"grader.{name} = {getattr(best.grader, name)}")
    best_file = args.out / BEST_FILE
    print(f"validation AC1 {ac1:.4f}: {best_file}")
    print(
        f"To train it to the end, for grader.epochs = {best.grader.epochs} or as many as --set says: "
        f"tfspine train grader --region {args.region} --experiment {best_file} --records {args.records} --out RUN"
    )
