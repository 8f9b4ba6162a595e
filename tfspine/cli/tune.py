"""``tfspine tune``: a sweep of one grader's settings with Keras Tuner."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.labels import Region
from tfspine.project_files import own_or_project_file
from tfspine.workflows.tune import TuneOptions, tune


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine tune``."""
    parser.add_argument(
        "sweep", type=own_or_project_file, metavar="SWEEP.toml", help="search space, as experiments/sweep_grader.toml"
    )
    parser.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
    parser.add_argument("--region", type=Region, choices=list(Region), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sweep; run the same again to continue")
    options.add_devices(parser)
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Search, and print the best settings."""
    wanted = TuneOptions(args.region, options.experiment_from(args))
    best = tune(args.sweep, args.records, args.out, wanted)
    if best is None:
        from tfspine.training.sweep import BEST_FILE

        print(f"{args.out}: this worker is done; the chief writes {BEST_FILE}")
        return
    for name, value in best.settings.items():
        print(f"grader.{name} = {value}")
    print(f"validation AC1 {best.validation_ac1:.4f}: {best.file}")
    print(
        f"To train it fully, for grader.epochs = {best.epochs} or as many as --set gives: "
        f"tfspine train grader --region {args.region} --experiment {best.file} --records {args.records} --out RUN"
    )
