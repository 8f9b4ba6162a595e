"""``tfspine import``: public data sets in their own layout, turned into labels and tables."""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfspine.cli.import_rsna import Summary, add_rsna_arguments, import_rsna
from tfspine.cli.options import track
from tfspine.errors import AnnotationError, ConfigError

LICENCES = {
    "rsna": "RSNA 2024 competition rules: non-commercial use, do not pass on",
    "spineai": "that of whoever gave you the pictures",
    "aisslab": "CC BY 4.0, or non-commercial research by its own text: do not pass on",
    "sudirman": "CC BY 4.0",
    "spider": "CC BY 4.0",
}
"""Said in the manifest, because labels and pictures keep the licence of the data set that they come from."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand a data set."""
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for name, summary, importer in (
        ("rsna", "RSNA 2024: three grades and points, on slices that are read from its pictures", import_rsna),
        ("spineai", "LabelImg boxes left, center, right, sagittal, with grade text files", _spineai),
        ("aisslab", "AISSLab LSS-MRI: foramina RFS0-3, LFS0-3 with levels", _aisslab),
        ("sudirman", "Sudirman: .ima tree to ingest, or ground-truth label images", _sudirman),
        ("spider", "SPIDER: disc levels and gradings, no stenosis grades", _spider),
    ):
        subparser = datasets.add_parser(name, help=summary, description=summary)
        subparser.add_argument("folder", type=Path, help="the unpacked data set")
        subparser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
        subparser.add_argument("--json", action="store_true", help="print the summary as JSON")
        subparser.add_argument(
            "--verbose", action="store_true", default=argparse.SUPPRESS, help="log more, to standard error"
        )
        subparser.set_defaults(importer=importer)
        if name == "rsna":
            add_rsna_arguments(subparser)
        if name == "spineai":
            subparser.add_argument("--sides", type=Path, metavar="CSV", help="side of sagittal pictures: file, side")
            subparser.add_argument(
                "--patient-pattern", metavar="REGEX", help="how a picture is called, with ?P<patient>"
            )
        if name == "sudirman":
            subparser.add_argument(
                "--truth", choices=("t1", "t2"), help="import label images on these pictures, not the .ima tree"
            )


def run(args: argparse.Namespace) -> None:
    """Import one data set; what was refused is listed with its reason."""
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    if not args.folder.is_dir():
        raise AnnotationError(f"{args.folder}: no such folder; expected the unpacked data set")
    importer: Callable[[argparse.Namespace, Path], Summary] = args.importer
    inputs = [args.folder, *([args.slices] if getattr(args, "slices", None) else [])]
    with new_folder(args.out, command="import", inputs=inputs) as folder:
        summary = importer(args, folder)
        details = {"dataset": args.dataset, "licence": LICENCES[args.dataset]} | summary
        write_manifest(folder, command="import", inputs=inputs, details=details)
    counts = {name: count for name, count in summary.items() if isinstance(count, int)}
    if args.json:
        print(json.dumps(counts))
        return
    print(f"{args.out}: " + ", ".join(f"{count} {name}" for name, count in counts.items() if name != "refused"))
    if counts["refused"]:
        print(f"{counts['refused']} refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)


def _spineai(args: argparse.Namespace, folder: Path) -> Summary:
    from tfspine.annotations.importers.sides import read_sides
    from tfspine.annotations.importers.spineai import PATIENT_PATTERN, SpineAiOptions, read_spineai

    try:
        pattern = re.compile(args.patient_pattern or PATIENT_PATTERN)
    except re.error as error:
        raise ConfigError(f"--patient-pattern {args.patient_pattern}: {error}; expected a regular expression") from None
    if "patient" not in pattern.groupindex:
        raise ConfigError(f"--patient-pattern {args.patient_pattern}: no group (?P<patient>...)")
    options = SpineAiOptions(pattern, read_sides(args.sides) if args.sides else {})
    return _write_pictures(folder, read_spineai(args.folder, options), args.dataset)


def _aisslab(args: argparse.Namespace, folder: Path) -> Summary:
    from tfspine.annotations.importers.aisslab import read_aisslab

    return _write_pictures(folder, read_aisslab(args.folder), args.dataset)


def _sudirman(args: argparse.Namespace, folder: Path) -> Summary:
    from tfspine.annotations.importers.sudirman import read_plan
    from tfspine.annotations.importers.sudirman_output import write_plan
    from tfspine.annotations.importers.sudirman_truth import Weighting, read_truth
    from tfspine.annotations.importers.sudirman_truth_output import write_truth
    from tfspine.structures import Refusal

    notes = [
        Refusal(str(path.relative_to(args.folder)), "notes in free text: no grade is read out of words")
        for path in sorted(args.folder.rglob("*.xlsx"))
    ]
    if args.truth:
        items = itertools.chain(read_truth(args.folder, Weighting(args.truth)), notes)
        return write_truth(folder, track(items, "label images"))
    return write_plan(folder, read_plan(args.folder), source=args.folder, others=notes)


def _spider(args: argparse.Namespace, folder: Path) -> Summary:
    from tfspine.annotations.importers.refusals import write_refused
    from tfspine.annotations.importers.spider_tables import read_gradings, read_overview
    from tfspine.outputs import write_text
    from tfspine.structures import Refusal

    series, refused = read_overview(args.folder)
    gradings, more = read_gradings(args.folder, set(series["patient"]))
    refused += more
    write_text(folder / "series.csv", series.to_csv(index=False))
    write_text(folder / "gradings.csv", gradings.to_csv(index=False))
    summary = {"patients": int(series["patient"].nunique()), "series": len(series), "discs": len(gradings)}
    if (args.folder / "masks").is_dir():
        summary["centres"] = _write_levels(folder, args.folder / "masks", list(series["series"]), refused)
    else:
        refused.append(Refusal("masks", "no such folder: no levels.csv; unpack masks.zip beside the CSV files"))
    write_refused(folder, refused)
    return summary | {"refused": len(refused)}


def _write_levels(folder: Path, masks: Path, series: Sequence[str], refused: list[Any]) -> int:
    """Write `levels.csv`: series, patient, disc, level, x_mm, y_mm, z_mm, voxels; return the number of rows."""
    import pandas as pd

    from tfspine.outputs import write_text
    from tfspine.structures import Refusal

    try:
        from tfspine.annotations.importers.spider_masks import disc_centres
    except ImportError:
        raise ConfigError('masks are read with SimpleITK; install it: pip install "tfspine[import]"') from None
    rows = []
    for path in track(sorted(masks.glob("*.mha")), "masks"):
        try:
            if path.stem not in series:
                raise AnnotationError("no such series in overview.csv")
            discs = disc_centres(path)
        except AnnotationError as error:
            refused.append(Refusal(f"masks/{path.name}", str(error)))
            continue
        patient = path.stem.partition("_")[0]
        rows += [(path.stem, patient, item.disc, item.level or "", *item.centre_mm, item.voxels) for item in discs]
    columns = ["series", "patient", "disc", "level", "x_mm", "y_mm", "z_mm", "voxels"]
    write_text(folder / "levels.csv", pd.DataFrame(rows, columns=columns).to_csv(index=False))
    return len(rows)


def _write_pictures(folder: Path, items: Any, dataset: str) -> Summary:
    import dataclasses

    from tfspine.annotations.importers.pictures import write_pictures

    return dataclasses.asdict(write_pictures(folder, track(items, "pictures"), dataset=dataset))
