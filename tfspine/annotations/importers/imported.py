"""What the import of a data set wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ImportedDataset:
    """Counts of what was imported.

    Attributes:
        counts: by what is counted, such as studies, slices, boxes or series: each data set has its own.
        refused: number of rows of `refused.csv`.
        remarks: what else the manifest states.
    """

    counts: Mapping[str, int]
    refused: int
    remarks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, Any]:
        """The details in the manifest."""
        return {**self.counts, "refused": self.refused, **self.remarks}
