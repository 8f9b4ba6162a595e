"""Experiments: frozen dataclasses, two levels deep, in which every setting has its unit, range and source.

The defaults are the paper's (docs/paper.md); `experiments/*.toml` hold what differs, and `experiment_file.py` reads
them. A setting is a field: its range is in its type (`ranges.py`), its text below it. `settings.py` lists them all.

    data.py        [phantom] [exclusions] [split] [records] [data]
    detector.py    [detector]: anchors and levels, heads, schedule
    grader.py      [grader]
    evaluation.py  [evaluation] [explain]
    experiment.py  [training] [export] [serving] [paper_study], and the whole
    contradictions.py  combinations of settings that are invalid
"""

from tfspine.config.data import (
    DEVELOPMENT,
    SPLITS,
    DataConfig,
    ExclusionsConfig,
    OnFinding,
    PhantomConfig,
    Prevalence,
    RecordsConfig,
    SplitConfig,
    Vendors,
)
from tfspine.config.detector import Anchors, BatchNorm, DetectorConfig, Heads, Optimization, Schedule
from tfspine.config.evaluation import EvaluationConfig, ExplainConfig
from tfspine.config.experiment import (
    DEVICES_VARIABLE,
    Experiment,
    ExportConfig,
    PaperStudyConfig,
    Precision,
    ServingConfig,
    Strategy,
    Take,
    TrainingConfig,
    as_dict,
)
from tfspine.config.grader import GraderConfig, GraderLoss, GraderSchedule

__all__ = [
    "DEVELOPMENT",
    "DEVICES_VARIABLE",
    "SPLITS",
    "Anchors",
    "BatchNorm",
    "DataConfig",
    "DetectorConfig",
    "EvaluationConfig",
    "ExclusionsConfig",
    "Experiment",
    "ExplainConfig",
    "ExportConfig",
    "GraderConfig",
    "GraderLoss",
    "GraderSchedule",
    "Heads",
    "OnFinding",
    "Optimization",
    "PaperStudyConfig",
    "PhantomConfig",
    "Precision",
    "Prevalence",
    "RecordsConfig",
    "Schedule",
    "ServingConfig",
    "SplitConfig",
    "Strategy",
    "Take",
    "TrainingConfig",
    "Vendors",
    "as_dict",
]
