"""``tfspine run``: your own data in one file, from DICOM or a PACS to a report, with training if there are labels."""

import argparse
import time
from pathlib import Path

from tfspine.cli import options
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.extras import EVERYTHING, NEEDS, require
from tfspine.project_files import project_file

TEMPLATE = "experiments/project.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine run``."""
    parser.add_argument(
        "project", type=Path, nargs="?", metavar="TOML", help="project file: your data, and what to do with them"
    )
    parser.add_argument("--template", action="store_true", help="print a project file to fill in, and exit")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for all outputs (default: the file's name without .toml)",
    )
    options.add_jobs(parser, default=1)
    options.add_devices(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print what to open."""
    if args.template:
        print(project_file(TEMPLATE).read_text(), end="")
        return
    if args.project is None:
        raise ConfigError("no project file; make one with tfspine run --template > project.toml, and fill it in")
    from tfspine.config import as_dict
    from tfspine.manifest import claim_folder
    from tfspine.workflows.memory import MemoryWatch
    from tfspine.workflows.project import plan
    from tfspine.workflows.steps import run_steps

    started = time.monotonic()
    out = args.out or Path(args.project.stem)
    experiment = load_experiment(args.project, args.settings)
    require(EVERYTHING if experiment.data.labels or experiment.serving.model else NEEDS["report"])
    steps = plan(args.project, out, experiment)
    claim_folder(out, command="run", config=as_dict(experiment), inputs=[args.project])
    with MemoryWatch() as memory:
        run_steps(steps, out, jobs=args.jobs)
    summary = out / "evaluation" / "summary.txt"
    if experiment.data.labels:
        print(summary.read_text())
    print(f"{time.monotonic() - started:.0f} s{memory.in_words}")
    print(f"{steps[-1].name}: {steps[-1].outputs[0]}  <- open it in a browser")
