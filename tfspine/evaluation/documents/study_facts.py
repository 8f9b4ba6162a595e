"""What a run knows of its own study, for checklists and the model card: each fact with the place where it stands.

Facts come from the manifests that every command writes (here), and from the evaluation itself (`result_facts.py`). What
neither says is not guessed: it is missing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.hashes import MANIFEST
from tfspine.manifest import RunKind


class Fact(StrEnum):
    """What a checklist item can ask for and a run can know."""

    ACCURACY = "accuracy"
    CALIBRATION = "calibration"
    CODE = "code"
    COHORT = "cohort"
    CROSS_TABLE = "cross_table"
    CUT_OFF = "cut_off"
    DEIDENTIFICATION = "deidentification"
    DEMOGRAPHICS = "demographics"
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
    """Return what the manifests of the folders of other commands say; of several on one thing, what each of them says.

    Raises:
        EvaluationError: a folder has no manifest, or one that cannot be read.
    """
    said: dict[Fact, list[Answer]] = {}
    for folder in folders:
        content = _read(folder)
        where = f"{folder.name}/{MANIFEST}"
        reader = _READERS.get(content.get("command", ""))
        if reader is not None:
            for fact, text in reader(content).items():
                said.setdefault(fact, []).extend([Answer(text, where)] if text else [])
    return {fact: _together(answers) for fact, answers in said.items() if answers}


def _together(answers: Sequence[Answer]) -> Answer:
    """Return several answers as one, each text and each place once."""
    texts = dict.fromkeys(answer.text for answer in answers)
    return Answer("; ".join(texts), ", ".join(dict.fromkeys(answer.where for answer in answers)))


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
    is_grader = details.get("kind") in (RunKind.GRADER, RunKind.GRADER_MEMBERS)
    facts = {Fact.SELECTION: "by loss on validation" if is_grader else ""}
    detector, grader = config.get("detector", {}), config.get("grader", {})
    facts[Fact.TRAINING] = (
        f"experiment {config.get('name')}, seed {config.get('seed')}; detector: {detector.get('steps')} steps of "
        f"{detector.get('batch_size')}, learning rate {detector.get('learning_rate')}; grader: {grader.get('epochs')} "
        f"epochs of {grader.get('batch_size')}, loss {grader.get('loss')}"
    )
    # Its name and folder: a card travels, and where a machine keeps its files is nobody's business.
    checkpoint = "" if is_grader else "/".join(Path(detector.get("checkpoint", "")).parts[-2:]).lstrip("/")
    facts[Fact.INITIAL_WEIGHTS] = f"{'grader' if is_grader else 'detector'}: {checkpoint or 'at random'}"
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
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise EvaluationError(f"{path}: not a readable manifest; name a folder that a tfspine command wrote") from None
    return content


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
