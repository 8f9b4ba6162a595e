"""The optional parts of the installation: the purpose and modules of each, and how to install a missing one.

`pip install tfspine` installs the light part: DICOM, study assembly, clients, evaluation. The rest are the extras of
`setup.cfg`. Optional modules are imported where they are used; the command turns `ModuleNotFoundError` into one line.
"""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Extra:
    """One optional part.

    Attributes:
        purpose: what it is used for, as the words after "for" in a message.
        modules: top-level modules that it installs, each with the name of its distribution.
        verbs: commands for which this extra is proposed before another one with the same module.
    """

    purpose: str
    modules: Mapping[str, str]
    verbs: tuple[str, ...] = ()


EXTRAS = {
    "train": Extra(
        "tfspine train, tune, export, explain, records and predict --model",
        {
            "tensorflow": "tensorflow",
            "official": "tf-models-official",
            "orbit": "tf-models-official",
            "tf_keras": "tf-keras",
            "keras": "keras",
            "keras_tuner": "keras-tuner",
            "tf_explain": "tf-explain",
            "cv2": "opencv-python-headless",
            "tomli_w": "tomli_w",
            "psutil": "psutil",
        },
    ),
    "serve": Extra(
        "tfspine serve",
        {"tensorflow": "tensorflow", "tensorflow_serving": "tensorflow-serving-api", "aiohttp": "aiohttp"},
        verbs=("serve",),
    ),
    "report": Extra(
        "tfspine report, flow and figures",
        {"matplotlib": "matplotlib", "jinja2": "Jinja2", "markupsafe": "Jinja2"},
    ),
    "import": Extra("tfspine import", {"SimpleITK": "SimpleITK"}),
    "pacs": Extra("tfspine fetch", {"dicomweb_client": "dicomweb-client"}),
    "cluster": Extra("tfspine ingest --cluster", {"ray": "ray"}),
    "completion": Extra("tfspine completion", {"shtab": "shtab"}),
    "track": Extra("MLflow or Weights & Biases in trainings", {"mlflow": "mlflow-skinny", "wandb": "wandb"}),
}
"""Every extra of `setup.cfg` except `all`, which combines these, and `gpu`, which is `train` with CUDA.

`track` is not in `all`: it brings thirty packages, which are used only where a variable of the environment asks for it.
"""

WHOLE_WAY = ("demo", "paper-study", "run")
"""Commands that do everything from DICOM to the report, for which `all` is proposed."""

_NETWORKS = ("tensorflow", "official", "tf_keras", "keras")
EVERYTHING = (*_NETWORKS, "tensorflow_serving", "aiohttp", "matplotlib", "jinja2", "psutil")
"""What a training from DICOM to the report imports, possibly hours after its start."""

NEEDS: dict[str, tuple[str, ...]] = {
    "records": ("tensorflow",),
    "train": _NETWORKS,
    "tune": (*_NETWORKS, "keras_tuner", "tomli_w"),
    "export": _NETWORKS,
    "serve": ("tensorflow", "tensorflow_serving", "aiohttp"),
    "explain": ("tensorflow", "keras", "matplotlib"),
    "report": ("jinja2", "matplotlib"),
    "flow": ("matplotlib",),
    "fetch": ("dicomweb_client",),
    "completion": ("shtab",),
    "demo": EVERYTHING,
    "paper-study": EVERYTHING,
}
"""The modules that a command always needs; `remedy` covers modules that only one of its options needs."""


def require(modules: Iterable[str]) -> None:
    """Check that everything a command will import is installed, before it reads or writes anything.

    Raises:
        ModuleNotFoundError: a module is missing; the command line turns the error into one line (`remedy`).
    """
    for module in modules:
        if not is_installed(module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def remedy(error: ModuleNotFoundError, verb: str) -> str | None:
    """Return what `verb` lacks and how to install it; None if no extra has the module, or it is installed."""
    module = (error.name or "").partition(".")[0]
    bringing = {name: extra for name, extra in EXTRAS.items() if module in extra.modules}
    if not bringing or is_installed(module):
        return None
    preferred = [name for name, extra in bringing.items() if verb in extra.verbs] or list(bringing)
    name = "all" if verb in WHOLE_WAY else preferred[0]
    return f"needs {bringing[preferred[0]].modules[module]}: pip install 'tfspine[{name}]'"


def is_installed(module: str) -> bool:
    """Return whether a top-level module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
