"""Work that goes wrong in worker processes; a module of its own, so that each worker has little to import."""

import os
import re

from tfspine.dicom.many import StudyTask, ingest_task
from tfspine.errors import DicomError
from tfspine.structures import pseudonym

DEADLY = 3
DEADLY_STUDY = "1.2.2"


def risky(number: int) -> int:
    """Return the square, except for three numbers."""
    if number == DEADLY:
        os._exit(9)  # as a decoder in C that writes past its memory
    if number == 5:
        raise DicomError("five is no study")
    if number == 6:
        raise KeyError("Quagga^Zebulon")
    return number**2


def hanging(number: int) -> int:
    """Return the square, but loop for ever over one number where Python does not get to act, as in a decoder in C."""
    if number == DEADLY:
        re.match(r"(a+)+$", "a" * 99 + "b")
    return number**2


def full_disk(number: int) -> int:
    """Fail as a write to a full disk does."""
    raise OSError(28, "No space left on device")


def deadly_task(task: StudyTask) -> object:
    """Ingest a study, but die over one."""
    if task.study == pseudonym(DEADLY_STUDY):
        os._exit(9)
    return ingest_task(task)
