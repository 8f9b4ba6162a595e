"""tfspine: lumbar-spine MRI in, graded stenosis out.

    import tfspine

    readings = tfspine.read_studies("dicom", model="exported")  # or server="grpc://127.0.0.1:8500"
    readings.table  # pandas: one row for each level and side

Importing loads nothing heavy; TensorFlow comes with the first function that needs it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfspine.api import connect as connect
    from tfspine.api import evaluate as evaluate
    from tfspine.api import explain as explain
    from tfspine.api import export as export
    from tfspine.api import ingest as ingest
    from tfspine.api import load_experiment as load_experiment
    from tfspine.api import make_records as make_records
    from tfspine.api import read_studies as read_studies
    from tfspine.api import simulate as simulate
    from tfspine.api import train_detector as train_detector
    from tfspine.api import train_grader as train_grader

__version__ = "0.1.0"

__all__ = [
    "connect",
    "evaluate",
    "explain",
    "export",
    "ingest",
    "load_experiment",
    "make_records",
    "read_studies",
    "simulate",
    "train_detector",
    "train_grader",
]


def __getattr__(name: str) -> Any:
    """Return a function of `tfspine.api`, which is imported at its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'tfspine' has no attribute {name!r}; it has {', '.join(__all__)}")
    from tfspine import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
