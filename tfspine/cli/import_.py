"""``tfspine import``: public data sets in their own layout, turned into labels and tables."""

import argparse
import functools
import itertools
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli.options import track
from tfspine.errors import AnnotationError, ConfigError, DicomError

if TYPE_CHECKING:
    from tfspine.annotations.importers.rsna import PointPicture, Target
    from tfspine.annotations.importers.rsna_tables import Point
    from tfspine.labels import Region

Summary = dict[str, Any]

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
        ("rsna", "RSNA 2024: three grades and points, on slices that ingest wrote", _rsna),
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
            subparser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote")
            subparser.add_argument(
                "--box-mm", action="append", default=[], metavar="REGION=HxW", help="size of a region's boxes in mm"
            )
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
    inputs = [args.folder, args.slices] if args.dataset == "rsna" else [args.folder]
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


def _rsna(args: argparse.Namespace, folder: Path) -> Summary:
    from tfspine.annotations.importers.rsna import BOX_MM, place_points
    from tfspine.annotations.importers.rsna_output import write_rsna
    from tfspine.annotations.importers.rsna_tables import read_tables

    sizes = dict(BOX_MM) | dict(_box_mm(text) for text in args.box_mm)
    targets = _targets(args.slices)
    tables = read_tables(args.folder)
    placed = place_points(
        tables,
        targets=targets,
        picture_of=_reader(args.folder / "train_images"),
        box_mm=sizes,
        track=lambda points: track(points, "points"),
    )
    if not placed.labels:
        reasons = placed.refused or tables.refused
        reason = f"; {reasons[0].file}: {reasons[0].reason}" if reasons else ""
        raise AnnotationError(f"{args.folder}: no point lies on a slice of {args.slices}{reason}")
    summary = write_rsna(folder, tables, placed, targets)
    return summary | {"box_mm": {region.value: list(size) for region, size in sizes.items()}}


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


def _targets(slices: Path) -> list["Target"]:
    from tfspine.annotations.importers.rsna import Target
    from tfspine.annotations.tables import read_slices_csv
    from tfspine.labels import Plane
    from tfspine.structures import geometry_from_row

    path = slices / "slices.csv"
    try:
        return [
            Target(
                key=str(row["key"]),
                study=str(row["study"]),
                plane=Plane(str(row["plane"])),
                geometry=geometry_from_row({str(name): value for name, value in row.items()}),
                sop_instance_uid=str(row["sop_instance_uid"]),
                frame_of_reference_uid=str(row["frame_of_reference_uid"]),
            )
            for row in read_slices_csv(path).to_dict("records")
        ]
    except ValueError as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{path}: {error}; points need the positions that ingest writes") from None


def _reader(images: Path) -> Callable[["Point"], "PointPicture"]:
    """Return a function that reads the header of a point's picture."""
    from tfspine.annotations.importers.rsna import PointPicture
    from tfspine.dicom.headers import read_headers

    @functools.lru_cache(maxsize=1024)  # a sagittal picture carries the points of several levels
    def read(file: Path) -> PointPicture:
        if not (images / file).is_file():
            raise DicomError(f"no picture {file}")
        header = read_headers(images / file)[0]
        return PointPicture(header.sop_instance_uid, header.frame_of_reference_uid, header.geometry)

    return lambda point: read(point.file)


def _box_mm(text: str) -> tuple["Region", tuple[float, float]]:
    """Read ``neural_foramen=22x13``: height and width in mm."""
    from tfspine.labels import Region

    match = re.fullmatch(r"(\w+)=(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", text)
    if not match or match[1] not in tuple(Region) or not (float(match[2]) > 0 and float(match[3]) > 0):
        raise ConfigError(f"--box-mm {text}; expected REGION=HEIGHTxWIDTH in mm, REGION one of {', '.join(Region)}")
    return Region(match[1]), (float(match[2]), float(match[3]))
