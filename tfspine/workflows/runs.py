"""Draws the losses of runs, one panel for detectors and one for graders."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfspine.training.run_list import RunRow


def draw_losses(runs: "Sequence[RunRow]", out: Path) -> None:
    """Write a picture of the loss of every run over its steps or epochs.

    Args:
        runs: as `training.run_list.find_runs` returns them.
        out: a PNG file; it is replaced if this function wrote it, by its manifest.

    Raises:
        OutputError: `out` is a file that this command did not write.
    """
    import io

    from matplotlib.figure import Figure

    from tfspine.manifest import write_file
    from tfspine.ownership import require_file
    from tfspine.training.run_list import LOSSES

    require_file(out, command="runs")
    kinds = [kind for kind in LOSSES if any(run.kind is kind for run in runs)]
    figure = Figure(figsize=(6.0 * len(kinds), 4.0), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        for run in (run for run in runs if run.kind is kind):
            axes.plot(*_curve(run), label=str(run.folder))
        axes.set(xlabel="step" if kind == "detector" else "epoch", ylabel=LOSSES[kind], title=f"{kind}s")
        axes.legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    write_file(out, picture.getvalue(), command="runs")


def _curve(run: "RunRow") -> tuple[list[Any], list[float]]:
    from tfspine.training.run_list import LOSSES

    name = LOSSES[run.kind]
    rows = [row for row in run.history if name in row]
    first = next(iter(rows[0])) if rows else ""
    return [row[first] for row in rows], [row[name] for row in rows]
