"""Training the Faster R-CNN with the Model Garden's own task, losses, parser and trainer.

The run folder holds the Model Garden's files (checkpoints, `params.yaml`, TensorBoard events under `train/`),
`history.csv`, `loaded.csv` and, once the last step is done, `manifest.json`. A run without a manifest is resumed from
its newest checkpoint; later steps are trained again, and their rows are removed from the history.
"""

import atexit
import contextlib
import io
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import tensorflow as tf
from official.core import base_trainer, train_lib, train_utils

from tfspine.config import BatchNorm, Experiment, Strategy, as_dict
from tfspine.errors import ModelError, StoppedError
from tfspine.formats.loaded_csv import parts_loaded, read_loaded, write_loaded
from tfspine.formats.validated_csv import best_step, read_validated
from tfspine.labels import Plane
from tfspine.manifest import RunKind, write_manifest
from tfspine.models import garden
from tfspine.models.checkpoints import find_checkpoint
from tfspine.models.image_size import canvas_for
from tfspine.progress import counted
from tfspine.records.folder import RecordFolder
from tfspine.records.order import training_order
from tfspine.records.parsing import image_sizes_px
from tfspine.training import runtime
from tfspine.training.detector_progress import DetectorProgress
from tfspine.training.detector_validation import CheckpointValidation
from tfspine.training.preemption import stop_requests
from tfspine.training.run_log import open_run_log
from tfspine.training.runs import newest_step
from tfspine.training.throughput import TimedTrainer

_log = logging.getLogger(__name__)

LOG_FILE = "train.log"
GARDEN_LOGGERS = ("absl", "tensorflow")


def train_detector(records: RecordFolder, *, plane: Plane, experiment: Experiment, run_folder: Path) -> None:
    """Train the detector of `plane` on the training records, or resume a run that was interrupted.

    Under `Strategy.MULTIWORKER` every worker runs this with its own TF_CONFIG and the same `run_folder`; only the
    first worker writes there.

    Raises:
        ConfigError: the devices do not exist, or cannot share a batch evenly.
        ModelError: the initial checkpoint is missing, or the loss diverged.
        StoppedError: the process was asked to end; a checkpoint of the last step has been written.
    """
    _require_checkpoint(experiment)
    experiment = runtime.prepare(experiment, gpus=runtime.gpus_for(experiment))
    strategy = runtime.make_strategy(experiment.training.strategy)
    parts = experiment.detector.accumulated_batches
    runtime.require_even_batch(strategy, experiment.detector.batch_size, parts=parts)
    files = records.files("train")
    experiment = _with_canvas(experiment, records)
    params = garden.to_experiment(experiment, plane, train_files=files)
    detector = experiment.detector
    examples = partial(
        training_order,
        files,
        seed=experiment.seed,
        shuffle_buffer=detector.shuffle_buffer,
        start=newest_step(run_folder) * detector.batch_size,
    )
    is_chief = experiment.training.strategy is not Strategy.MULTIWORKER or strategy.extended.should_save_summary
    if is_chief:
        run_folder.mkdir(parents=True, exist_ok=True)
        train_utils.serialize_config(params, str(run_folder))
    with strategy.scope():
        task = garden.DetectorTask(params.task, detector=detector, examples=examples, logging_dir=str(run_folder))
        # TensorFlow refuses to read a clock while its operations are deterministic.
        kind = base_trainer.Trainer if experiment.training.deterministic else TimedTrainer
        trainer = train_utils.create_trainer(params, task, train=True, evaluate=False, trainer_cls=kind)
    validation = None
    if is_chief and detector.validation_images:
        validation = CheckpointValidation(records, plane, experiment, run_folder)
    steps, title = params.trainer.train_steps, f"{plane} detector"
    with (
        open_run_log(run_folder, experiment) if is_chief else contextlib.nullcontext() as log,
        _garden_log(run_folder),
        counted(title, steps, is_shown=is_chief) as counter,
        stop_requests() as request,
    ):
        progress = DetectorProgress(counter, title, steps, batch_size=detector.batch_size, log=log)
        runner = _Runner(
            distribution_strategy=strategy,
            task=task,
            trainer=trainer,
            mode="train",
            params=params,
            model_dir=str(run_folder),
            save_summary=is_chief,
            train_actions=[progress, lambda _: request.obey(f"{run_folder}: {progress.step} of {steps} steps")],
        )
        # At this point the newest checkpoint has been restored.
        progress.follow(runner.trainer.global_step)
        if is_chief and task.loaded:
            write_loaded(run_folder, [row for part in task.loaded for row in part.rows()])
        if validation:
            validation.follow(progress.step)
        try:
            for step in _checkpoints(progress.step, steps, every=detector.steps_between_checkpoints):
                if step > progress.step:
                    # Not runner.run(): it also counts the graph's operations, which takes most of a minute for a line.
                    with strategy.scope():
                        runner.controller.train(steps=step)
                # Outside the strategy, whose variables belong to all workers: this process alone validates.
                if validation:
                    progress.tell_validation(validation.measure(step))
        except StoppedError:
            # Saving needs all workers at the same step, where each may have been asked to end at another one.
            if experiment.training.strategy is not Strategy.MULTIWORKER:
                runner.controller.save_checkpoint()
            raise
        except RuntimeError as error:
            if "loss" not in str(error):
                raise
            raise ModelError(f"{run_folder}: the loss diverged: {error}; lower detector.learning_rate") from error
    if is_chief:
        details = {
            "kind": RunKind.DETECTOR,
            "plane": plane,
            "steps": int(runner.trainer.global_step.numpy()),
            "devices": strategy.num_replicas_in_sync,
            "images_per_device": experiment.detector.batch_size // strategy.num_replicas_in_sync,
        }
        if validated := read_validated(run_folder):
            details["best_step"] = best_step(validated)
        if loaded := read_loaded(run_folder):
            details["loaded"] = parts_loaded(loaded)
        write_manifest(
            run_folder, command="train", config=as_dict(experiment), inputs=[records.folder], details=details
        )


def _checkpoints(step: int, steps: int, *, every: int) -> Iterator[int]:
    """Yield the steps at which a run is saved, beginning with the one that it has come to, where it was saved."""
    if step:
        yield step
    while step < steps:
        step = min((step // every + 1) * every, steps)
        yield step


class _Runner(train_lib.OrbitExperimentRunner):
    """The Model Garden's runner, whose workers all resume from the chief's checkpoint.

    Every worker takes part in saving, and all but the chief save into a temporary folder, in which the Model Garden
    would also look for a checkpoint to resume from.
    """

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        manager = super()._maybe_build_checkpoint_manager()
        if self.strategy.extended.should_checkpoint:
            return manager
        atexit.register(shutil.rmtree, manager.directory, ignore_errors=True)
        return tf.train.CheckpointManager(
            self.trainer.checkpoint,
            directory=manager.directory,
            max_to_keep=1,
            step_counter=self.trainer.global_step,
            checkpoint_interval=manager.checkpoint_interval,
            init_fn=self._resume_or_initialize,
        )

    def _resume_or_initialize(self) -> None:
        newest = tf.train.latest_checkpoint(self.model_dir)
        if newest:
            self.trainer.checkpoint.restore(newest)
        else:
            self.trainer.initialize()


def _with_canvas(experiment: Experiment, records: RecordFolder) -> Experiment:
    """Return the experiment with the canvas that holds the images of all splits, where it names none."""
    if all(experiment.detector.canvas_px):
        return experiment
    sizes = image_sizes_px([path for split in records.shards if records.shards[split] for path in records.files(split)])
    return replace(experiment, detector=replace(experiment.detector, canvas_px=canvas_for(experiment.detector, sizes)))


def _require_checkpoint(experiment: Experiment) -> None:
    checkpoint = experiment.detector.checkpoint
    if not checkpoint:
        if experiment.detector.batch_norm is BatchNorm.FROZEN:
            _log.warning(
                "detector.batch_norm = frozen without detector.checkpoint: nothing normalises the activations, because "
                "the running moments of a new network are 0 and 1"
            )
        return
    try:
        find_checkpoint(checkpoint)
    except ModelError as error:
        reason = str(error).removeprefix(f"{checkpoint}: ")
        raise ModelError(
            f'detector.checkpoint = "{checkpoint}": {reason}, or --set detector.checkpoint="" to train from scratch'
        ) from None


@contextlib.contextmanager
def _garden_log(run_folder: Path) -> Iterator[None]:
    """Write the Model Garden's log to `train.log` and drop its output to the terminal, which repeats the log."""
    loggers = [logging.getLogger(name) for name in GARDEN_LOGGERS]
    former = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    handler = _LogFile(run_folder / LOG_FILE, delay=True)
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, (handlers, propagates, level) in zip(loggers, former, strict=True):
            logger.handlers, logger.propagate = handlers, propagates
            logger.setLevel(level)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log file that ignores write errors: if the disk is full, saving the next checkpoint reports it once."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is Python's)
        """Do nothing."""
