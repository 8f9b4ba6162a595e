"""The Model Garden's settings of its trainer: the length of a run, what it writes, and how the weights are updated."""

from typing import Any

from official.modeling import optimization

from tfspine.config import Optimization, Schedule

LARGEST_LOSS = 1e4
"""Orbit stops a run when the loss exceeds this value, because the training has diverged."""


def trainer_settings(ours: Optimization) -> dict[str, Any]:
    """Return the Model Garden's section `trainer`: steps, summaries, checkpoints, optimizer and learning rate."""
    return {
        "train_steps": ours.steps,
        "steps_per_loop": min(ours.steps_between_summaries, ours.steps),
        "summary_interval": min(ours.steps_between_summaries, ours.steps),
        "checkpoint_interval": min(ours.steps_between_checkpoints, ours.steps),
        "max_to_keep": 2,
        "validation_steps": 0,
        "loss_upper_bound": LARGEST_LOSS,
        "optimizer_config": optimization.OptimizationConfig(
            {
                "optimizer": {
                    "type": "sgd",
                    "sgd": {"momentum": ours.momentum, "global_clipnorm": ours.gradient_norm},
                },
                "learning_rate": _learning_rate(ours),
                "warmup": {
                    "type": "linear" if ours.warmup_steps else None,
                    "linear": {"warmup_steps": ours.warmup_steps, "warmup_learning_rate": ours.learning_rate / 10},
                },
            }
        ).as_dict(),
    }


def _learning_rate(ours: Optimization) -> dict[str, Any]:
    """Return the schedule; each drop of a stepwise schedule divides the rate by ten (docs/paper.md, published code)."""
    if ours.schedule is Schedule.COSINE:
        return {
            "type": "cosine",
            "cosine": {"initial_learning_rate": ours.learning_rate, "decay_steps": ours.steps},
        }
    drops = list(ours.learning_rate_drops)
    return {
        "type": "stepwise",
        "stepwise": {
            "boundaries": drops,
            "values": [ours.learning_rate / 10**passed for passed in range(len(drops) + 1)],
        },
    }
