"""What a reader read: which studies of each region, and, where known, which slices.

What was never read counts neither as found nor as missed. Readers who draw boxes mark every region, normal ones too. A
study without any box of a reader in a plane was therefore not read by this reader in that plane, unless a list says
otherwise (`coverage_from_boxes`). A study that was read counts with all of its slices and with every region that the
reader marks anywhere.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.labels import Region

IMAGE = ("study", "plane", "slice")
"""Columns that identify one image: names of slices, such as 1, 2, 3, repeat between studies and between planes."""

Image = tuple[str, str, str]
"""Study, plane and slice, as in `IMAGE`."""


@dataclass(frozen=True)
class Coverage:
    """What one reader read.

    Attributes:
        studies: the studies that were read, by region; a region that is not listed was never read.
        source: how this is known, as text for the tables.
        slices: the images that were read; None means every image of these studies in the region's plane.
    """

    studies: Mapping[Region, frozenset[str]]
    source: str
    slices: frozenset[Image] | None = None

    def of(self, region: Region) -> frozenset[str]:
        """Return the studies in which the region was read."""
        return self.studies.get(region, frozenset())

    @property
    def any_region(self) -> frozenset[str]:
        """The studies of which at least one region was read."""
        return frozenset().union(*self.studies.values())

    def rows(self, boxes: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which boxes, bool [n], lie on images that were read; columns study, plane, slice, region."""
        read = np.zeros(len(boxes), bool)
        for region, studies in self.studies.items():
            read |= ((boxes["region"] == region.value) & boxes["study"].isin(studies)).to_numpy(bool)
        return read if self.slices is None else read & is_image_of(boxes, self.slices)

    def images(self, covered: pd.DataFrame, region: Region) -> pd.DataFrame:
        """Return the images, rows of study, plane and slice, on which the reader searched for a region."""
        shown = (covered["plane"] == region.plane.value) & covered["study"].isin(self.of(region))
        return covered[shown if self.slices is None else shown & is_image_of(covered, self.slices)]

    def with_other(self, other: "Coverage") -> "Coverage":
        """Return what both read."""
        if self.slices is None or other.slices is None:
            slices = self.slices if other.slices is None else other.slices
        else:
            slices = self.slices & other.slices
        common = {region: self.of(region) & other.of(region) for region in Region}
        return Coverage({region: found for region, found in common.items() if found}, "what both read", slices)


def full_coverage(covered: pd.DataFrame) -> Coverage:
    """Return the coverage of a reader who read everything that the reference covers."""
    studies = frozenset(covered["study"])
    return Coverage(dict.fromkeys(Region, studies), "everything that the reference covers")


def coverage_from_boxes(boxes: pd.DataFrame) -> Coverage:
    """Return the coverage that follows from a reader's boxes alone.

    A region was read if it has a box anywhere. It was read in the studies that have a box of any such region in its
    plane: a reader who opens a series sees all of it.
    """
    return coverage_of_planes(boxes[["study", "plane"]].drop_duplicates(), boxes, source="its boxes")


def coverage_of_planes(read: pd.DataFrame, boxes: pd.DataFrame, *, source: str) -> Coverage:
    """Return the coverage of a reader for whom the planes that were read are known for each study.

    Args:
        read: columns study and plane, one row for each plane of a study that was read.
        boxes: the reader's boxes, which show the regions that this reader marks. If a plane has no box at all, all of
            its regions were searched for.
        source: where `read` comes from, as text.
    """
    marked = regions_of(boxes)
    studies = {
        region: frozenset(read.loc[read["plane"] == region.plane.value, "study"])
        for region in Region
        if region in marked or not any(other.plane is region.plane for other in marked)
    }
    return Coverage({region: found for region, found in studies.items() if found}, source)


def regions_of(boxes: pd.DataFrame) -> frozenset[Region]:
    """Return the regions that have a box."""
    return frozenset(region for region in Region if (boxes["region"] == region.value).any())


def common_coverage(coverages: Iterable[Coverage]) -> Coverage:
    """Return what all of several readers read.

    Raises:
        ValueError: no coverage is given.
    """
    first, *others = coverages
    for other in others:
        first = first.with_other(other)
    return first


def is_image_of(table: pd.DataFrame, images: Collection[Image]) -> NDArray[np.bool_]:
    """Return which rows of study, plane and slice, bool [n], are among some images."""
    known = set(images)
    names = zip(*(table[column] for column in IMAGE), strict=True)
    return np.fromiter((name in known for name in names), bool, len(table))


def image_names(table: pd.DataFrame) -> set[Image]:
    """Return the images that a table of boxes or slices names."""
    return set(zip(*(table[column] for column in IMAGE), strict=True))


def planes_of(covered: pd.DataFrame, region: Region) -> pd.DataFrame:
    """Return the images of the plane in which a region is seen."""
    return covered[covered["plane"] == region.plane.value]
