"""``tfspine evaluate`` writes what it wrote when its outputs were recorded: words alike, numbers to 1e-12."""

import re
from pathlib import Path

import pytest
from make import golden_outputs, outputs_of

NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outputs_of(tmp_path_factory.mktemp("golden"))


def test_the_same_files_are_written(written: dict[str, str]) -> None:
    assert sorted(written) == sorted(golden_outputs())


@pytest.mark.parametrize("name", sorted(golden_outputs()))
def test_a_file_is_as_recorded(written: dict[str, str], name: str) -> None:
    expected, found = golden_outputs()[name], written[name]
    if Path(name).suffix not in (".csv", ".json"):
        # A word of another length moves the ends of lines and the rules of tables, not the words.
        assert words(found) == words(expected)
        return
    assert NUMBER.sub("#", found) == NUMBER.sub("#", expected)
    numbers = [[float(word) for word in NUMBER.findall(text)] for text in (found, expected)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-12, abs=1e-15)


def words(text: str) -> list[str]:
    """Return the words of a text, without what rules a table."""
    return [word for word in text.split() if set(word) - set("|:-─━ ")]
