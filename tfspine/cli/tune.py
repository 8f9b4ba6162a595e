"""``tfspine tune``: a sweep of one grader's settings with Keras Tuner."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.config.toml_text import toml_text
from tfspine.labels import Region
from tfspine.project_files import own_or_project_file
from tfspine.workflows.tune import PlannedSweep, TuneOptions, plan_sweep, tune


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine tune``."""
    parser.add_argument(
        "sweep", type=own_or_project_file, metavar="SWEEP.toml", help="search space, as experiments/sweep_grader.toml"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the space and the first trials, train nothing")
    parser.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
    parser.add_argument("--region", type=Region, choices=list(Region), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sweep; run the same again to continue")
    options.add_devices(parser)
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Search, and print the best settings."""
    if args.dry_run:
        _print_plan(plan_sweep(args.sweep, options.experiment_from(args)))
        return
    wanted = TuneOptions(args.region, options.experiment_from(args))
    best = tune(args.sweep, args.records, args.out, wanted)
    if best is None:
        from tfspine.training.sweep_results import BEST_FILE

        print(f"{args.out}: this worker is done; the chief writes {BEST_FILE}")
        return
    for name, value in best.settings.items():
        print(f"grader.{name} = {toml_text(value)}")
    for name, share in best.importance.items():
        if share is not None:
            print(f"importance of {name}: {share:.0%} of the variance of the results")
    print(f"{best.objective} {best.score:.4f}: {best.file}")
    print(
        f"To train it fully, for grader.epochs = {best.epochs} or as many as --set gives: "
        f"tfspine train grader --region {args.region} --experiment {best.file} --records {args.records} --out RUN"
    )


def _print_plan(plan: PlannedSweep) -> None:
    for name, value in plan.tuner.items():
        print(f"tuner.{name} = {toml_text(value)}")
    for name, dimension in plan.space.items():
        print(f"space.{name} = {toml_text(dimension)}")
    for number, settings in enumerate(plan.first):
        print(
            f"trial {number}: " + ", ".join(f"grader.{name} = {toml_text(value)}" for name, value in settings.items())
        )
