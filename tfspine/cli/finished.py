"""What a command says of a run that is complete already: how long it trained, and how to train longer."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfspine.config import Experiment

LENGTHS = {"grader": "epochs", "detector": "steps"}
"""The setting of each section that says how long it trains."""


def complete_already(run_folder: Path, *, section: str, experiment: "Experiment") -> str:
    """Return one line about a run that trained all that the experiment asks for."""
    name = LENGTHS[section]
    length = getattr(getattr(experiment, section), name)
    return (
        f"{run_folder}: complete already, with this configuration, {length} {name}; to train longer, name another "
        f"--out with more: --set {section}.{name}={2 * length}"
    )
