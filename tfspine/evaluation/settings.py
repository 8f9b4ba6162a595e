"""The settings of an evaluation, looked at before anything is measured: at full size that takes minutes."""

from tfspine.config import EvaluationConfig
from tfspine.errors import ConfigError, EvaluationError
from tfspine.evaluation.checks import whole_number
from tfspine.evaluation.comparisons import check_margin
from tfspine.evaluation.estimate import check_confidence
from tfspine.evaluation.matching import check_threshold


def check_settings(settings: EvaluationConfig) -> None:
    """Refuse settings that a later stage would refuse.

    Raises:
        ConfigError: one of them is out of range; see the functions that take it.
    """
    try:
        check_threshold(settings.iou)
        check_confidence(settings.confidence)
        check_margin(settings.margin)
        whole_number(settings.replicates, what="replicates", least=2)
        whole_number(settings.bins, what="bins", least=1)
    except EvaluationError as error:
        raise ConfigError(f"[evaluation]: {error}") from None
