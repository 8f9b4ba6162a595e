"""Package metadata is in setup.cfg; this file has only what cannot be expressed there.

`experiments/*.toml` and the files of `serving/` are at the root of the repository, where people look for them, and
are installed by the wheel as `tfspine/project/`, so that every command works outside a checkout
(`tfspine.project_files`).
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROJECT_FILES = ("experiments/*.toml", "experiments/cluster/*", "serving/**/*")


class BuildWithProjectFiles(build_py):
    """Copies the project's files beside the modules of a wheel; an editable installation reads them in place."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        for source, target in self._project_files().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(source, target)

    def get_output_mapping(self) -> dict[str, str]:
        """Name the copies among what is built."""
        return {
            **super().get_output_mapping(),
            **{target: source for source, target in self._project_files().items()},
        }

    def _project_files(self) -> dict[str, str]:
        root = Path(self.build_lib) / "tfspine" / "project"
        files = sorted({path for pattern in PROJECT_FILES for path in Path().glob(pattern) if path.is_file()})
        return {str(path): str(root / path) for path in files}


setup(cmdclass={"build_py": BuildWithProjectFiles})
