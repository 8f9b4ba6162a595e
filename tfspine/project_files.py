"""The files that come along: experiments (``experiments/*.toml``) and the configuration of servers (``serving/``).

In a checkout they lie beside the package, in a wheel inside it (`setup.py` puts them there). A user names them the
same way in both cases, ``experiments/demo.toml``; a file of that name in the working directory comes first.
"""

from pathlib import Path

import tfspine
from tfspine.errors import ConfigError

IN_WHEEL = "project"


def project_file(name: str) -> Path:
    """Return a file that comes along, such as ``experiments/demo.toml``.

    Raises:
        ConfigError: no such file comes along, with those that do.
    """
    package = Path(tfspine.__file__).parent
    for root in (package.parent, package / IN_WHEEL):
        if (root / name).is_file():
            return root / name
    raise ConfigError(f"{name}: does not come with tfspine; expected one of {', '.join(project_file_names())}")


def project_file_names() -> list[str]:
    """Return the names by which `project_file` finds what comes along."""
    package = Path(tfspine.__file__).parent
    roots = [root for root in (package.parent, package / IN_WHEEL) if (root / "experiments" / "demo.toml").is_file()]
    files = [(root, path) for root in roots for path in (*root.glob("experiments/*.toml"), *root.glob("serving/*"))]
    return sorted({path.relative_to(root).as_posix() for root, path in files if path.is_file()})


def own_or_project_file(text: str) -> Path:
    """Return the path that `text` names or, where there is no such file, what comes along under that name.

    Made for the `type` of an option: what neither finds is left as it is, for the reader to refuse in its own words.
    """
    path = Path(text)
    if path.exists() or path.as_posix() not in project_file_names():
        return path
    return project_file(path.as_posix())
