"""``tfspine demo``: the whole pipeline on simulated patients, by the workflows that the other commands call."""

import argparse
import time
from pathlib import Path

from tfspine.cli import options
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane
from tfspine.project_files import own_or_project_file, project_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine demo``."""
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for everything it makes (demo, or demo_quick with --quick)"
    )
    parser.add_argument("--experiment", type=own_or_project_file, metavar="TOML", help="default: experiments/demo.toml")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument(
        "--plane", choices=list(Plane), type=Plane, help="only this plane's detector and graders, up to their export"
    )
    extent.add_argument(
        "--quick",
        action="store_true",
        help="in two minutes: three patients and a network too small to be accurate, to see the outputs",
    )
    options.add_jobs(parser, default=2)
    options.add_devices(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the table of results and what to open.

    With `--plane` it ends with that plane's SavedModel, and prints its folder. With `--quick` the results mean
    nothing, and are not printed.
    """
    from tfspine.workflows import demo
    from tfspine.workflows.memory import MemoryWatch
    from tfspine.workflows.steps import run_steps

    started = time.monotonic()
    name = "demo_quick" if args.quick else "demo"
    path = args.experiment or project_file(f"experiments/{name}.toml")
    out = args.out or Path(name)
    experiment = load_experiment(path, args.settings)
    if args.quick:
        steps = demo.quick_plan(out, experiment)
    elif args.plane is not None:
        steps = demo.training_plan(out, experiment, [args.plane])
    else:
        steps = demo.plan(out, experiment)
    demo.begin(out, command="demo", experiment=experiment, inputs=[path])
    with MemoryWatch() as memory:
        run_steps(steps, out, jobs=args.jobs)
    if args.plane is None and not args.quick:
        print((out / "evaluation" / "summary.txt").read_text())
    print(f"{time.monotonic() - started:.0f} s{memory.in_words}")
    print(demo.quick_notice(experiment) if args.quick else demo.NOTICE)
    print(f"{steps[-1].name}: {steps[-1].outputs[0]}" + ("" if args.plane else "  <- open it in a browser"))
