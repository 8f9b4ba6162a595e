"""How long a training step takes: alone, with its pipeline, and beside the least that this machine could need.

    python experiments/benchmarks/training_step.py --records demo/records --experiment experiments/demo.toml

In one process, for one grader and the axial detector, in float32 and, if `auto` chooses another precision, in that (or
in those of `--precision`):

- `step_s`: seconds of a step that gets the same batch again and again;
- `with_pipeline_s`: of a step that reads its batches from the records; `input_wait` is the share that this adds;
- `pipeline_s`: of a batch that nothing consumes (`pipelines.py`);
- `floor_s`: floating-point operations of the step's convolutions and matrix products (TensorFlow's own count), over the
  rate of a large matrix product in the same precision, measured in the same run. `of_floor` is the share of a step that
  the floor makes up: 1 would be a step of nothing but perfect matrix products;
- `keras_norms_s`: a grader's step with Keras' own batch normalisation instead of the fused one;
- `peak_bytes`: the most memory of the first GPU that TensorFlow has used so far; missing without a GPU.

Medians of several runs. Times on a busy machine mean little; the load is written down.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from pipelines import benchmark_parser, detector_batches, full_batches

from tfspine.config import Experiment, Precision, as_dict
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region
from tfspine.manifest import write_manifest
from tfspine.models import garden
from tfspine.models.batch_norm import with_keras_norms
from tfspine.outputs import write_text
from tfspine.records.folder import open_records
from tfspine.training import runtime
from tfspine.training.grader import compile_grader, datasets

STEPS = 10
"""Steps of one run."""

MATRIX = 2048
"""Rows and columns of the matrices of which the product's rate is measured."""

PRODUCTS = {"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "MatMul", "BatchMatMulV2"}
"""Operations that are counted, by TensorFlow's name."""

REGION, PLANE = Region.CENTRAL_CANAL, Plane.AXIAL

COMPUTED_IN = {Precision.FP32: tf.float32, Precision.FP16: tf.float16, Precision.BF16: tf.bfloat16}


def main() -> None:
    """Time both networks in each precision, and print and write the medians."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--precision", type=Precision, nargs="+", choices=list(COMPUTED_IN), help="precisions to measure"
    )
    parser.add_argument("--out", type=Path, help="folder for benchmark.json and its manifest")
    args = parser.parse_args()
    experiment = load_experiment(args.experiment, args.set)
    result: dict[str, Any] = {"load": os.getloadavg()[0], "cores": os.cpu_count(), "devices": _devices()}
    for precision in args.precision or _precisions(experiment):
        training = replace(experiment.training, precision=precision)
        chosen = runtime.prepare(replace(experiment, training=training))
        result[precision] = {
            "matrix_product_flop_per_s": (product := _product_rate(COMPUTED_IN[precision], runs=args.runs)),
            "grader": _shares(_grader(args.records, chosen, runs=args.runs), product),
            "detector": _shares(_detector(args.records, chosen, runs=args.runs), product),
            **_peak(),
        }
    document = json.dumps(result, indent=2)
    print(document)
    if args.out:
        write_text(args.out / "benchmark.json", document + "\n")
        write_manifest(args.out, command="benchmark", config=as_dict(experiment), inputs=[args.out / "benchmark.json"])


def _precisions(experiment: Experiment) -> list[Precision]:
    automatic = replace(experiment, training=replace(experiment.training, precision=Precision.AUTO))
    return list(dict.fromkeys((Precision.FP32, runtime.prepare(automatic).training.precision)))


def _devices() -> list[str]:
    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus] or ["cpu"]


def _peak() -> dict[str, int]:
    if not tf.config.list_physical_devices("GPU"):
        return {}
    return {"peak_bytes": tf.config.experimental.get_memory_info("GPU:0")["peak"]}


def _grader(folder: Path, experiment: Experiment, *, runs: int) -> dict[str, float]:
    records = open_records(folder, plane=REGION.plane, experiment=experiment)
    train, _ = datasets(records, region=REGION, experiment=experiment)
    batches = full_batches(train, experiment.grader.batch_size)
    first = next(batches)
    model = compile_grader(records, region=REGION, experiment=experiment)
    plain = with_keras_norms(model)
    plain.compile(optimizer=keras.optimizers.Adam(), loss=model.loss, jit_compile=model.jit_compile)
    return {
        "batch": experiment.grader.batch_size,
        "step_s": _median_s(lambda: model.train_on_batch(*first), runs),
        "keras_norms_s": _median_s(lambda: plain.train_on_batch(*first), runs),
        "with_pipeline_s": _median_s(lambda: model.train_on_batch(*next(batches)), runs),
        "pipeline_s": _median_s(lambda: next(batches), runs),
        "flop": _count(lambda crops, grades: _grader_gradients(model, crops, grades), first),
    }


def _grader_gradients(model: keras.Sequential, crops: tf.Tensor, grades: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        loss = model.compute_loss(crops, grades, model(crops, training=True))
    return tape.gradient(loss, [weight.value for weight in model.trainable_weights])


def _detector(folder: Path, experiment: Experiment, *, runs: int) -> dict[str, float]:
    records = open_records(folder, plane=PLANE, experiment=experiment)
    dataset = detector_batches(records, PLANE, experiment)
    batches: Iterator[Any] = iter(dataset)
    first = next(batches)
    params = garden.to_experiment(experiment, PLANE, train_files=records.files("train"))
    task = garden.DetectorTask(params.task, detector=experiment.detector)
    model = task.build_model()
    optimizer = task.create_optimizer(params.trainer.optimizer_config, params.runtime)
    step = tf.function(lambda batch: task.train_step(batch, model, optimizer, metrics=None))
    return {
        "batch": experiment.detector.batch_size,
        "step_s": _median_s(lambda: step(first), runs),
        "with_pipeline_s": _median_s(lambda: step(next(batches)), runs),
        "pipeline_s": _median_s(lambda: next(batches), runs),
        "flop": _count(lambda batch: task.train_step(batch, model, optimizer, metrics=None), [first]),
    }


def _median_s(call: Callable[[], Any], runs: int) -> float:
    """Return the median over runs of the seconds of one of `STEPS` calls, after some that are not counted."""
    for _ in range(3):
        call()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        for _ in range(STEPS):
            call()
        seconds.append((time.perf_counter() - started) / STEPS)
    return statistics.median(seconds)


def _product_rate(dtype: tf.DType, *, runs: int) -> float:
    """Return floating-point operations per second of a product of two square matrices."""
    matrix = tf.cast(tf.random.stateless_normal((MATRIX, MATRIX), (1, 2)), dtype)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)[0]))
    return 2.0 * MATRIX**3 / _median_s(lambda: float(product()), runs)


def _count(step: Callable[..., Any], inputs: Any) -> float:
    """Return the floating-point operations of the convolutions and matrix products of one step."""
    graph = tf.function(step).get_concrete_function(*inputs).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    counted, nodes = 0.0, [profiler.profile(graph, cmd="op", options=options.build())]
    for node in nodes:
        nodes.extend(node.children)
        counted += node.float_ops if node.name in PRODUCTS else 0
    return counted


def _shares(times: dict[str, float], product_rate: float) -> dict[str, float]:
    floor_s = times["flop"] / product_rate
    return times | {
        "images_per_s": times["batch"] / times["with_pipeline_s"],
        "input_wait": max(0.0, 1.0 - times["step_s"] / times["with_pipeline_s"]),
        "floor_s": floor_s,
        "of_floor": floor_s / times["step_s"],
    }


if __name__ == "__main__":
    main()
