"""How much each setting of a sweep matters for the score, from the trials that were completed.

Each setting is judged alone, on ranks, so that neither the scale of a setting (linear or logarithmic) nor a single very
bad trial decides: the share of the variance of the scores' ranks that is explained by a parabola of the setting's ranks
(a range may have its best value in the middle), or for a choice by the means of its values. Both are adjusted for the
number of terms; for a choice this is epsilon squared of Kruskal and Wallis (Kelley 1935, PNAS 21:554).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from tfspine.config.toml_text import toml_text
from tfspine.formats.trials_csv import TrialRow
from tfspine.training.search import SECTION, Choice, Interval


def setting_importance(done: Sequence[TrialRow], space: Mapping[str, Choice | Interval]) -> dict[str, float | None]:
    """Return the share of the scores' variance, 0 to 1, that each setting explains alone, the largest first.

    A setting that acts only together with another is underestimated. None: there are too few trials, or all have the
    same score.

    Args:
        done: completed trials.
        space: the search space.
    """
    scores = rankdata([row.score for row in done])
    shares = {}
    for name, dimension in space.items():
        values = [row.settings[SECTION + name] for row in done]
        terms = _groups(values) if isinstance(dimension, Choice) else _parabola(values)
        shares[SECTION + name] = _adjusted_share(terms, scores)
    return dict(sorted(shares.items(), key=lambda item: -1.0 if item[1] is None else item[1], reverse=True))


def _groups(values: Sequence[object]) -> np.ndarray:
    """Return an indicator for each value but the first: float [trials, values - 1]."""
    texts = [toml_text(value) for value in values]
    return np.array([[text == other for other in sorted(set(texts))[1:]] for text in texts], float)


def _parabola(values: Sequence[float]) -> np.ndarray:
    """Return ranks and their squares: float [trials, 2]."""
    ranks = rankdata(values)
    centred = ranks - ranks.mean()
    return np.stack([centred, centred**2], axis=1)


def _adjusted_share(terms: np.ndarray, scores: np.ndarray) -> float | None:
    count, freedom = len(scores), len(scores) - terms.shape[1] - 1
    total = float(((scores - scores.mean()) ** 2).sum())
    if freedom < 1 or total == 0:
        return None
    design = np.column_stack([np.ones(count), terms])
    fitted = design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    left = float(((scores - fitted) ** 2).sum())
    return max(0.0, 1 - left / total * (count - 1) / freedom)
