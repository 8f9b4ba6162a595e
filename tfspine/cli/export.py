"""``tfspine export``: a trained detector and its graders, of one member or several, become one SavedModel version."""

import argparse
import json
from pathlib import Path

from tfspine.cli import options
from tfspine.config import Take

IMAGES_TO_VERIFY = 8


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
        help="of graders with members: all of them, or of each division the best in validation (%(default)s)",
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
    """Export, verify and print where the version lies."""
    import numpy as np

    from tfspine.cli.operating_point import choose_thresholds, in_words, manifest_entry, require_split
    from tfspine.dicom.slices import load_slices
    from tfspine.errors import ConfigError, ModelError
    from tfspine.export.runs import load_plane_model, require_one_split, run_experiment
    from tfspine.export.write import STAGES, export_plane
    from tfspine.manifest import read_manifest
    from tfspine.ownership import require_apart

    if (args.labels is None) != (args.splits is None):
        raise ConfigError("--labels and --splits belong together: give both, or neither for no operating point")
    require_apart(args.out, options.given(args.detector, *args.graders, args.slices, args.labels, args.splits))
    experiment = run_experiment(args.detector, args.settings)
    trained_on = require_one_split([args.detector, *args.graders])
    if args.splits:
        require_split(args.splits, trained_on)
    allowed = experiment.evaluation.false_boxes_per_image
    with options.stage_bar(len(STAGES) + 1 + bool(args.labels)) as begin:
        begin("building the networks")
        model = load_plane_model(args.detector, args.graders, args.settings, take=args.take)
        slices = [slice_ for slice_ in load_slices(args.slices) if slice_.plane is model.plane]
        if not slices:
            raise ModelError(f"{args.slices}: holds no {model.plane} slice to verify with")
        thresholds = {}
        if args.labels:
            begin("choosing the operating point on validation")
            thresholds = dict(
                choose_thresholds(
                    *(model, slices),
                    folder=args.slices,
                    labels=args.labels,
                    splits=args.splits,
                    settings=experiment.evaluation,
                )
            )
            model = model.at_thresholds({region: found.threshold for region, found in thresholds.items()})
        alike = [slice_.pixels for slice_ in slices if slice_.pixels.shape == slices[0].pixels.shape]
        manifest = read_manifest(args.detector)
        exported = export_plane(
            model,
            args.out,
            images=np.stack(alike[:: max(1, len(alike) // IMAGES_TO_VERIFY)][:IMAGES_TO_VERIFY]),
            inputs=options.given(args.detector, *args.graders, args.labels, args.splits),
            config=dict(manifest.config) if manifest else {},
            split=trained_on,
            operating_point=manifest_entry(thresholds, allowed=allowed),
            begin=begin,
        )
    result = {
        "model": model.name,
        "version": exported.version,
        "folder": str(exported.folder),
        "largest_difference": exported.largest_difference,
        "grader_members": model.members,
        "operating_point": manifest_entry(thresholds, allowed=allowed),
    }
    if args.json:
        print(json.dumps(result))
        return
    members = _members_in_words(model.members)
    print(f"{exported.folder}: {members}verified, differs by {exported.largest_difference:.2g}")
    lines = in_words(
        thresholds,
        plane=model.plane,
        allowed=allowed,
        least=experiment.detector.score_threshold,
        has_labels=args.labels is not None,
    )
    print(*lines, sep="\n")


def _members_in_words(members: int) -> str:
    return f"{members} members of each grader, " if members > 1 else ""
