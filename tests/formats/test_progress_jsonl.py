"""One JSON object a line: back from the file, without a truncated line, and valid JSON whatever the numbers."""

import json
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tfspine.formats.progress_jsonl import PROGRESS_FILE, append_progress, read_progress


def test_lines_come_back_without_a_truncated_one(tmp_path: Path) -> None:
    assert read_progress(tmp_path) == []
    append_progress(tmp_path, {"step": 2, "recall": {"central_canal": 0.5}})
    append_progress(tmp_path, {"step": 4, "total_loss": math.nan})
    with (tmp_path / PROGRESS_FILE).open("a") as file:
        file.write('{"time": "2026-')
    first, second = read_progress(tmp_path)
    assert (first["step"], first["recall"]) == (2, {"central_canal": 0.5})
    assert second["total_loss"] is None
    written = datetime.fromisoformat(first["time"])
    assert written.tzinfo == timezone.utc
    assert datetime.now(timezone.utc) - written < timedelta(minutes=1)


def test_strict_parsers_read_every_line(tmp_path: Path) -> None:
    append_progress(tmp_path, {"loss": math.inf, "deeper": {"loss": -math.inf}})

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    json.loads((tmp_path / PROGRESS_FILE).read_text(), parse_constant=refuse)
