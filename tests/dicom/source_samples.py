"""What a source gives, as tests compare it."""

from pathlib import Path

from tfspine.dicom.sources import open_source


def seen(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the content of each file of a source by its name, and the reasons by the names of those refused."""
    with open_source(path) as source:
        content = {name: file.read_bytes() for file, name in source.names.items()}
        assert list(source.names.values()) == sorted(source.names.values(), key=lambda name: Path(name).parts)
    return content, {item.file: item.reason for item in source.refused}


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
