"""``tfspine info``: labels, detector classes, signatures and versions, for people and programs."""

import argparse
import json
import textwrap
from dataclasses import asdict
from typing import Any

from tfspine.table_text import COLUMNS
from tfspine.workflows.info import all_settings, info, label_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--settings", action="store_true", help="print every setting of an experiment instead")
    parts.add_argument(
        "--labels",
        action="store_true",
        help="print the names of labels, one per line, as LabelImg's predefined_classes.txt",
    )


def run(args: argparse.Namespace) -> None:
    """Print what other programs need to call the models."""
    if args.settings:
        _print_settings(is_json=args.json)
        return
    if args.labels:
        print(json.dumps(label_names(), indent=2) if args.json else "\n".join(label_names()))
        return
    facts = info()
    if args.json:
        print(json.dumps(facts, indent=2))
        return
    print(f"tfspine {facts['version']}")
    lines = []
    for title in ("levels", "grades", "regions"):
        lines.append(f"{title}: {', '.join(facts[title])}")
    for plane, classes in facts["detector_classes"].items():
        names = ", ".join(f"{entry['id']} {entry['name']}" for entry in classes)
        lines.append(f"{facts['models'][plane]} ({plane}): {names}")
    for name, signature in facts["signatures"].items():
        lines.append(f"{name}: {_tensors(signature['inputs'])} -> {_tensors(signature['outputs'])}")
    for line in lines:
        print(textwrap.fill(line, COLUMNS, subsequent_indent="    "))


def _print_settings(*, is_json: bool) -> None:
    """Print each setting as a line of a file, its allowed values, and its meaning."""
    rows = all_settings()
    if is_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            print(f"[{section}]" if section else "# before the first section")
        may_be = f"{row.type}, {row.range} {row.unit}".strip() if row.range else row.type
        for line in (f"{row.key} = {row.default}  # {may_be}", row.text):
            indent = "" if line is not row.text else "    "
            print(textwrap.fill(line, COLUMNS, initial_indent=indent, subsequent_indent="    "))


def _tensors(specs: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{spec['name']} {spec['dtype']}[{', '.join('?' if size is None else str(size) for size in spec['shape'])}]"
        for spec in specs
    )
