"""One update of a detector's weights from the summed gradients of several parts of a batch, for less memory.

It can also leave some weights as they are for a number of updates, in one graph, so that a resumed run does the same.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from official.vision.tasks import maskrcnn

from tfspine.models.draws import SEED, seeded_draws


def accumulated_step(
    task: maskrcnn.MaskRCNNTask,
    inputs: tuple[Any, Any],
    model: tf_keras.Model,
    optimizer: tf_keras.optimizers.Optimizer,
    metrics: Sequence[Any],
    *,
    parts: int,
    frozen: Sequence[tf.Variable] = (),
    frozen_steps: int = 0,
) -> dict[str, tf.Tensor]:
    """Update the weights once, as `MaskRCNNTask.train_step` does, holding the activations of one part at a time.

    Batch normalisation sees each part alone; everything else is a mean over images, so that the update is that of the
    whole batch.

    Args:
        task: gives the losses.
        inputs: images and labels of one device, tensors [N, ...] with N a multiple of `parts`.
        model: the network.
        optimizer: as the trainer made it, with loss scaling in float16.
        metrics: updated with the losses of each part.
        parts: the number of parts.
        frozen: weights that do not change in the first `frozen_steps` updates, nor their momentum.
        frozen_steps: how many updates that are.

    Returns:
        the mean of the parts' total losses.
    """
    weights = model.trainable_variables
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    is_scaled = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)

    def add_part(part: tf.Tensor, total: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images, labels = tf.nest.map_structure(lambda values: _part(values, part, parts), inputs)
        with tf.GradientTape() as tape, seeded_draws(labels[SEED]):
            losses = _losses(task, model, images, labels)
            loss = losses["total_loss"] / (replicas * parts)
            scaled = optimizer.get_scaled_loss(loss) if is_scaled else loss
        gradients = tape.gradient(scaled, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for metric in metrics:
            metric.update_state(losses[metric.name])
        return part + 1, total + losses["total_loss"], *(old + new for old, new in zip(sums, gradients, strict=True))

    start = (tf.constant(0), tf.constant(0.0), *(tf.zeros_like(weight) for weight in weights))
    _, total, *sums = tf.while_loop(lambda part, *_: part < parts, add_part, start, parallel_iterations=1)
    gradients = optimizer.get_unscaled_gradients(sums) if is_scaled else sums
    still = {weight.ref() for weight in frozen}
    is_free = tf.cast(optimizer.iterations >= frozen_steps, tf.float32)
    gradients = [
        gradient * is_free if weight.ref() in still else gradient
        for weight, gradient in zip(weights, gradients, strict=True)
    ]
    optimizer.apply_gradients(list(zip(gradients, weights, strict=True)))
    return {task.loss: total / parts}


def _losses(task: maskrcnn.MaskRCNNTask, model: tf_keras.Model, images: tf.Tensor, labels: Any) -> dict[str, tf.Tensor]:
    outputs = model(
        images,
        image_shape=labels["image_info"][:, 1, :],
        anchor_boxes=labels["anchor_boxes"],
        gt_boxes=labels["gt_boxes"],
        gt_classes=labels["gt_classes"],
        training=True,
    )
    outputs = tf.nest.map_structure(lambda values: tf.cast(values, tf.float32), outputs)
    return task.build_losses(outputs=outputs, labels=labels, aux_losses=model.losses)


def _part(values: tf.Tensor, part: tf.Tensor, parts: int) -> tf.Tensor:
    """Return one part of tensors [N, ...]: [N / parts, ...], of known shape."""
    return tf.reshape(values, [parts, values.shape[0] // parts, *values.shape[1:]])[part]
