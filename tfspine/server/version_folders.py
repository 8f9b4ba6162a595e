"""The version folders of a model on disk, and which of them its policy picks."""

from collections.abc import Collection, Mapping
from pathlib import Path

from tfspine.errors import ServerError
from tfspine.server.config_file import AllVersions, LatestVersions, ModelConfig, SpecificVersions, VersionPolicy

_LARGEST = 2**63 - 1


def choose_versions(config: ModelConfig) -> dict[int, Path]:
    """Return the version folders that the policy picks, by number.

    Raises:
        ServerError: the base path is missing, holds no version, or lacks one that is named.
    """
    where = f'model "{config.name}": {config.base_path}'
    found = find_versions(config.base_path)
    if found is None:
        raise ServerError(f"{where}: no such folder; run tfspine export, or point at the folder it wrote")
    if not found:
        raise ServerError(f"{where}: no version in it; expected a folder named 1 with a SavedModel: run tfspine export")
    if isinstance(config.policy, SpecificVersions):
        missing = [version for version in config.policy.versions if version not in found]
        if missing:
            raise ServerError(f"{where}: no version {missing[0]}; expected one of {', '.join(map(str, found))}")
    return pick_versions(found, config.policy)


def find_versions(base_path: Path) -> dict[int, Path] | None:
    """Return the version folders by number, or None where there is no such base path.

    Folders whose name is not a number of 64 bits are passed over: versions still being copied, for example.
    """
    try:
        paths = sorted(base_path.iterdir())
    except OSError:
        return None
    return {
        int(path.name): path
        for path in paths
        if path.name.isascii()
        and path.name.isdigit()
        and len(path.name) < 20
        and int(path.name) <= _LARGEST
        and path.is_dir()
    }


def pick_versions(found: Mapping[int, Path], policy: VersionPolicy, without: Collection[int] = ()) -> dict[int, Path]:
    """Return what a policy picks of the folders that are there, without some of them."""
    usable = {version: path for version, path in found.items() if version not in without}
    match policy:
        case AllVersions():
            return usable
        case SpecificVersions(versions):
            return {version: usable[version] for version in versions if version in usable}
        case LatestVersions(count):
            return {version: usable[version] for version in sorted(usable)[-count:]}
