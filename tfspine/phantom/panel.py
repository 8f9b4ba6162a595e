"""Who reads the simulated patients: two radiologists, and the expert of the reference once more.

The profiles are fitted so that, against the truth of 300 simulated patients of `Prevalence.PAPER`, the readers show
what the paper found on 50: Gwet's AC1 on four and on two grades (Tables 3 and 4), recall (Table 2), and the
sensitivity for moderate and severe that can be told from the printed counts (docs/statistics.md): 51/56 must be a
canal's, 115/134 the foramina of radiologist 1, and a specificity of 1014/1058 means that radiologist 2 found all 167
positive foramina, of which an AC1 of 0.95 leaves about 3 called too little.

Threshold shifts, noise and its growth were found by Nelder-Mead on the squared distance to these, with the threshold
for severe held and the shifts drawn weakly to zero; misses are the paper's counts. `reference_again` has no shifts,
noise that grows by a tenth of the severity, and an AC1 of 0.95, in the middle of what is asked of one who reads
again, 0.93 to 0.97.
Jitter, extra boxes and the shared part of the noise are assumed. Who changes how severities spread or where slices lie
fits again: `tests/phantom/test_phantom_panel.py` says when.
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
"""Every reader by name, which is that of a folder under `readers/`; the order decides their random numbers."""


def read_by_panel(
    truth: Sequence[AnnotatedSlice], severities: Sequence[Sequence[float]], *, seed: int, number: int
) -> Mapping[str, tuple[AnnotatedSlice, ...]]:
    """Return the labels of every reader for patient `number` of the cohort with `seed`.

    Args:
        truth: the slices with their true annotations.
        severities: what lies behind each, slice by slice; see `readers.read`.
        seed: the cohort's.
        number: the patient's. Each reader of each patient has a generator of its own.
    """
    return {
        name: read(truth, severities, profile=profile, rng=np.random.default_rng([seed, number, place]))
        for place, (name, profile) in enumerate(PANEL.items(), start=1)
    }
