"""``tfspine explain``: Integrated Gradients heatmaps of graded boxes, of the same function that graded them."""

import argparse
from pathlib import Path

from tfspine.cli import options
from tfspine.config import Take
from tfspine.progress import track
from tfspine.workflows.explain import ExplainOptions, explain
from tfspine.workflows.explained_graders import GradersToExplain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    graders = parser.add_mutually_exclusive_group(required=True)
    graders.add_argument(
        "--model", type=Path, metavar="DIR", help="what tfspine export wrote: its graders are explained"
    )
    graders.add_argument(
        "--grader", dest="graders", type=Path, action="append", default=[], metavar="RUN",
        help="runs to explain instead, one per region, with members or without; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--take",
        type=Take,
        choices=list(Take),
        default=Take.ALL,
        help="for runs with members: all of them, or the best of each division in validation (%(default)s)",
    )
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder of tfspine ingest")
    parser.add_argument(
        "--boxes", type=Path, required=True, metavar="CSV", help="boxes to choose from: predictions.csv"
    )
    parser.add_argument("--out", type=Path, default=Path("explained"), metavar="DIR", help="folder to write")
    options.add_experiment(parser)
    options.add_devices(parser)


def run(args: argparse.Namespace) -> None:
    """Explain, and print how complete the heatmaps are."""
    experiment = options.experiment_from(args)
    graders = GradersToExplain(args.model, tuple(args.graders), args.take)
    explained = explain(graders, args.slices, args.boxes, args.out, ExplainOptions(experiment), track=track)
    if experiment.explain.regions == 0:
        print("explain.regions = 0: nothing to explain; raise it to the number of boxes to explain per region")
    largest = f"; largest completeness gap {max(explained.gaps):.2%}" if explained.gaps else ""
    remedy = "; raise explain.steps" if explained.flagged else ""
    flagged = f"{explained.flagged} flagged (gap above {explained.largest_gap:.0%}){remedy}"
    print(f"{len(explained.gaps)} heatmaps{largest}; {flagged}")
    print(args.out / "heatmaps.csv")
