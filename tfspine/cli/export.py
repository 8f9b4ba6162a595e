"""``tfspine export``: a trained detector and its graders, with one member or several, become one SavedModel version."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli import options
from tfspine.config import Take
from tfspine.labels import Plane, Region
from tfspine.progress import stage_bar
from tfspine.workflows.export import ExportOptions, ExportSummary, export, stage_count

if TYPE_CHECKING:
    from tfspine.evaluation.boxes.score_threshold import ScoreThreshold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine export``."""
    parser.add_argument("--detector", type=Path, required=True, metavar="RUN", help="run of the plane's detector")
    parser.add_argument(
        "--grader", type=Path, required=True, action="append", dest="graders", metavar="RUN", help="repeat per region"
    )
    parser.add_argument(
        "--take",
        type=Take,
        choices=list(Take),
        default=Take.ALL,
        help="for graders with members: all of them, or the best of each division in validation (%(default)s)",
    )
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="slices to verify and warm up with")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="folder of LabelImg XML files; with --splits the score from which boxes count is chosen on validation",
    )
    parser.add_argument("--splits", type=Path, metavar="CSV", help="what tfspine split wrote; belongs to --labels")
    parser.add_argument("--out", type=Path, default=Path("exported"), metavar="DIR", help="folder of all servables")
    options.add_devices(parser)
    options.add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> None:
    """Export, verify and print the folder of the version."""
    wanted = ExportOptions(args.labels, args.splits, args.take, tuple(args.settings))
    with stage_bar(stage_count(wanted)) as begin:
        exported = export(args.detector, args.graders, args.slices, args.out, wanted, begin=begin)
    if args.json:
        print(json.dumps(_result(exported)))
        return
    members = f"{exported.members} members of each grader, " if exported.members > 1 else ""
    print(f"{exported.folder}: {members}verified, differs by {exported.largest_difference:.2g}")
    lines = operating_point_lines(
        exported.thresholds,
        plane=exported.plane,
        allowed=exported.false_boxes_per_image,
        least=exported.score_threshold,
        has_labels=args.labels is not None,
    )
    print(*lines, sep="\n")


def _result(exported: ExportSummary) -> dict[str, object]:
    return {
        "model": exported.model,
        "version": exported.version,
        "folder": str(exported.folder),
        "largest_difference": exported.largest_difference,
        "grader_members": exported.members,
        "operating_point": exported.operating_point,
    }


def operating_point_lines(
    thresholds: "Mapping[Region, ScoreThreshold]", *, plane: Plane, allowed: float, least: float, has_labels: bool
) -> list[str]:
    """Return the lines that say what the operating point is, or that there is none and why.

    Args:
        thresholds: what was chosen.
        plane: of the model.
        allowed: false boxes per image that it was chosen for.
        least: score from which the detector returns boxes at all.
        has_labels: whether there was validation data to choose on.
    """
    if not has_labels:
        return [
            f"no operating point (choosing one needs --labels and --splits): every box counts, from score {least:g}"
        ]
    lines = [f"operating point, for {allowed:g} false boxes per image on validation:"]
    for region in (region for region in Region if region.plane is plane):
        found = thresholds.get(region)
        lines.append(
            f"  {region}: none labelled or none found on validation; every box counts, from score {least:g} on"
            if found is None
            else f"  {region}: score from {found.threshold:.3f}, recall {100 * found.recall:.1f} %, "
            f"{found.false_boxes_per_image:.2f} false boxes per image ({found.boxes} boxes, {found.images} images)"
        )
    return lines
