"""What the pages say exists: every file that they or a comment name, every command as the real parser takes it."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfspine.cli.main import VERBS, build_parser
from tfspine.signatures import MODEL_NAMES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "serving").glob("*.md")])
SOURCES = sorted(
    path
    for folder in ("tfspine", "tests", "experiments", "serving")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".toml", ".proto", ".yaml", ".config", ".txt"} and "results" not in path.parts
)

NAMED = re.compile(
    r"(?<![\w./-])((?:tfspine|tests|docs|experiments|serving)/[\w./*-]+\.(?:py|md|toml|proto|yaml|config|txt|csv|json))"
)
PAGE = re.compile(r"(?<![\w/.-])([A-Z][A-Z_]{3,}\.md)\b")

MADE = {"NAME.md"}
"""Names that look like files of the repository, and stand for what a command writes."""


def named_files(path: Path) -> Iterator[str]:
    """Yield the files of the repository that a page or a source names."""
    text = path.read_text()
    for pattern in (NAMED, PAGE):
        yield from pattern.findall(text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(path: Path) -> None:
    assert [name for name in named_files(path) if not list(ROOT.glob(name)) and name not in MADE] == []


def test_every_file_that_a_comment_names_exists() -> None:
    found = {(str(path.relative_to(ROOT)), name) for path in SOURCES for name in named_files(path)}
    assert {(where, name) for where, name in found if not list(ROOT.glob(name)) and name not in MADE} == set()


def commands(path: Path) -> Iterator[list[str]]:
    """Yield the words of every command of tfspine in the indented and fenced blocks of a page.

    Variables that the block sets are put in; a line with ``...`` leaves something out, and is not a command.
    """
    variables: dict[str, str] = {}
    lines = re.sub(r"\\\n\s*", " ", path.read_text()).splitlines()
    for line in lines:
        set_here = re.match(r'\s+(\w+)="([^"]*)"', line)
        if set_here:
            variables[set_here[1]] = set_here[2]
        found = re.match(r"(?:    |\$ |)(?:\$ )?(tfspine [a-z].*)", line)
        if not found or "..." in line or not (line.startswith("    ") or line.startswith("$ ")):
            continue
        text = re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), found[1])
        text = re.split(r" [|>&] ?| > | #", text)[0]
        if " needs " not in text:  # what a command answers
            yield shlex.split(text)[1:]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_parses(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands(path):
        assert words[0] in VERBS, words
        parsed = build_parser(words[0]).parse_args(words)
        assert parsed.verb == words[0]


def test_the_pages_have_commands() -> None:
    """A change of their form must not hide them from the test above."""
    assert sum(1 for path in PAGES for _ in commands(path)) > 40


def columns_in_code() -> Iterator[tuple[str, str]]:
    """Yield the module and the name of every column that a constant called ...COLUMNS lists."""
    for path in (ROOT / "tfspine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            targets = {ast.Assign: lambda n: n.targets, ast.AnnAssign: lambda n: [n.target]}.get(
                type(node), lambda _: []
            )
            names = [target.id for target in targets(node) if isinstance(target, ast.Name)]
            if names and names[0].endswith("COLUMNS") and isinstance(node.value, ast.Tuple):
                for part in node.value.elts:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield str(path.relative_to(ROOT)), part.value


def test_every_column_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "formats.md").read_text()))
    columns = set(columns_in_code())
    assert len(columns) > 50
    assert {(module, column) for module, column in columns if column not in explained} == set()


def test_models_have_the_names_that_the_pages_give() -> None:
    for page in ("formats.md", "tutorials/serve.md"):
        text = (ROOT / "docs" / page).read_text()
        assert all(f"`{name}`" in text for name in MODEL_NAMES.values()), page


@pytest.mark.slow
def test_the_pages_build_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-b", "html"]
    done = subprocess.run([*command, ROOT / "docs", tmp_path / "html"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").is_file()
