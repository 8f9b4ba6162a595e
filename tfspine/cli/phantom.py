"""``tfspine phantom``: simulated studies with known truth, and the labels of simulated readers."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.progress import track
from tfspine.workflows.phantom import simulate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine phantom``."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for dicom/, labels/, readers/, grades.csv"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="short for --set phantom.workers=N")
    parser.add_argument("--randomize", action="store_true", help="short for --set phantom.randomize=true")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Simulate the cohort and print how many studies it has."""
    if args.workers is not None:
        args.settings.append(f"phantom.workers={args.workers}")
    if args.randomize:
        args.settings.append("phantom.randomize=true")
    read = options.given(args.experiment)
    simulated = simulate(args.out, options.experiment_from(args), read=read, track=track)
    print(f"{args.out}: {simulated.studies} simulated studies")
