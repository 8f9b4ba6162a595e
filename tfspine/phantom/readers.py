"""Simulated readers: the truth as people would box and grade it.

A reader grades a perceived severity, the true one plus noise, with thresholds slightly different from the published
ones. So grades are confused with their neighbours, mostly in borderline cases. Noise grows with severity, because
larger losses are harder to estimate. Part of the noise belongs to the region at a level and side, so that
neighbouring slices are graded alike; the rest belongs to the slice. Boxes are moved and scaled, some are missed, and
some are drawn one slice beyond the last that shows enough of the region to be boxed. A reader never confuses sides or
levels.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfspine import boxes
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.phantom.severity import THRESHOLDS, grade_of
from tfspine.structures import AnnotatedSlice, Annotation, Box

_Key = tuple[Region, Level | None, Side | None]

LARGEST_SHIFT = 0.45
LARGEST_GROWTH = 0.8
"""Limits of the jitter in box sizes: beyond half a size a box could leave the image, or have a negative size."""


@dataclass(frozen=True)
class RegionReading:
    """How a reader reads one region.

    Attributes:
        threshold_shifts: how far the reader's thresholds for mild, moderate and severe lie above the published ones, in
            severity; negative shifts lead to overgrading.
        noise: standard deviation of the perceived severity of a region that is not narrowed.
        noise_growth: increase of this standard deviation for each unit of severity.
        missed: share of boxes not drawn, by true grade from normal to severe.
        extra: share of ends of a run of boxed slices at which the reader boxes one slice more.
    """

    threshold_shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise: float = 0.0
    noise_growth: float = 0.0
    missed: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    extra: float = 0.0


@dataclass(frozen=True)
class ReaderProfile:
    """How one reader reads.

    Attributes:
        regions: how the reader reads each region.
        shift: standard deviation of the displacement of a box, as a share of its height and width.
        growth: standard deviation of the change of its height and width, likewise.
        shared_noise: share of the variance of the noise that all slices of a region have in common.
    """

    regions: Mapping[Region, RegionReading]
    shift: float = 0.0
    growth: float = 0.0
    shared_noise: float = 0.0


def read(
    truth: Sequence[AnnotatedSlice],
    severities: Sequence[Sequence[float]],
    *,
    profile: ReaderProfile,
    rng: np.random.Generator,
) -> tuple[AnnotatedSlice, ...]:
    """Return the labels of one reader for one study, slice by slice as in `truth`.

    Args:
        truth: the slices of each plane in their order, every annotation with its level.
        severities: the severity behind each annotation, 0 to 1, slice by slice.
        profile: profile of the reader.
        rng: the reader's own random generator; the same state gives the same labels.
    """
    seen = [
        [_Seen(annotation, severity) for annotation, severity in zip(slice_.annotations, of_slice, strict=True)]
        for slice_, of_slice in zip(truth, severities, strict=True)
    ]
    beyond = _beyond_the_ends(seen, profile, rng)
    opinions: dict[_Key, float] = {}
    labels = []
    for slice_, found, extra in zip(truth, seen, beyond, strict=True):
        drawn = [item for item in found if not _is_missed(item, profile, rng)] + extra
        annotations = tuple(_read_one(item, slice_.size_px, profile, opinions, rng) for item in drawn)
        labels.append(replace(slice_, annotations=annotations))
    return tuple(labels)


@dataclass(frozen=True)
class _Seen:
    """A true annotation and the severity behind its grade."""

    annotation: Annotation
    severity: float

    @property
    def key(self) -> _Key:
        """The key of the annotated region, the same on all its slices."""
        return self.annotation.region, self.annotation.level, self.annotation.side

    @property
    def place(self) -> tuple[Plane, Level | None]:
        """The plane and the level, which neighbouring slices share."""
        return self.annotation.region.plane, self.annotation.level


def _beyond_the_ends(
    seen: Sequence[Sequence[_Seen]], profile: ReaderProfile, rng: np.random.Generator
) -> list[list[_Seen]]:
    """Return for each slice the regions that the reader boxes there although the truth ends one slice earlier.

    That slice must show the same level in the same plane, or nothing, as sagittal slices beside the foramina do.
    """
    beyond: list[list[_Seen]] = [[] for _ in seen]
    for found, (there, other) in _neighbours(seen):
        keys, places = {item.key for item in other}, {item.place for item in other}
        for item in found:
            is_open = item.place in places or (not other and item.annotation.region.plane is Plane.SAGITTAL)
            is_end = item.key not in keys and is_open
            if is_end and rng.random() < profile.regions[item.annotation.region].extra:
                beyond[there].append(item)
    return beyond


def _neighbours(seen: Sequence[Sequence[_Seen]]) -> Iterator[tuple[Sequence[_Seen], tuple[int, Sequence[_Seen]]]]:
    """Yield every slice with the index and the content of the one after it, and of the one before it."""
    for first, second in itertools.pairwise(enumerate(seen)):
        yield first[1], second
        yield second[1], first


def _is_missed(item: _Seen, profile: ReaderProfile, rng: np.random.Generator) -> bool:
    missed = profile.regions[item.annotation.region].missed
    return bool(rng.random() < missed[grade_of(item.severity)])


def _read_one(
    item: _Seen,
    size_px: tuple[int, int],
    profile: ReaderProfile,
    opinions: dict[_Key, float],
    rng: np.random.Generator,
) -> Annotation:
    """Return the reader's box and grade; `opinions` holds the decisions that apply to all slices of the region."""
    if item.key not in opinions:
        opinions[item.key] = float(rng.standard_normal())
    of_slice = float(rng.standard_normal())
    noise = np.sqrt(profile.shared_noise) * opinions[item.key] + np.sqrt(1.0 - profile.shared_noise) * of_slice
    region = profile.regions[item.annotation.region]
    perceived = item.severity + (region.noise + region.noise_growth * item.severity) * noise
    grade = Grade(int(np.searchsorted(np.add(THRESHOLDS, region.threshold_shifts), perceived, side="right")))
    box = _redrawn(item.annotation.box, size_px, profile, rng)
    return replace(item.annotation, box=box, grade=grade)


def _redrawn(box: Box, size_px: tuple[int, int], profile: ReaderProfile, rng: np.random.Generator) -> Box:
    """Return a box moved and scaled in both directions, within the image; without jitter it is unchanged."""
    low, high = np.array(box[:2]), np.array(box[2:])
    size = high - low
    shift = np.clip(profile.shift * rng.standard_normal(2), -LARGEST_SHIFT, LARGEST_SHIFT)
    growth = np.clip(profile.growth * rng.standard_normal(2), -LARGEST_GROWTH, LARGEST_GROWTH)
    corners = np.concatenate([low + size * (shift - growth / 2), high + size * (shift + growth / 2)])
    ymin, xmin, ymax, xmax = (float(value) for value in boxes.clip(corners, size_px))
    return ymin, xmin, ymax, xmax
