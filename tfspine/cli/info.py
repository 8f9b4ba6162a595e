"""``tfspine info``: labels, detector classes, signatures and versions, for people and programs."""

import argparse
import json
import textwrap
from typing import Any

from tfspine.cli.table_text import COLUMNS
from tfspine.workflows.info import info


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Print what other programs need to know to talk to this one."""
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


def _tensors(specs: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{spec['name']} {spec['dtype']}[{', '.join('?' if size is None else str(size) for size in spec['shape'])}]"
        for spec in specs
    )
