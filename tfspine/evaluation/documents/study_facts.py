"""What a run recorded about its own study, for checklists and the model card: each fact with its source.

Facts come from the manifests that every command writes (here), and from the evaluation itself (`measured_facts.py`).
What neither contains is missing; nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.hashes import MANIFEST
from tfspine.manifest import Manifest, RunKind, require_manifest


class Fact(StrEnum):
    """What a checklist item can require and a run can know."""

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
    """A known fact as text, and the file or folder that contains it."""

    text: str
    where: str


Facts = Mapping[Fact, Answer]


def manifest_facts(folders: Sequence[Path]) -> dict[Fact, Answer]:
    """Return the facts in the manifests of other commands' folders; several on one subject are all kept.

    Raises:
        FormatError: a folder has no manifest, or one that cannot be read.
    """
    said: dict[Fact, list[Answer]] = {}
    for folder in folders:
        manifest = require_manifest(folder)
        where = f"{folder.name}/{MANIFEST}"
        reader = _READERS.get(manifest.command)
        if reader is not None:
            for fact, text in reader(manifest).items():
                said.setdefault(fact, []).extend([Answer(text, where)] if text else [])
    return {fact: _together(answers) for fact, answers in said.items() if answers}


def _together(answers: Sequence[Answer]) -> Answer:
    """Return several answers as one, each text and each place once."""
    texts = dict.fromkeys(answer.text for answer in answers)
    return Answer("; ".join(texts), ", ".join(dict.fromkeys(answer.where for answer in answers)))


def _of_phantom(manifest: Manifest) -> dict[Fact, str]:
    studies = manifest.details.get("studies", "")
    return {Fact.SIMULATED: f"{studies} simulated studies, not patients (tfspine phantom)"}


def _of_deidentify(manifest: Manifest) -> dict[Fact, str]:
    return {Fact.DEIDENTIFICATION: "DICOM PS3.15 profile, with a search for what is left (tfspine deidentify)"}


def _of_ingest(manifest: Manifest) -> dict[Fact, str]:
    details = manifest.details
    return {
        Fact.PREPARATION: (
            f"series chosen by how they were measured, one window to 8 bits per series; {details.get('studies', '?')} "
            f"studies, {details.get('slices', '?')} slices, {details.get('refused', '?')} files refused with reasons"
        )
    }


def _of_exclude(manifest: Manifest) -> dict[Fact, str]:
    return {Fact.FLOW: f"exclusions by measured limits: {_words(manifest.section('exclusions'))}"}


def _of_records(manifest: Manifest) -> dict[Fact, str]:
    shares = manifest.section("split")
    return {
        Fact.PARTITION: (
            f"patients at random by seed {manifest.seed}: validation "
            f"{shares.get('validation')}, test {shares.get('test')}, the rest for training; no patient in two parts"
        )
    }


def _of_train(manifest: Manifest) -> dict[Fact, str]:
    is_grader = manifest.kind in (RunKind.GRADER, RunKind.GRADER_MEMBERS)
    facts = {Fact.SELECTION: "by loss on validation" if is_grader else ""}
    detector, grader = manifest.section("detector"), manifest.section("grader")
    facts[Fact.TRAINING] = (
        f"experiment {manifest.experiment}, seed {manifest.seed}; detector: {detector.get('steps')} steps of "
        f"{detector.get('batch_size')}, learning rate {detector.get('learning_rate')}; grader: {grader.get('epochs')} "
        f"epochs of {grader.get('batch_size')}, loss {grader.get('loss')}"
    )
    # Only its name and folder: a card is shared, and paths of the local machine do not belong in it.
    checkpoint = "" if is_grader else "/".join(Path(detector.get("checkpoint", "")).parts[-2:]).lstrip("/")
    facts[Fact.INITIAL_WEIGHTS] = f"{'grader' if is_grader else 'detector'}: {checkpoint or 'at random'}"
    facts[Fact.MODEL] = (
        f"Faster R-CNN ResNet-{detector.get('backbone_depth')}; grader of {len(grader.get('filters', []))} "
        "convolution blocks and two dense layers"
    )
    return facts


def _of_predict(manifest: Manifest) -> dict[Fact, str]:
    versions = manifest.packages
    libraries = [
        f"{name} {versions[name]}" for name in ("tensorflow", "tf-models-official", "keras") if name in versions
    ]
    return {
        Fact.SOFTWARE: ", ".join([f"tfspine {manifest.tfspine}", *libraries]),
        Fact.CODE: f"tfspine commit {manifest.commit[:10]}" if manifest.commit else "",
        Fact.PROTOCOL: f"exported as {_words(manifest.models)}" if manifest.models else "",
    }


def _of_explain(manifest: Manifest) -> dict[Fact, str]:
    count = manifest.details.get("heatmaps", 0)
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
"""What can be learned from the manifest of each command."""


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
