"""``members.csv``: the members of an ensemble of graders, one row for each, with how its training ended.

Losses are compared within a division only, because different divisions validate on different patients.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tfspine.formats.csv_rows import read_csv_rows, write_csv

MEMBERS_FILE = "members.csv"

MEMBER_COLUMNS = (
    "member", "split", "repeat", "seed", "epochs", "best_epoch", "val_loss", "val_ac1", "temperature", "selected",
)  # fmt: skip

_YES_NO = {True: "yes", False: "no"}


@dataclass(frozen=True)
class MemberRow:
    """One member; `split` and `repeat` count from 1.

    `selected` is true for the member with the smallest validation loss in its division.
    """

    member: str
    split: int
    repeat: int
    seed: int
    epochs: int
    best_epoch: int
    val_loss: float
    val_ac1: float
    temperature: float
    selected: bool


def write_members(run_folder: Path, rows: Iterable[MemberRow]) -> None:
    """Write the table of a run.

    Raises:
        OutputError: the file cannot be written.
    """
    words = (asdict(row) | {"selected": _YES_NO[row.selected]} for row in rows)
    write_csv(run_folder / MEMBERS_FILE, MEMBER_COLUMNS, words)


def read_members(run_folder: Path) -> list[MemberRow]:
    """Read the table of a run.

    Raises:
        FormatError: it does not exist, or has an invalid value; the message gives the line.
    """
    return read_csv_rows(run_folder / MEMBERS_FILE, MEMBER_COLUMNS, _row, made_by="tfspine train")


def _row(values: Mapping[str, str]) -> MemberRow:
    if values["selected"] not in _YES_NO.values():
        raise ValueError(f"selected '{values['selected']}'; expected yes or no")
    return MemberRow(
        member=values["member"],
        split=int(values["split"]),
        repeat=int(values["repeat"]),
        seed=int(values["seed"]),
        epochs=int(values["epochs"]),
        best_epoch=int(values["best_epoch"]),
        val_loss=float(values["val_loss"]),
        val_ac1=float(values["val_ac1"]),
        temperature=float(values["temperature"]),
        selected=values["selected"] == _YES_NO[True],
    )
