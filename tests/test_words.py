"""Plain English in code, docs and experiment files: no idiom that a reader from the field would stumble over."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NEVER = {
    r"a bar a \w+": "one bar for each ...",
    r"as tall as a door": "a number with its unit",
    r"nobody('s)?": "who or what does not: 'it is unknown', 'no reader', 'identifies no person'",
    r"tells? of": "lists, reports",
    r"(?<!there )(is|are) no (number|part|picture|text|slice|box|finding|run|word)": "is not a ...",
    r"(?<!there )(?<!if )is none of": "is not one of",
    r"(has|have) (its|their|no) say": "counts, does not count",
    r"goe?s? its way": "continues",
    r"will not do": "is not allowed, is not supported",
    r"costs no other": "does not affect the others",
    r"betrays?|belies?|owes?": "shows, contradicts, has",
    r"anew": "again",
    r"for want of": "because ... is missing",
    r"drawn again": "resampled",
    r"taken? for independent": "treated as independent",
    r"says? of (each|every|the|a|its|them)": "states about, reports for",
    r"has places for": "has room for",
    r"called rightly|graded rightly": "graded correctly",
    r"learned by heart": "overfitted",
}
"""Phrases that are never right, as regular expressions without regard to case, each with what to write instead."""

FOLDERS = {"tfspine": (".py", ".html"), "docs": (".md",), "serving": (".md", ".txt", ".config", ".yaml")}


def pages() -> Iterator[Path]:
    """Yield every file that people read, without what `make docs` builds."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "experiments").glob("*.toml"))
    for folder, endings in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in endings and "_build" not in path.parts:
                yield path


def test_the_files_are_found() -> None:
    """Files of another place or ending must not pass unread."""
    assert len(list(pages())) > 350


@pytest.mark.parametrize("phrase", NEVER)
def test_no_file_has_the_phrase(phrase: str) -> None:
    expression = re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE)
    assert [f"{path.relative_to(ROOT)}: {found}" for path in pages() for found in hits(expression, path)] == [], (
        f"write: {NEVER[phrase]}"
    )


def hits(expression: re.Pattern[str], path: Path) -> list[str]:
    """Return the phrases in a file with a few words around; lines are joined, also of comments and split texts."""
    text = re.sub(r"""["']?\s*\n[\s#>*]*f?["']?""", " ", path.read_text(encoding="utf-8"))
    return [text[max(0, found.start() - 30) : found.end() + 30] for found in expression.finditer(text)]
