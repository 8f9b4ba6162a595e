"""How many examples a second the tf.data pipelines deliver alone, without a network that consumes them.

    python experiments/benchmarks/pipelines.py --records demo/records --experiment experiments/demo.toml

For a grader the first pass, which decodes the slices and cuts the crops, is timed apart from the later ones, which read
crops from memory and augment them. The detector's pipeline decodes, resizes and matches anchors in every pass. Medians
of several runs; `training_step.py` compares the same pipelines with a network's step.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfspine.config import Experiment
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region
from tfspine.models import garden
from tfspine.records.folder import RecordFolder, open_records
from tfspine.records.order import training_order
from tfspine.training import runtime
from tfspine.training.grader import datasets

BATCHES = 20
"""Batches of one run; the batches before them fill the buffers."""


def main() -> None:
    """Time the grader's pipeline of each region and the detector's of each plane."""
    args = benchmark_parser(__doc__).parse_args()
    experiment = runtime.prepare(load_experiment(args.experiment, args.set))
    result = {str(region): grader_rates(args.records, region, experiment, runs=args.runs) for region in Region}
    for plane in Plane:
        batches = detector_batches(open_records(args.records, plane=plane, experiment=experiment), plane, experiment)
        size = experiment.detector.batch_size
        result[f"{plane} detector"] = {"images_per_s": rate(iter(batches), size, runs=args.runs)}
    print(json.dumps(result, indent=2))


def benchmark_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the arguments that both benchmarks of training share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True, help="folder that tfspine records wrote")
    parser.add_argument("--experiment", type=Path, required=True, help="the experiment that the records were made for")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override one setting; repeatable")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts (%(default)s)")
    return parser


def grader_rates(records: Path, region: Region, experiment: Experiment, *, runs: int) -> dict[str, float]:
    """Return crops per second of a region: decoded once at the start, and delivered in every epoch."""
    opened = open_records(records, plane=region.plane, experiment=experiment)
    started = time.perf_counter()
    train, _ = datasets(opened, region=region, experiment=experiment)
    decoded = sum(opened.grade_counts(region, "train").values()) / (time.perf_counter() - started)
    size = experiment.grader.batch_size
    return {"decoded_crops_per_s": decoded, "crops_per_s": rate(full_batches(train, size), size, runs=runs)}


def detector_batches(records: RecordFolder, plane: Plane, experiment: Experiment) -> tf.data.Dataset:
    """Return the detector's training batches, as its training reads them."""
    files = records.files("train")
    params = garden.to_experiment(experiment, plane, train_files=files)
    examples = partial(training_order, files, seed=experiment.seed, shuffle_buffer=experiment.detector.shuffle_buffer)
    task = garden.DetectorTask(params.task, detector=experiment.detector, examples=examples)
    return task.build_inputs(params.task.train_data)


def full_batches(train: tf.data.Dataset, size: int) -> Iterator[Any]:
    """Yield the batches of one epoch after the other, without the smaller last one of each epoch."""
    return iter(train.filter(lambda crops, grades: tf.shape(grades)[0] == size))


def rate(batches: Iterator[Any], size: int, *, runs: int) -> float:
    """Return how many examples a second an iterator delivers: the median over runs of `BATCHES` batches of `size`."""
    for _ in itertools.islice(batches, BATCHES):
        pass
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        for _ in itertools.islice(batches, BATCHES):
            pass
        seconds.append(time.perf_counter() - started)
    return BATCHES * size / statistics.median(seconds)


if __name__ == "__main__":
    main()
