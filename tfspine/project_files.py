"""The included files: experiments (``experiments/*.toml``) and the configuration of servers (``serving/``).

In a checkout they are beside the package, in a wheel inside it (`setup.py` puts them there). Their names are the same
in both cases, for example ``experiments/demo.toml``; a file of that name in the working directory takes precedence.
"""

from pathlib import Path

import tfspine
from tfspine.errors import ConfigError

IN_WHEEL = "project"


def project_file(name: str) -> Path:
    """Return the path of an included file, such as ``experiments/demo.toml``.

    Raises:
        ConfigError: there is no such file; the message lists the included files.
    """
    package = Path(tfspine.__file__).parent
    for root in (package.parent, package / IN_WHEEL):
        if (root / name).is_file():
            return root / name
    raise ConfigError(f"{name}: does not come with tfspine; expected one of {', '.join(project_file_names())}")


def project_file_names() -> list[str]:
    """Return the names of the included files, as `project_file` takes them."""
    package = Path(tfspine.__file__).parent
    roots = [root for root in (package.parent, package / IN_WHEEL) if (root / "experiments" / "demo.toml").is_file()]
    files = [(root, path) for root in roots for path in (*root.glob("experiments/*.toml"), *root.glob("serving/*"))]
    return sorted({path.relative_to(root).as_posix() for root, path in files if path.is_file()})


def own_or_project_file(text: str) -> Path:
    """Return the path that `text` names or, if there is no such file, the included file of that name.

    It is the `type` of an option: if neither exists the path is returned unchanged, and its reader reports the error.
    """
    path = Path(text)
    if path.exists() or path.as_posix() not in project_file_names():
        return path
    return project_file(path.as_posix())
