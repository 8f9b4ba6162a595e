"""``tfspine paper-study``: the paper study on simulated patients, with two cohorts and nine members per grader."""

import argparse
import time
from pathlib import Path

from tfspine.cli import options
from tfspine.experiment_file import load_experiment
from tfspine.project_files import own_or_project_file, project_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--out", type=Path, default=Path("paper_study"), metavar="DIR", help="folder for everything it makes"
    )
    parser.add_argument(
        "--experiment", type=own_or_project_file, metavar="TOML", help="default: experiments/paper_study.toml"
    )
    options.add_devices(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the paper's tables and the ceiling of a reference."""
    from tfspine.workflows.demo import NOTICE, begin
    from tfspine.workflows.memory import MemoryWatch
    from tfspine.workflows.paper_study import plan
    from tfspine.workflows.steps import run_steps

    started = time.monotonic()
    path = args.experiment or project_file("experiments/paper_study.toml")
    experiment = load_experiment(path, args.settings)
    steps = plan(args.out, experiment)
    begin(args.out, command="paper-study", experiment=experiment, inputs=[path])
    with MemoryWatch() as memory:
        run_steps(steps, args.out)
    print((args.out / "evaluation" / "summary.txt").read_text())
    print(
        "A human reference agrees with itself only so far in a second reading, which is the ceiling: where people "
        "gave the "
        "labels, as in the paper, agreement above it means nothing more. See the last table above, and "
        f"{args.out / 'evaluation' / 'repeat.md'}. Labels here are the simulated truth, without reader noise: a "
        "model may exceed the ceiling."
    )
    print(f"{time.monotonic() - started:.0f} s in this run{memory.in_words}")
    print(NOTICE)
