"""The simulated readers of the phantom: two radiologists, and a second reading by the reference expert.

The profiles are fitted so that, against the truth of 300 simulated patients of `Prevalence.PAPER`, the readers match
the paper's results on 50 patients: Gwet's AC1 on four and on two grades (Tables 3 and 4), recall (Table 2), and the
sensitivity for moderate and severe as derived from the printed counts (docs/statistics.md): 51/56 must belong to the
canal, 115/134 to the foramina of radiologist 1, and a specificity of 1014/1058 means that radiologist 2 found all 167
positive foramina, of which, at an AC1 of 0.95, about 3 are graded too low.

Threshold shifts, noise and its growth were fitted by Nelder-Mead on the squared distance to these values, with a fixed
threshold for severe and weak shrinkage of the shifts to zero; misses are the paper's counts. `reference_again` has no
shifts, noise that grows by a tenth of the severity, and an AC1 of 0.95, in the middle of the target for a second
reading by the same reader, 0.93 to 0.97.
Jitter, extra boxes and the shared part of the noise are assumed. After a change to the distribution of severities or
the positions of slices the fit must be repeated: `tests/phantom/test_phantom_panel.py` detects this.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tfspine.labels import Region
from tfspine.phantom.readers import ReaderProfile, RegionReading, read
from tfspine.structures import AnnotatedSlice

RADIOLOGIST_1 = ReaderProfile(
    regions={
        Region.CENTRAL_CANAL: RegionReading((-0.013, -0.005, 0.0), 0.025, 0.200, (0.005, 0.002, 0.0, 0.0)),
        Region.LATERAL_RECESS: RegionReading((-0.004, -0.032, 0.0), 0.040, 0.198, (0.014, 0.014, 0.014, 0.014), 0.05),
        Region.NEURAL_FORAMEN: RegionReading((0.005, -0.026, 0.0), 0.010, 0.410, (0.155, 0.155, 0.198, 0.198), 0.03),
    },
    shift=0.06,
    growth=0.10,
    shared_noise=0.6,
)

RADIOLOGIST_2 = ReaderProfile(
    regions={
        Region.CENTRAL_CANAL: RegionReading((-0.013, -0.005, 0.0), 0.030, 0.165, (0.001, 0.0, 0.0, 0.0)),
        Region.LATERAL_RECESS: RegionReading((-0.003, -0.022, 0.0), 0.034, 0.132, (0.046, 0.046, 0.046, 0.046), 0.05),
        Region.NEURAL_FORAMEN: RegionReading((0.026, -0.059, 0.0), 0.028, 0.176, (0.034, 0.034, 0.0, 0.0), 0.05),
    },
    shift=0.06,
    growth=0.10,
    shared_noise=0.6,
)

REFERENCE_AGAIN = ReaderProfile(
    regions={
        Region.CENTRAL_CANAL: RegionReading(noise=0.023, noise_growth=0.10),
        Region.LATERAL_RECESS: RegionReading(noise=0.008, noise_growth=0.10, missed=(0.01, 0.01, 0.0, 0.0), extra=0.02),
        Region.NEURAL_FORAMEN: RegionReading(noise=0.009, noise_growth=0.10, missed=(0.02, 0.02, 0.0, 0.0), extra=0.02),
    },
    shift=0.04,
    growth=0.06,
    shared_noise=0.6,
)

RADIOLOGISTS: dict[str, ReaderProfile] = {"radiologist_1": RADIOLOGIST_1, "radiologist_2": RADIOLOGIST_2}
READ_AGAIN = "reference_again"

PANEL: dict[str, ReaderProfile] = {**RADIOLOGISTS, READ_AGAIN: REFERENCE_AGAIN}
"""Every reader by name, which is also a folder under `readers/`; the order determines their random numbers."""


def read_by_panel(
    truth: Sequence[AnnotatedSlice], severities: Sequence[Sequence[float]], *, seed: int, number: int
) -> Mapping[str, tuple[AnnotatedSlice, ...]]:
    """Return the labels of every reader for patient `number` of the cohort with `seed`.

    Args:
        truth: the slices with their true annotations.
        severities: the severity of each annotation, slice by slice; see `readers.read`.
        seed: seed of the cohort.
        number: number of the patient. Each reader of each patient has a separate random generator.
    """
    return {
        name: read(truth, severities, profile=profile, rng=np.random.default_rng([seed, number, place]))
        for place, (name, profile) in enumerate(PANEL.items(), start=1)
    }
