"""Cohen's kappa of two raters, plain or weighted.

Sources: J. Cohen, Educational and Psychological Measurement 1960;20:37-46 and Psychological Bulletin 1968;70:213-220;
standard errors of J. L. Fleiss, J. Cohen and B. S. Everitt, Psychological Bulletin 1969;72:323-327.

Ratings are codes 0 to q - 1, NaN where missing (`ratings.py`); a subject with a missing rating is left out.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from tfspine.evaluation.statistics.agreement import Agreement, agreement_limits
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Estimate,
    check_confidence,
    critical_value,
    significance,
    undefined,
)
from tfspine.evaluation.statistics.ratings import checked_table, joint_counts
from tfspine.evaluation.statistics.weights import AnyWeights, Weights, is_identity, weight_matrix, weights_name


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    confidence: float = 0.95,
) -> Agreement:
    """Return Cohen's kappa of two vectors of ratings [n]; see `cohen_kappa_from_table`.

    Args:
        first: ratings of the first rater, whole numbers 0 to `categories` - 1, NaN where missing.
        second: ratings of the second rater, for the same subjects in the same order.
        categories: length of the scale.
        weights: a named kind or a matrix [q, q], of agreement (1 on the diagonal).
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, or the weights are invalid.
    """
    table = joint_counts(first, second, categories=categories)
    return cohen_kappa_from_table(table, weights=weights, confidence=confidence)


def cohen_kappa_from_table(
    counts: ArrayLike, *, weights: AnyWeights = Weights.IDENTITY, confidence: float = 0.95
) -> Agreement:
    """Return Cohen's kappa of a table of counts [q, q], first rater in rows, second in columns.

    kappa = (po - pe) / (1 - pe) with po = sum w_kl p_kl and pe = sum w_kl p_k. p_.l. The interval is kappa -+ z SE,
    SE the large-sample one of any kappa, clipped to [-1, 1]; the p value is z with the SE that holds where kappa is 0
    (both Fleiss, Cohen and Everitt 1969). With few subjects the interval is too narrow; where all agree, it is that of
    `agreement_limits`. Where chance explains all agreement (both raters use one and the same category) kappa is
    undefined; with one subject there is no interval. If one rater uses a single category and the other does not, kappa
    is 0, without spread and without a p value.

    Raises:
        EvaluationError: the table is not square, is smaller than 2 x 2 or holds negative counts.
    """
    check_confidence(confidence)
    table = checked_table(counts)
    weight, n = weight_matrix(len(table), weights), int(table.sum())
    method = f"Cohen's kappa{'' if is_identity(weight) else f' ({weights_name(weights)})'}, large-sample z"
    if n == 0:
        return Agreement(undefined(0, method), math.nan, math.nan, math.nan, math.nan)

    joint = table / n
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    observed = float((weight * joint).sum())
    expected = float(rows @ weight @ columns)
    if 1 - expected < NO_SPREAD:
        return Agreement(undefined(n, method), math.nan, math.nan, observed, expected)
    kappa = (observed - expected) / (1 - expected)
    if n == 1:
        return Agreement(Estimate(kappa, math.nan, math.nan, 1, method), math.nan, math.nan, observed, expected)

    mean_weights = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    # Squares around their means: the authors' formulas subtract the means afterwards, which loses digits.
    values, values_of_none = weight - mean_weights * (1 - kappa), weight - mean_weights
    spread = (joint * (values - (kappa - expected * (1 - kappa))) ** 2).sum()
    spread_of_none = (np.outer(rows, columns) * (values_of_none + expected) ** 2).sum()
    standard_error, error_of_none = (math.sqrt(float(value) / n) / (1 - expected) for value in (spread, spread_of_none))
    half = critical_value(confidence) * standard_error
    estimate = Estimate(kappa, *agreement_limits(kappa, half, expected, units=n, confidence=confidence), n, method)
    return Agreement(estimate, standard_error, significance(kappa, error_of_none)[1], observed, expected)
