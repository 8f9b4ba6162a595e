"""What a run knows of its own study, for checklists and the model card: each fact with the place where it stands.

Facts come from the manifests that every command writes, and from the evaluation itself. What neither says is not
guessed: it is missing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tfspine.errors import EvaluationError
from tfspine.evaluation.reading_set import ReadingSet
from tfspine.evaluation.tables import REGION_TITLES
from tfspine.manifest import FILE_NAME, RunKind


class Fact(StrEnum):
    """What a checklist item can ask for and a run can know."""

    ACCURACY = "accuracy"
    CALIBRATION = "calibration"
    CODE = "code"
    COHORT = "cohort"
    CROSS_TABLE = "cross_table"
    CUT_OFF = "cut_off"
    DEIDENTIFICATION = "deidentification"
    ENSEMBLE = "ensemble"
    EXPLANATION = "explanation"
    EXTERNAL = "external"
    FAILURES = "failures"
    FLOW = "flow"
    GRADES = "grades"
    INITIAL_WEIGHTS = "initial_weights"
    INTERNAL = "internal"
    METRICS = "metrics"
    MISSING = "missing"
    MODEL = "model"
    PARTITION = "partition"
    PREPARATION = "preparation"
    PROTOCOL = "protocol"
    READERS = "readers"
    REFERENCE = "reference"
    REPEAT = "repeat"
    SAMPLE = "sample"
    SELECTION = "selection"
    SIMULATED = "simulated"
    SOFTWARE = "software"
    SUBGROUPS = "subgroups"
    TRAINING = "training"
    UNCERTAINTY = "uncertainty"


@dataclass(frozen=True)
class Answer:
    """What is known, in words, and the file or folder where it can be looked up."""

    text: str
    where: str


Facts = Mapping[Fact, Answer]


def manifest_facts(folders: Sequence[Path]) -> dict[Fact, Answer]:
    """Return what the manifests of the folders of other commands say; of two that say the same thing the last counts.

    Raises:
        EvaluationError: a folder has no manifest, or one that cannot be read.
    """
    facts: dict[Fact, Answer] = {}
    for folder in folders:
        content = _read(folder)
        where = f"{folder.name}/{FILE_NAME}"
        reader = _READERS.get(content.get("command", ""))
        if reader is not None:
            facts |= {fact: Answer(text, where) for fact, text in reader(content).items() if text}
    return facts


def result_facts(set_: ReadingSet, *, model: str, external: ReadingSet | None) -> dict[Fact, Answer]:
    """Return what the evaluation itself knows of the sets that it compared."""
    metrics = set_.metrics[model]
    studies = metrics.studies
    patients = len({set_.patients.get(study, study) for study in set_.covered["study"]})
    ungraded = sum(region.ungraded for region in metrics.regions.values())
    grades = "; ".join(
        f"{REGION_TITLES[region.region]}: {'/'.join(map(str, region.reference_grades))}"
        for region in metrics.regions.values()
    )
    others = [name for name in set_.readers if name != model]
    facts = {
        Fact.ACCURACY: Answer("sensitivity and specificity with exact intervals, per region", "accuracy.md"),
        Fact.CROSS_TABLE: Answer("reference against reader, four grades and boxes not found", "confusion_*.png"),
        Fact.CUT_OFF: Answer("positive is moderate or severe; a box counts at the IoU in metrics.json", "metrics.json"),
        Fact.FAILURES: Answer("grades confused, boxes missed and drawn in excess", "confusion_*.png, recall.md"),
        Fact.GRADES: Answer(f"boxes normal/mild/moderate/severe: {grades}", "reference.md"),
        Fact.INTERNAL: Answer(f"{studies} studies of {patients} patients", "metrics.json"),
        Fact.METRICS: Answer("recall, Gwet AC1, sensitivity, specificity", "metrics.json"),
        Fact.MISSING: Answer(
            f"boxes without a grade are found but not compared ({ungraded}); a positive not found is a miss in "
            "end-to-end sensitivity",
            "metrics.json",
        ),
        Fact.READERS: Answer(f"compared: {', '.join([model, *others])}", "manifest.json"),
        Fact.SAMPLE: Answer(f"{patients} patients; how the number was chosen is not known to the run", "metrics.json"),
        Fact.UNCERTAINTY: Answer(
            f"{set_.confidence:.0%} intervals: Clopper-Pearson, t of Gwet's coefficient, bootstrap over patients",
            "bootstrap.md",
        ),
        Fact.SUBGROUPS: Answer("level, side, vendor and field strength, each with its n", "subgroups.md"),
    }
    if external is not None:
        count = external.covered["study"].nunique()
        facts[Fact.EXTERNAL] = Answer(f"{count} studies", "recall.md, accuracy.md")
    return facts


def _of_phantom(content: Mapping[str, Any]) -> dict[Fact, str]:
    studies = content.get("details", {}).get("studies", "")
    return {Fact.SIMULATED: f"{studies} simulated studies, not patients (tfspine phantom)"}


def _of_deidentify(content: Mapping[str, Any]) -> dict[Fact, str]:
    return {Fact.DEIDENTIFICATION: "DICOM PS3.15 profile, with a search for what is left (tfspine deidentify)"}


def _of_ingest(content: Mapping[str, Any]) -> dict[Fact, str]:
    details = content.get("details", {})
    return {
        Fact.PREPARATION: (
            f"series chosen by how they were measured, one window to 8 bits a series; {details.get('studies', '?')} "
            f"studies, {details.get('slices', '?')} slices, {details.get('refused', '?')} files refused with reasons"
        )
    }


def _of_exclude(content: Mapping[str, Any]) -> dict[Fact, str]:
    limits = content.get("config", {}).get("exclusions", {})
    return {Fact.FLOW: f"exclusions by measured limits: {_words(limits)}"}


def _of_records(content: Mapping[str, Any]) -> dict[Fact, str]:
    shares = content.get("config", {}).get("split", {})
    return {
        Fact.PARTITION: (
            f"patients at random by seed {content.get('config', {}).get('seed')}: validation "
            f"{shares.get('validation')}, test {shares.get('test')}, the rest trains; no patient in two parts"
        )
    }


def _of_train(content: Mapping[str, Any]) -> dict[Fact, str]:
    config, details = content.get("config", {}), content.get("details", {})
    is_grader = details.get("kind") in (RunKind.GRADER, RunKind.GRADER_VERSIONS)
    facts = {Fact.SELECTION: "by loss on validation" if is_grader else ""}
    detector, grader = config.get("detector", {}), config.get("grader", {})
    facts[Fact.TRAINING] = (
        f"experiment {config.get('name')}, seed {config.get('seed')}; detector: {detector.get('steps')} steps of "
        f"{detector.get('batch_size')}, learning rate {detector.get('learning_rate')}; grader: {grader.get('epochs')} "
        f"epochs of {grader.get('batch_size')}, loss {grader.get('loss')}"
    )
    facts[Fact.INITIAL_WEIGHTS] = detector.get("checkpoint") or "at random"
    facts[Fact.MODEL] = (
        f"Faster R-CNN ResNet-{detector.get('backbone_depth')}; grader of {len(grader.get('filters', []))} "
        "convolution blocks and two dense layers"
    )
    return facts


def _of_predict(content: Mapping[str, Any]) -> dict[Fact, str]:
    models = content.get("details", {}).get("models", {})
    versions = content.get("packages", {})
    libraries = [
        f"{name} {versions[name]}" for name in ("tensorflow", "tf-models-official", "keras") if name in versions
    ]
    return {
        Fact.SOFTWARE: ", ".join([f"tfspine {content.get('tfspine')}", *libraries]),
        Fact.CODE: f"tfspine commit {content['commit'][:10]}" if content.get("commit") else "",
        Fact.PROTOCOL: f"exported as {_words(models)}" if models else "",
    }


def _of_explain(content: Mapping[str, Any]) -> dict[Fact, str]:
    count = content.get("details", {}).get("heatmaps", 0)
    return {Fact.EXPLANATION: f"Integrated Gradients of {count} regions, completeness checked"}


_READERS = {
    "phantom": _of_phantom,
    "deidentify": _of_deidentify,
    "ingest": _of_ingest,
    "exclude": _of_exclude,
    "records": _of_records,
    "train": _of_train,
    "predict": _of_predict,
    "explain": _of_explain,
}
"""What can be learnt from the manifest of each command."""


def _read(folder: Path) -> dict[str, Any]:
    path = folder / FILE_NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise EvaluationError(f"{path}: not a readable manifest; name a folder that a tfspine command wrote") from None
    return content


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
