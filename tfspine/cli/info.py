"""``tfspine info``: labels, detector classes, signatures and versions, for people and programs."""

import argparse
import json
import textwrap
from typing import Any

from tfspine.cli.table_text import COLUMNS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Print what other programs need to know to talk to this one."""
    facts = gather()
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


def gather() -> dict[str, Any]:
    """Return the facts as plain values."""
    import tfspine
    from tfspine import labels, signatures

    return {
        "version": tfspine.__version__,
        "levels": [str(level) for level in labels.LEVELS],
        "grades": list(labels.GRADE_WORDS),
        "regions": [str(region) for region in labels.Region],
        "models": {str(plane): name for plane, name in signatures.MODEL_NAMES.items()},
        "detector_classes": {
            str(plane): [
                {"id": entry.class_id, "name": labels.object_name(entry.region, entry.side)} for entry in classes
            ]
            for plane, classes in labels.DETECTOR_CLASSES.items()
        },
        "signatures": {
            signature.name: {
                side: [{"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)} for spec in specs]
                for side, specs in (("inputs", signature.inputs), ("outputs", signature.outputs))
            }
            for signature in signatures.SIGNATURES
        },
        "default_signature": signatures.READ.name,
    }


def _tensors(specs: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{spec['name']} {spec['dtype']}[{', '.join('?' if size is None else str(size) for size in spec['shape'])}]"
        for spec in specs
    )
