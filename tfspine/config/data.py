"""Settings of the data: simulated patients, exclusions, splits, records, and the location of your own data."""

from dataclasses import dataclass
from typing import Annotated

from tfspine.compat import StrEnum
from tfspine.config.ranges import BelowOne, Count, CountOrNone, NotNegative, Range, Share

SPLITS = ("train", "validation", "test")
"""The splits, as named in `splits.csv`."""

DEVELOPMENT = ("train", "validation")
"""All splits except test: each member of an ensemble divides these patients differently."""


class Prevalence(StrEnum):
    """How common each grade is among simulated patients: as in the paper's internal or external test set, or balanced.

    In a small cohort only the balanced choice provides all four grades of each region.
    """

    PAPER = "paper"
    EXTERNAL = "external"
    BALANCED = "balanced"


class Vendors(StrEnum):
    """Which scanners are simulated: those of the paper's internal or external cohort, or of one vendor."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    SIEMENS = "siemens"
    GE = "ge"
    PHILIPS = "philips"


@dataclass(frozen=True)
class PhantomConfig:
    """`[phantom]`: simulated patients."""

    studies: Annotated[int, Range(1, unit="studies")] = 24
    """Number of patients, each with one study."""

    first_study: Count = 1
    """Number of the first patient, so that a cohort can be made in parts: 25 continues after 24 studies."""

    workers: Count = 1
    """Number of parallel processes; one per core is fastest."""

    matrix_px: Annotated[int, Range(0, 4096, unit="px")] = 0
    """Rows and columns of an image, at least 64; 0 for the size in the vendor's protocols, 320 to 384."""

    vendor: Vendors = Vendors.INTERNAL
    """Which scanners are simulated: those of the paper's internal or external cohort, or of one vendor."""

    randomize: bool = False
    """Contrast, resolution and artefacts far beyond those of scanners, for training that transfers to real images."""

    prevalence: Prevalence = Prevalence.PAPER
    """How common each grade is: as in the paper's test sets (docs/paper.md, Data), or all four equally common."""


class OnFinding(StrEnum):
    """What happens to a study with a measure beyond its limit: exclude it, keep it and flag it, or nothing."""

    EXCLUDE = "exclude"
    FLAG = "flag"
    IGNORE = "ignore"


@dataclass(frozen=True)
class ExclusionsConfig:
    """`[exclusions]`: which studies are excluded (docs/paper.md, Data), and the limits; the paper gives no numbers.

    Signs of metal and of poor quality only flag a study: a person reviews and decides (`tfspine exclude --decisions`).
    """

    age: OnFinding = OnFinding.EXCLUDE
    """Patients of `age_years` or less: the paper includes adults only."""

    gadolinium: OnFinding = OnFinding.EXCLUDE
    """Series with a contrast agent, according to their headers."""

    instrumentation: OnFinding = OnFinding.FLAG
    """Signs of metal, by `metal_ml`."""

    scoliosis: OnFinding = OnFinding.EXCLUDE
    """Curves of `scoliosis_deg` and more."""

    quality: OnFinding = OnFinding.FLAG
    """Noise, ghosts and blur, by `snr`, `ghosting` and `edge_mm`."""

    age_years: Annotated[float, Range(0, 150, unit="years")] = 18.0
    """Patients older than this are included; age in completed years as in the headers (`tfspine exclude --dicom`)."""

    metal_ml: Annotated[float, Range(0, unit="ml")] = 0.5
    """Volume without signal that counts as a sign of metal. Set by hand, between studies without and with screws."""

    scoliosis_deg: Annotated[float, Range(0, 180, unit="degrees")] = 30.0
    """Angle of the spine of a patient lying in the scanner.

    Severe is from 40 degrees on standing, and lumbar curves of 44 degrees lose 9 when lying (Brink 2017, Scoliosis
    Spinal Disord 12:19; 8 of 31 in Wessberg 2006, Spine 31:3039).
    """

    snr: NotNegative = 6.5
    """Least ratio of the median grey value of tissue to the standard deviation of noise.

    The eye needs five standard deviations (Rose 1948, J Opt Soc Am 38:196), even between tissue and no signal at all,
    and the noise is underestimated by up to a fifth.
    """

    ghosting: Share = 0.1
    """Largest strength of the clearest ghost, a displaced copy of the image, as a share of the image.

    Set by hand, between simulated studies without and with ghosts.
    """

    edge_mm: Annotated[float, Range(0, unit="mm")] = 4.5
    """Largest width over which a sharp border is blurred. Set by hand like `ghosting`, on blurred studies."""


@dataclass(frozen=True)
class SplitConfig:
    """`[split]`: shares of the patients; the rest is for training. The paper has 9 % and 11 % (docs/paper.md, Data)."""

    validation: BelowOne = 0.09
    """Share of the patients for validation, on whom settings and operating points are chosen."""

    test: BelowOne = 0.11
    """Share of the patients for testing, who are used only once, at the end."""


@dataclass(frozen=True)
class RecordsConfig:
    """`[records]`: the TFRecord files that networks are trained on."""

    shards: Count = 4
    """Number of files for each plane and split."""

    empty_slices: Share = 1.0
    """Share of the training slices without a box that is kept; six in ten sagittal slices have no box."""


@dataclass(frozen=True)
class DataConfig:
    """`[data]`: the input of ``tfspine run``; relative paths start from the folder of the experiment file.

    Set either `dicom` or `pacs`.
    """

    dicom: str = ""
    """A folder with DICOM files at any depth, a zip archive or a DICOMDIR."""

    pacs: str = ""
    """The root URL of a DICOMweb server; credentials are in the variable TFSPINE_PACS_CREDENTIALS, never in a file."""

    pacs_date: str = ""
    """StudyDate of the studies that are fetched, such as 20240101-20240630."""

    pacs_limit: CountOrNone = 0
    """The largest number of studies to fetch; 0 for all."""

    labels: str = ""
    """A folder of LabelImg XML files, one per slice; empty if there are no labels."""

    splits: str = ""
    """A table of patient, study and split; empty to divide the patients by `[split]`."""

    salt: str = ""
    """The file with the secret salt of the pseudonyms; empty to create one beside the output."""

    series_map: str = ""
    """A table that states what each series is used for, to override the automatic choice."""

    exclude: bool = False
    """Whether `[exclusions]` is applied."""
