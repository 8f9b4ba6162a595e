"""Settings of the patients: simulated ones, those who are left out, what they are for, and where own data lie."""

from dataclasses import dataclass
from typing import Annotated

from tfspine.compat import StrEnum
from tfspine.config.ranges import BelowOne, Count, CountOrNone, NotNegative, Range, Share

SPLITS = ("train", "validation", "test")
"""What patients are for, in the words of `splits.csv`."""

DEVELOPMENT = ("train", "validation")
"""Those who are not for testing: members of an ensemble divide them anew."""


class Prevalence(StrEnum):
    """How common each grade is among simulated patients: as in the paper's internal or external test set, or balanced.

    Small cohorts need the balanced one to hold all four grades of each region.
    """

    PAPER = "paper"
    EXTERNAL = "external"
    BALANCED = "balanced"


class Vendors(StrEnum):
    """Whose scanners simulated patients lie in: the paper's internal or external cohort's, or one maker's."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    SIEMENS = "siemens"
    GE = "ge"
    PHILIPS = "philips"


@dataclass(frozen=True)
class PhantomConfig:
    """`[phantom]`: simulated patients."""

    studies: Annotated[int, Range(1, unit="studies")] = 24
    """How many patients, each with one study."""

    first_study: Count = 1
    """Number of the first one, so that a cohort can be made in parts: 25 goes on where 24 studies ended."""

    workers: Count = 1
    """Processes that simulate at once; one a core is fastest."""

    matrix_px: Annotated[int, Range(0, 4096, unit="px")] = 0
    """Rows and columns of an image, 64 at least; 0 for what the vendor's protocols have, 320 to 384."""

    vendor: Vendors = Vendors.INTERNAL
    """Whose scanners: the paper's internal or external cohort's, or one maker's."""

    randomize: bool = False
    """Contrast, resolution and faults far beyond what scanners do, for training that has to hold on real pictures."""

    prevalence: Prevalence = Prevalence.PAPER
    """How common each grade is: the paper's test sets (docs/paper.md, Data), or all four alike."""


class OnFinding(StrEnum):
    """What a measure beyond its limit does to a study: leave it out, keep it and tell a person, or nothing."""

    EXCLUDE = "exclude"
    FLAG = "flag"
    IGNORE = "ignore"


@dataclass(frozen=True)
class ExclusionsConfig:
    """`[exclusions]`: who stays out (docs/paper.md, Data), and from which value on; the paper gives no numbers.

    Signs of metal and of poor quality only flag: a person looks, and decides (`tfspine exclude --decisions`).
    """

    age: OnFinding = OnFinding.EXCLUDE
    """Patients of `age_years` or less: the paper has adults alone."""

    gadolinium: OnFinding = OnFinding.EXCLUDE
    """Series after a contrast agent, by their headers."""

    instrumentation: OnFinding = OnFinding.FLAG
    """Signs of metal, by `metal_ml`."""

    scoliosis: OnFinding = OnFinding.EXCLUDE
    """Curves of `scoliosis_deg` and more."""

    quality: OnFinding = OnFinding.FLAG
    """Noise, ghosts and blur, by `snr`, `ghosting` and `edge_mm`."""

    age_years: Annotated[float, Range(0, 150, unit="years")] = 18.0
    """Older patients stay, in completed years as headers give them (`tfspine exclude --dicom`)."""

    metal_ml: Annotated[float, Range(0, unit="ml")] = 0.5
    """Volume without signal that counts as a sign of metal. Set by hand, between plain simulated studies and screws."""

    scoliosis_deg: Annotated[float, Range(0, 180, unit="degrees")] = 30.0
    """Angle of a spine lying in the scanner.

    Severe is from 40 degrees on standing, and lumbar curves of 44 degrees lose 9 when lying (Brink 2017, Scoliosis
    Spinal Disord 12:19; 8 of 31 in Wessberg 2006, Spine 31:3039).
    """

    snr: NotNegative = 6.5
    """Median grey value of tissue over the standard deviation of noise, the least.

    The eye needs five deviations (Rose 1948, J Opt Soc Am 38:196) even of tissues that differ by all their signal, and
    noise is read up to a fifth too low.
    """

    ghosting: Share = 0.1
    """Strength of the clearest ghost, a displaced copy, as a share of the picture, the largest.

    Set by hand, between plain simulated studies and those with ghosts.
    """

    edge_mm: Annotated[float, Range(0, unit="mm")] = 4.5
    """Width over which a sharp border is smeared, the largest. Set by hand, as `ghosting`, on blurred studies."""


@dataclass(frozen=True)
class SplitConfig:
    """`[split]`: shares of the patients; the rest trains. The paper's are 9 % and 11 % (docs/paper.md, Data)."""

    validation: BelowOne = 0.09
    """Share of the patients on whom settings and operating points are chosen."""

    test: BelowOne = 0.11
    """Share of the patients who are looked at once, at the end."""


@dataclass(frozen=True)
class RecordsConfig:
    """`[records]`: the TFRecord files that networks are trained on."""

    shards: Count = 4
    """Files that each plane and split is cut into."""

    empty_slices: Share = 1.0
    """Share kept of the training slices without a box, which six of ten sagittal slices are."""


@dataclass(frozen=True)
class DataConfig:
    """`[data]`: what ``tfspine run`` begins with; relative paths count from the folder of the experiment file.

    `dicom` or `pacs`, not both.
    """

    dicom: str = ""
    """A folder with DICOM files at any depth, a zip archive or a DICOMDIR."""

    pacs: str = ""
    """The root of a DICOMweb server; credentials stand in the variable TFSPINE_PACS_CREDENTIALS, never in a file."""

    pacs_date: str = ""
    """StudyDate of the studies that are fetched, such as 20240101-20240630."""

    pacs_limit: CountOrNone = 0
    """How many studies are fetched at most; 0 for all."""

    labels: str = ""
    """A folder of LabelImg XML files, one a slice; empty where nobody labelled."""

    splits: str = ""
    """A table of patient, study and split; empty to divide the patients by `[split]`."""

    salt: str = ""
    """The file with the secret behind pseudonyms; empty for one of the output's own."""

    series_map: str = ""
    """A table that says what series are for, where the choice is not what you want."""

    exclude: bool = False
    """Whether studies are left out by `[exclusions]`."""
