"""Integrated Gradients for any function of an image, in NumPy.

Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep Networks", ICML 2017 (arXiv 1703.01365),
equation 1. The path runs straight from a baseline to the image; the integral uses the trapezoidal rule over `steps`
equal steps. Attributions keep their sign: positive pixels raise the value of the class, negative ones lower it.

Completeness (the paper's axiom): attributions sum to f(image) - f(baseline). The difference is the error of the
integral, and is returned with every attribution.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfspine.errors import ConfigError

Images = NDArray[np.float32]
Output = Callable[[Images], NDArray[np.floating]]
"""Images float32 [N, H, W, C] to the explained value of each, [N]."""

Gradients = Callable[[Images], NDArray[np.floating]]
"""Images float32 [N, H, W, C] to the gradients of the explained value, [N, H, W, C]."""

LARGEST_GAP = 0.05
"""Completeness gap above which an attribution is flagged (docs/paper.md, Heatmaps)."""


@dataclass(frozen=True)
class Attribution:
    """What each pixel adds to the explained value: float64 [H, W, C], and the two ends of the path."""

    attributions: NDArray[np.float64] = field(repr=False)
    output: float
    baseline_output: float

    def __post_init__(self) -> None:
        self.attributions.setflags(write=False)

    @property
    def total(self) -> float:
        """Sum of the attributions."""
        return float(self.attributions.sum())

    @property
    def completeness_gap(self) -> float:
        """|total - (f(image) - f(baseline))| as a share of |f(image) - f(baseline)|.

        Where image and baseline give the same value no share is defined: 0 if the total is 0 too, else infinite.
        """
        difference = self.output - self.baseline_output
        error = abs(self.total - difference)
        if difference == 0:
            return math.inf if error else 0.0
        return error / abs(difference)

    @property
    def is_complete(self) -> bool:
        """Whether the gap is small enough to trust the heatmap."""
        return self.completeness_gap <= LARGEST_GAP


def integrate_gradients(
    image: Images,
    *,
    output: Output,
    gradients: Gradients,
    steps: int,
    batch_size: int,
    baseline: Images | None = None,
) -> Attribution:
    """Attribute the output for one image to its pixels.

    Args:
        image: float [H, W, C].
        output: the explained value; called once, with image and baseline.
        gradients: its gradients; called with batches of one size, at most `batch_size`.
        steps: equal steps of the path.
        batch_size: images held at a time.
        baseline: float [H, W, C], an image without content; None is black (docs/paper.md).

    Raises:
        ConfigError: `steps` or `batch_size` is below 1, or the baseline has another shape.
    """
    if steps < 1 or batch_size < 1:
        raise ConfigError(f"explain.steps = {steps}, explain.batch_size = {batch_size}; expected 1 or more")
    image = np.asarray(image, np.float32)
    baseline = np.zeros_like(image) if baseline is None else np.asarray(baseline, np.float32)
    if baseline.shape != image.shape:
        raise ConfigError(f"a baseline of shape {baseline.shape} for an image of shape {image.shape}")

    mean_gradient = _mean_gradient(image, baseline, gradients, steps, batch_size)
    at_image, at_baseline = np.asarray(output(np.stack([image, baseline])), np.float64)
    return Attribution(
        attributions=mean_gradient * (image.astype(np.float64) - baseline),
        output=float(at_image),
        baseline_output=float(at_baseline),
    )


def _mean_gradient(
    image: Images, baseline: Images, gradients: Gradients, steps: int, batch_size: int
) -> NDArray[np.float64]:
    """Return the trapezoid mean, float64 [H, W, C], of the gradients along the path: both ends count half."""
    batches = math.ceil((steps + 1) / batch_size)
    size = math.ceil((steps + 1) / batches)
    # Batches of one size, so that compiled gradients are compiled once; the last is filled up with weights of 0.
    shares, weights = np.zeros(batches * size), np.zeros(batches * size)
    shares[: steps + 1] = np.linspace(0.0, 1.0, steps + 1)
    weights[: steps + 1] = 1.0 / steps
    weights[[0, steps]] /= 2
    mean = np.zeros(image.shape, np.float64)
    for start in range(0, len(shares), size):
        part = slice(start, start + size)
        share = shares[part].reshape(-1, *[1] * image.ndim)
        path = (baseline + share * (image - baseline)).astype(np.float32)
        mean += np.tensordot(weights[part], np.asarray(gradients(path), np.float64), axes=1)
    return mean
