"""The whole pipeline on simulated patients: steps of `tfspine demo` and `tfspine demo --quick` (`steps.run_steps`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfspine.config import Experiment, as_dict
from tfspine.formats.labelimg_xml import LABELS_FOLDER
from tfspine.formats.splits_csv import SPLITS_FILE
from tfspine.labels import Plane
from tfspine.manifest import claim_folder
from tfspine.workflows.chain import (
    Chain,
    ingest_step,
    label_steps,
    reading_steps,
    training_steps,
)
from tfspine.workflows.phantom import simulate
from tfspine.workflows.predict import PredictOptions, predict
from tfspine.workflows.read_studies import ReadingOptions
from tfspine.workflows.samples import simulated_samples
from tfspine.workflows.steps import Step, in_turn

SALT_FILE = "pseudonyms.salt"
"""A fixed salt: simulated patients need no protection, and the pseudonyms decide which patients are in the test set."""

SALT = "no secret: simulated patients\n"
"""Divides the demo's 80 patients into 61, 7 and 12, which is close to the configured shares."""

NOTICE = "Simulated patients. Research software, not a medical device."

KNOWN_S = {
    "samples": 3.0,
    "phantom": 104.0,
    "ingest": 14.0,
    "check": 1.0,
    "split": 1.0,
    "records": 8.0,
    "detector-axial": 114.0,
    "detector-sagittal": 105.0,
    "grader-central_canal": 89.0,
    "grader-lateral_recess": 58.0,
    "grader-neural_foramen": 66.0,
    "export-axial": 30.0,
    "export-sagittal": 30.0,
    "predict": 45.0,
    "evaluate": 7.0,
    "explain": 7.0,
    "report": 3.0,
}
"""Seconds of each step of `experiments/demo.toml` on two cores, half of what it took where two ran at once."""


QUICK_KNOWN_S = {
    "phantom": 4.0,
    "ingest": 2.0,
    "check": 1.0,
    "split": 1.0,
    "network": 70.0,
    "evaluate": 8.0,
    "report": 2.0,
}
"""The same of `experiments/demo_quick.toml`."""


def begin(out: Path, *, command: str, experiment: Experiment, inputs: Sequence[Path]) -> None:
    """Make the folder of a whole chain of steps, or continue in one that the same command began.

    Raises:
        OutputError: the folder holds something else.
    """
    from tfspine.dicom.deidentify.pseudonyms import write_private

    claim_folder(out, command=command, config=as_dict(experiment), inputs=inputs)
    if not (out / SALT_FILE).exists():
        write_private(out / SALT_FILE, SALT)


def plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order."""
    chain = _chain(out, experiment)
    steps = (*_data_steps(chain), *training_steps(chain), *reading_steps(chain, runs=(out / "phantom",)))
    return tuple(_measured(step) for step in steps)


def training_plan(out: Path, experiment: Experiment, planes: Sequence[Plane]) -> tuple[Step, ...]:
    """Return the steps from simulated patients to the SavedModels of some planes, in order."""
    chain = _chain(out, experiment)
    return tuple(_measured(step) for step in (*_data_steps(chain), *training_steps(chain, planes)))


def quick_plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return the steps of a two-minute demo: three patients, and a network that is too small for correct results.

    The functions that import TensorFlow share one process, because the import takes longer than the work.
    """
    chain = replace(_chain(out, experiment), notice=quick_notice(experiment), title="tfspine in two minutes")
    *data, records = label_steps(chain)
    _, evaluate, explain, report = reading_steps(chain, runs=(out / "phantom",))
    options = PredictOptions(ReadingOptions(model=out / "exported"), splits=chain.splits, split="test")
    read = partial(predict, out / "slices", out / "predictions", options)
    network = Step(
        "network",
        partial(in_turn, records.call, *(step.call for step in training_steps(chain)), read, explain.call),
        tuple(out / name for name in ("records", "runs", "exported", "predictions", "explained")),
        needs=records.needs,
        sections=("records", "detector", "grader", "training", "overrides", "explain"),
        goes_on=True,
        is_apart=True,
    )
    evaluate, report = replace(evaluate, needs=("network",)), replace(report, needs=("evaluate",))
    ingest = ingest_step(chain, needs=("phantom",))
    steps = (phantom_step(out / "phantom", experiment), ingest, *data, network, evaluate, report)
    return tuple(replace(step, known_s=QUICK_KNOWN_S[step.name]) for step in steps)


def quick_notice(experiment: Experiment) -> str:
    """Return the notice at the top of a quick demo's page."""
    return (
        f"A tiny network, trained for {experiment.detector.steps} steps in this demo; its grades mean nothing. {NOTICE}"
    )


def _chain(out: Path, experiment: Experiment) -> Chain:
    phantom = out / "phantom"
    return Chain(
        out,
        experiment,
        dicom=phantom / "dicom",
        labels=phantom / LABELS_FOLDER,
        salt=out / SALT_FILE,
        splits=out / SPLITS_FILE,
        notice=NOTICE,
    )


def _data_steps(chain: Chain) -> Iterator[Step]:
    yield samples_step(chain)
    yield phantom_step(chain.at("phantom"), chain.experiment)
    yield ingest_step(chain, needs=("phantom",))
    yield from label_steps(chain)


def samples_step(chain: Chain) -> Step:
    """Return the step that draws the first patient, as a preview while the others are simulated."""
    one = replace(chain.experiment.phantom, studies=1, workers=1)
    samples = chain.at("samples")
    return Step("samples", partial(simulated_samples, samples, one, seed=chain.experiment.seed), (samples,))


def phantom_step(folder: Path, experiment: Experiment, *, suffix: str = "") -> Step:
    """Return the step that simulates a cohort."""
    return Step(f"phantom{suffix}", partial(simulate, folder, experiment), (folder,), sections=("phantom",))


def _measured(step: Step) -> Step:
    return replace(step, known_s=KNOWN_S[step.name])
