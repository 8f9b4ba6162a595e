"""Experiments: frozen dataclasses, two levels deep.

The defaults are the paper's (PAPER.md, Model and The authors' own code); `experiments/*.toml` say what differs, and
`experiment_file.py` reads them.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tfspine.compat import StrEnum


class Precision(StrEnum):
    """Arithmetic of the networks in training; softmax, boxes and gradients of explanations stay float32.

    `AUTO` is bf16 where the processor computes it natively, else fp32.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    AUTO = "auto"


class Strategy(StrEnum):
    """How the detector is spread over devices; graders are small and use one.

    `AUTO` is one device, or where there are several GPUs the detector mirrored over all that share its batch evenly;
    `ONE` the first of the chosen GPUs, or the processor; `MIRRORED` all chosen GPUs of this machine; `MULTIWORKER`
    those of all machines that TF_CONFIG names.
    """

    AUTO = "auto"
    ONE = "one"
    MIRRORED = "mirrored"
    MULTIWORKER = "multiworker"


DEVICES_VARIABLE = "TFSPINE_DEVICES"
"""Environment variable that ``--devices`` sets, so that the commands a command starts inherit it."""


class Schedule(StrEnum):
    """Course of the detector's learning rate."""

    STEPWISE = "stepwise"
    COSINE = "cosine"


class GraderSchedule(StrEnum):
    """Course of a grader's learning rate over the epochs.

    `PLATEAU`, the paper's, multiplies it by `learning_rate_factor` after `patience_epochs` without a smaller validation
    loss; `COSINE` lowers it along half a cosine that ends with the epochs, which suits trainings of a few.
    """

    PLATEAU = "plateau"
    COSINE = "cosine"


class GraderLoss(StrEnum):
    """How rare grades are made to count: PAPER.md's weight by true grade and argmax, class weights, or not at all."""

    PUBLISHED = "published"
    CLASS_WEIGHTS = "class_weights"
    PLAIN = "plain"


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
    """Simulated patients. `first_study` shifts the numbering, so that a cohort can be made in parts.

    `matrix_px` is the size of images, or 0 for that which the vendor's protocols have, 320 to 384. `randomize` draws
    contrast, resolution and faults far beyond what scanners do, for training that has to hold on real pictures.
    """

    studies: int = 24
    first_study: int = 1
    workers: int = 1
    matrix_px: int = 0
    vendor: Vendors = Vendors.INTERNAL
    randomize: bool = False
    prevalence: Prevalence = Prevalence.PAPER


class OnFinding(StrEnum):
    """What a measure beyond its limit does to a study: leave it out, keep it and tell a person, or nothing."""

    EXCLUDE = "exclude"
    FLAG = "flag"
    IGNORE = "ignore"


@dataclass(frozen=True)
class ExclusionsConfig:
    """Who stays out (PAPER.md, Data: adults alone; instrumentation, scoliosis, poor quality, gadolinium), and limits.

    Patients older than `age_years` stay, in completed years as headers give them (`tfspine exclude --dicom`).

    The paper gives no numbers. `scoliosis_deg` is that of a spine lying in the scanner: severe is from 40 degrees on
    standing, and lumbar curves of 44 degrees lose 9 when lying (Brink 2017, Scoliosis Spinal Disord 12:19; 8 of 31 in
    Wessberg 2006, Spine 31:3039). The eye needs five deviations (Rose 1948, J Opt Soc Am 38:196) even of tissues that
    differ by all their signal, and noise is read up to a fifth too low: hence `snr`. `ghosting` (a share), `edge_mm`
    and `metal_ml` were set by hand, between plain simulated studies and those with ghosts, blur and screws. Signs of
    metal and of poor quality only flag: a person looks, and decides (`tfspine exclude --decisions`).
    """

    age: OnFinding = OnFinding.EXCLUDE
    gadolinium: OnFinding = OnFinding.EXCLUDE
    instrumentation: OnFinding = OnFinding.FLAG
    scoliosis: OnFinding = OnFinding.EXCLUDE
    quality: OnFinding = OnFinding.FLAG
    age_years: float = 18.0
    metal_ml: float = 0.5
    scoliosis_deg: float = 30.0
    snr: float = 6.5
    ghosting: float = 0.1
    edge_mm: float = 4.5


SPLITS = ("train", "validation", "test")
"""What patients are for, in the words of `splits.csv`."""

DEVELOPMENT = ("train", "validation")
"""Those who are not for testing: members of an ensemble divide them anew."""


@dataclass(frozen=True)
class SplitConfig:
    """Shares of the patients; the rest trains."""

    validation: float = 0.09
    test: float = 0.11


@dataclass(frozen=True)
class RecordsConfig:
    """TFRecord files: how many shards each plane and split is cut into.

    `empty_slices` is the share kept of the training slices without a box, which most sagittal slices are.
    """

    shards: int = 4
    empty_slices: float = 1.0


@dataclass(frozen=True)
class DetectorConfig:
    """Faster R-CNN. Sizes are (rows, columns) in pixels; schedules count optimizer steps of one batch.

    `sampled_regions` of an image train the second stage, drawn from its proposals and labelled boxes: 64 is what the
    authors' configuration leaves at its default (TensorFlow Object Detection API, faster_rcnn.proto,
    second_stage_batch_size). `anchor_size` counts strides: 8.0 at level 2, whose stride is 4 pixels, is an anchor of
    32 pixels.
    `checkpoint_modules` are of `ranges.CHECKPOINT_MODULES`.
    """

    image_size_px: tuple[int, int] = (600, 1024)
    backbone_depth: int = 101
    checkpoint: str = ""
    checkpoint_modules: tuple[str, ...] = ("backbone",)
    batch_size: int = 1
    steps: int = 1_500_000
    schedule: Schedule = Schedule.STEPWISE
    learning_rate: float = 3e-4
    learning_rate_drops: tuple[int, ...] = (900_000, 1_200_000)
    warmup_steps: int = 0
    momentum: float = 0.9
    gradient_norm: float = 10.0
    weight_decay: float = 4e-5
    norm_momentum: float = 0.997
    levels: tuple[int, int] = (2, 6)
    anchor_size: float = 8.0
    aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    sampled_regions: int = 64
    proposals: int = 300
    proposal_nms_iou: float = 0.7
    final_nms_iou: float = 0.6
    score_threshold: float = 0.5
    maximum_detections: int = 20
    head_convolutions: int = 0
    head_dense: int = 2
    scale_range: tuple[float, float] = (1.0, 1.0)
    shuffle_buffer: int = 1000
    steps_between_checkpoints: int = 10_000
    steps_between_summaries: int = 100


@dataclass(frozen=True)
class GraderConfig:
    """The Keras Sequential grader: six convolution blocks, two dense layers, softmax over four grades."""

    crop_size_px: int = 150
    filters: tuple[int, ...] = (32, 64, 64, 64, 32, 32)
    dense_units: int = 512
    dropout: float = 0.2
    norm_momentum: float = 0.99
    loss: GraderLoss = GraderLoss.PUBLISHED
    batch_size: int = 128
    epochs: int = 100
    learning_rate: float = 1e-3
    schedule: GraderSchedule = GraderSchedule.PLATEAU
    patience_epochs: int = 10
    learning_rate_factor: float = 0.5
    shear: float = 0.1
    zoom: float = 0.1
    rotation_deg: float = 5.0
    shift: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """Arithmetic and devices."""

    precision: Precision = Precision.FP32
    strategy: Strategy = Strategy.AUTO


class Take(StrEnum):
    """Which members of a grader are served: all, or of each division the one with the smallest validation loss."""

    ALL = "all"
    SELECTED = "selected"


@dataclass(frozen=True)
class ExportConfig:
    """What goes into the served graph: `calibrate` applies each grader's temperature, fitted on validation crops."""

    calibrate: bool = False


@dataclass(frozen=True)
class PaperStudyConfig:
    """What ``tfspine paper-study`` does besides: patients of the second hospital, divisions x trainings of each grader.

    `members` are those trainings: three divisions of the development patients, three trainings on each. `workers` is
    how many of them are trained at once.
    """

    external_studies: int = 100
    members: str = "3x3"
    workers: int = 1


@dataclass(frozen=True)
class DataConfig:
    """What ``tfspine run`` begins with; relative paths count from the folder of the experiment file.

    `dicom` is a folder with DICOM files at any depth, a zip archive or a DICOMDIR; or `pacs` is the root of a DICOMweb
    server, of which studies with a StudyDate in `pacs_date`, such as 20240101-20240630, are fetched, `pacs_limit` at
    most (0: all); credentials stand in the variable TFSPINE_PACS_CREDENTIALS, never in a file of experiments.

    `labels` is a folder of LabelImg XML files, one a slice; empty where nobody labelled. `splits` is a table of
    patient, study and split; empty to divide the patients by `[split]`. `salt` is the file with the secret behind
    pseudonyms, empty for one of the output's own. `series_map` says what series are for, where the choice is not what
    you want. `exclude` leaves out studies by `[exclusions]`.
    """

    dicom: str = ""
    pacs: str = ""
    pacs_date: str = ""
    pacs_limit: int = 0
    labels: str = ""
    splits: str = ""
    salt: str = ""
    series_map: str = ""
    exclude: bool = False


@dataclass(frozen=True)
class ServingConfig:
    """What reads the studies of ``tfspine run``, where no model is trained: `server` or `model`, not both.

    `server` is grpc://HOST:PORT or http://HOST:PORT of a TensorFlow Serving; `model` is a folder that ``tfspine
    export`` wrote, relative to that of the experiment file.
    """

    server: str = ""
    model: str = ""


@dataclass(frozen=True)
class EvaluationConfig:
    """How readers are compared.

    `iou` is the overlap above which a box counts as found when grades are compared, `confidence` what intervals are to
    cover. `margin` is how much less sensitive or specific a model may be than a reader and still count as no worse, a
    share. `replicates` are drawn in a bootstrap over patients; `bins` divide probabilities in calibration.
    `false_boxes_per_image` is what the score threshold of a detector may cost on validation, of each kind of region:
    an export writes the threshold that it gives into the model.
    """

    iou: float = 0.3
    confidence: float = 0.95
    margin: float = 0.05
    replicates: int = 2000
    bins: int = 10
    false_boxes_per_image: float = 0.25


@dataclass(frozen=True)
class ExplainConfig:
    """Integrated Gradients; `regions` is how many crops of each region are explained."""

    steps: int = 240
    batch_size: int = 32
    regions: int = 8


@dataclass(frozen=True)
class Experiment:
    """Everything a run can be told. `overrides` are dotted Model Garden keys, for experts."""

    name: str = "paper"
    seed: int = 1
    phantom: PhantomConfig = field(default_factory=PhantomConfig)
    exclusions: ExclusionsConfig = field(default_factory=ExclusionsConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    records: RecordsConfig = field(default_factory=RecordsConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    grader: GraderConfig = field(default_factory=GraderConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    paper_study: PaperStudyConfig = field(default_factory=PaperStudyConfig)
    data: DataConfig = field(default_factory=DataConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    overrides: Mapping[str, Any] = field(default_factory=dict)


def as_dict(config: Any) -> dict[str, Any]:
    """Return an experiment, or a section of one, as plain values for JSON and TOML."""
    return {item.name: _plain(getattr(config, item.name)) for item in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
