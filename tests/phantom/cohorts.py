"""The truth of a simulated cohort without its pictures: what readers see and tests count."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tfspine.config import Prevalence
from tfspine.labels import Grade, Plane, Region
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import axial_cuts, sagittal_cuts
from tfspine.phantom.protocol import Protocol
from tfspine.phantom.truth import annotate, severities_seen
from tfspine.structures import AnnotatedSlice, slice_key

SERIES = (
    (Protocol(Plane.AXIAL, 4000, 90, 200.0, 320), axial_cuts),
    (Protocol(Plane.SAGITTAL, 550, 12, 265.0, 320), sagittal_cuts),
)


@dataclass(frozen=True)
class PatientTruth:
    """One patient's slices with their annotations, and the severity behind each annotation."""

    study: str
    slices: tuple[AnnotatedSlice, ...]
    severities: tuple[tuple[float, ...], ...]

    def counts(self) -> Counter[tuple[Region, Grade | None]]:
        """Return the number of boxes of each region and grade."""
        return Counter((item.region, item.grade) for slice_ in self.slices for item in slice_.annotations)


def patient_truth(number: int, *, seed: int = 1, prevalence: Prevalence = Prevalence.PAPER) -> PatientTruth:
    """Return patient `number` of a cohort."""
    rng = np.random.default_rng([seed, number])
    anatomy = draw_anatomy(rng, prevalence=prevalence)
    study = f"p{number:04d}"
    slices, severities = [], []
    for protocol, cuts in SERIES:
        for index, cut in enumerate(cuts(anatomy, protocol, rng), start=1):
            annotations = annotate(anatomy, cut)
            slices.append(AnnotatedSlice(slice_key(study, protocol.plane, index), cut.geometry.size_px, annotations))
            severities.append(severities_seen(anatomy, cut, annotations))
    return PatientTruth(study, tuple(slices), tuple(severities))
