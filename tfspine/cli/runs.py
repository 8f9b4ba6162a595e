"""``tfspine runs``: lists and compares runs of detectors and graders, and draws their losses."""

import argparse
from pathlib import Path

from tfspine.workflows.runs import draw_losses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine runs``."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="run folders, or folders of some")
    parser.add_argument("--settings", action="store_true", help="print the settings in which the runs differ")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the losses of all runs; needs tfspine[report]")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, with settings and histories")


def run(args: argparse.Namespace) -> None:
    """Print one row for each run."""
    import pandas as pd
    from rich.console import Console

    from tfspine.table_text import COLUMNS, print_table
    from tfspine.training.run_list import RunRow, as_json, differing_settings, find_runs

    runs = find_runs(args.folders)
    if args.plot:
        draw_losses(runs, args.plot)
    if args.json:
        print(as_json(runs))
        return

    def row(run: RunRow) -> dict[str, str]:
        return {
            "run": str(run.folder),
            "of": run.subject,
            "state": run.state,
            "done": f"{run.done} of {run.length}",
            "loss": "–" if run.loss is None else f"{run.loss:.4f}",
            "AC1": "–" if run.val_ac1 is None else f"{run.val_ac1:.4f}",
        }

    console = Console(width=COLUMNS)
    title = "Runs (loss: newest of a detector, best on validation of a grader)"
    print_table(console, pd.DataFrame([row(run) for run in runs]), title=title, left=("run", "of", "state"))
    if args.settings:
        differing = differing_settings(runs)
        table = pd.DataFrame(differing, index=[str(run.folder) for run in runs]).T.reset_index(names="setting")
        print_table(console, table, title="Settings that differ", left=("setting",))
