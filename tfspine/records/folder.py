"""A folder of records, opened for one plane and one experiment, or rejected with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, as_dict
from tfspine.config.toml_text import toml_text
from tfspine.errors import RecordError
from tfspine.labels import DETECTOR_CLASSES, Grade, Plane, Region, object_name
from tfspine.manifest import read_manifest

COMPARED_SECTIONS = ("records",)
"""Sections of the experiment on which the records depend; the split comes from a separate file."""


@dataclass(frozen=True)
class RecordFolder:
    """The records of one plane; `images`, `shards` and `grades` are the counts in the manifest, by split.

    `split` is the SHA-256 of the patient split that they were made with (`formats.splits_csv.split_hash`), empty if the
    records do not state it.
    `studies` is None while each split has shards of its own. After `refold.refold` several splits share shards, and
    `studies` names the studies of each split.
    """

    folder: Path
    plane: Plane
    images: Mapping[str, int] = field(repr=False)
    shards: Mapping[str, tuple[str, ...]] = field(repr=False)
    grades: Mapping[str, Mapping[str, tuple[int, ...]]] = field(repr=False)
    split: str = ""
    studies: Mapping[str, tuple[str, ...]] | None = field(default=None, repr=False)

    def files(self, split: str) -> list[str]:
        """Return the paths of the shards of a split.

        Raises:
            RecordError: the split holds no image of this plane.
        """
        if not self.shards.get(split):
            raise RecordError(
                f'{self.folder}: no {self.plane} image in split "{split}"; add patients or raise split.{split}'
            )
        return [str(self.folder / name) for name in self.shards[split]]

    def count(self, split: str) -> int:
        """Return the number of images of a split, those without boxes included."""
        return self.images.get(split, 0)

    def grade_counts(self, region: Region, split: str) -> dict[Grade, int]:
        """Return how many boxes of `region` have each grade in a split."""
        return dict(zip(Grade, self.grades[region][split], strict=True))

    def require_split(self, split: str, source: Path) -> None:
        """Reject a patient split other than the one of these records.

        Args:
            split: SHA-256 of the patient split.
            source: the file that contains it, for the error message.

        Raises:
            RecordError: the splits differ; the message shows the beginnings of both hashes.
        """
        if self.split != split:
            raise RecordError(
                f"{self.folder}: made with another split: {self.split[:12] or 'unknown'} there, {split[:12]} in "
                f"{source}; name the splits that the records were made with, or make the records again"
            )


def open_records(folder: Path, *, plane: Plane, experiment: Experiment) -> RecordFolder:
    """Open the records that `tfspine records` wrote into `folder`.

    Raises:
        RecordError: the folder is missing, holds no records, lacks a shard, or was made with settings or a class
            table that differ from those of this experiment.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.command != "records":
        raise RecordError(f"{folder}: no records here; make them with tfspine records --out {folder}")
    _compare(folder, "", manifest.config, {name: as_dict(getattr(experiment, name)) for name in COMPARED_SECTIONS})
    details = manifest.details
    _compare(folder, "class ", details.get("classes", {}), class_table())
    shards = {split: tuple(names) for split, names in details["files"][plane].items()}
    missing = [name for names in shards.values() for name in names if not (folder / name).is_file()]
    if missing:
        raise RecordError(f"{folder / missing[0]}: missing shard; make the records again with tfspine records")
    return RecordFolder(
        folder=folder,
        plane=plane,
        images=details["images"][plane],
        shards=shards,
        grades={
            region: {split: tuple(counts) for split, counts in splits.items()}
            for region, splits in details["grades"].items()
        },
        split=details.get("split", ""),
    )


def class_table() -> dict[str, dict[str, str]]:
    """Return the detector classes as the manifest records them: ``{plane: {id: name}}``."""
    return {
        plane: {str(item.class_id): object_name(item.region, item.side) for item in classes}
        for plane, classes in DETECTOR_CLASSES.items()
    }


def _compare(
    folder: Path, prefix: str, made_with: Mapping[str, Any], expected: Mapping[str, Mapping[str, Any]]
) -> None:
    for section, values in expected.items():
        for key in {**values, **made_with.get(section, {})}:
            was = made_with.get(section, {}).get(key)
            now = values.get(key)
            if was != now:
                raise RecordError(
                    f"{folder}: made for another experiment: {prefix}{section}.{key} = "
                    f"{toml_text(was)} there, {toml_text(now)} here; "
                    "name the experiment that made it, or make the records again into another --out"
                )
