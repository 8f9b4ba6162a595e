"""The numbers of a training as it goes on: into `progress.jsonl`, and to the trackers that the environment asks for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, as_dict
from tfspine.formats.history_csv import EPOCH, STEP
from tfspine.formats.progress_jsonl import append_progress
from tfspine.training.runs import flat_claim
from tfspine.training.trackers import Log, open_trackers


@dataclass(frozen=True)
class RunLog:
    """Where the numbers of a run go."""

    run_folder: Path
    track: Log

    def write(self, values: Mapping[str, Any]) -> None:
        """Write one interval; `values` has its `step` or `epoch`, and numbers or mappings of numbers."""
        append_progress(self.run_folder, values)
        numbers: dict[str, float] = {}
        for name, value in values.items():
            if isinstance(value, Mapping):
                numbers |= {f"{name}/{part}": number for part, number in value.items()}
            elif name not in (STEP, EPOCH):
                numbers[name] = value
        self.track(numbers, int(values[STEP] if STEP in values else values[EPOCH]))


@contextmanager
def open_run_log(run_folder: Path, experiment: Experiment) -> Iterator[RunLog]:
    """Open the log of a run for the time of its training."""
    with open_trackers(run_folder, flat_claim(as_dict(experiment))) as track:
        yield RunLog(run_folder, track)
