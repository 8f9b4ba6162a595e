"""``tfspine export``: a trained detector and its graders, of one version or several, become one SavedModel version."""

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
        help="of graders with versions: all of them, or of each division the best in validation (%(default)s)",
    )
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="slices to verify and warm up with")
    parser.add_argument("--out", type=Path, default=Path("exported"), metavar="DIR", help="folder of all servables")
    options.add_devices(parser)
    options.add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> None:
    """Export, verify and print where the version lies."""
    import numpy as np

    from tfspine.dicom.slices import load_slices
    from tfspine.errors import ModelError
    from tfspine.export.runs import load_plane_model, require_one_split
    from tfspine.export.write import STAGES, export_plane
    from tfspine.manifest import read_manifest
    from tfspine.ownership import require_apart

    require_apart(args.out, [args.detector, *args.graders, args.slices])
    with options.stage_bar(len(STAGES) + 1) as begin:
        begin("building the networks")
        model = load_plane_model(args.detector, args.graders, args.settings, take=args.take)
        slices = [slice_ for slice_ in load_slices(args.slices) if slice_.plane is model.plane]
        if not slices:
            raise ModelError(f"{args.slices}: holds no {model.plane} slice to verify with")
        alike = [slice_.pixels for slice_ in slices if slice_.pixels.shape == slices[0].pixels.shape]
        manifest = read_manifest(args.detector)
        exported = export_plane(
            model,
            args.out,
            images=np.stack(alike[:: max(1, len(alike) // IMAGES_TO_VERIFY)][:IMAGES_TO_VERIFY]),
            inputs=[args.detector, *args.graders],
            config=dict(manifest.config) if manifest else {},
            split=require_one_split([args.detector, *args.graders]),
            begin=begin,
        )
    result = {
        "model": model.name,
        "version": exported.version,
        "folder": str(exported.folder),
        "largest_difference": exported.largest_difference,
        "grader_versions": model.versions,
    }
    print(
        json.dumps(result)
        if args.json
        else f"{exported.folder}: {_versions_in_words(model.versions)}verified, differs by "
        f"{exported.largest_difference:.2g}"
    )


def _versions_in_words(versions: int) -> str:
    return f"{versions} versions of each grader, " if versions > 1 else ""
