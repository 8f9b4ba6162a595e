"""The bar that every training shows: steps done, time gone, time left, on standard error."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def step_bar(*, is_shown: bool = True) -> Progress:
    """Return a bar that counts steps, to be used in a `with` block; only one of several workers shows it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=not is_shown)
