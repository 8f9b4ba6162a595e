"""``tfspine evaluate``: readers or models against a reference."""

import argparse
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tfspine.cli import options
from tfspine.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.evaluation.study_evaluation import ReaderMetrics

SUMMARY_COLUMNS = 150
TITLES = {
    "recall": "Boxes of the reference, and how many were found",
    "agreement_four": "Agreement on four grades",
    "agreement_two": "Agreement on normal/mild against moderate/severe",
    "accuracy": "Sensitivity and specificity for moderate/severe",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--reference", type=Path, required=True, metavar="CSV|DIR", help="table of boxes, or a folder of LabelImg XML"
    )
    parser.add_argument(
        "--reader",
        dest="readers",
        action="append",
        required=True,
        metavar="NAME=CSV|DIR",
        help="whom to compare: table of boxes, or a folder of LabelImg XML; repeatable",
    )
    parser.add_argument("--slices", type=Path, metavar="DIR", help="folder of ingest; needed with a folder of labels")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="compare only studies of one split")
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="DIR", help="folder to write")
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of the tables")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Read, compare, write, print."""
    from tfspine.config import as_dict
    from tfspine.evaluation.figures import confusion_figure
    from tfspine.evaluation.study_evaluation import compare
    from tfspine.evaluation.tables import (
        accuracy_table,
        agreement_table,
        metrics_dict,
        recall_table,
        to_markdown,
    )
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    experiment = options.experiment_from(args)
    settings = experiment.evaluation
    paths = _reader_paths(args.readers)
    reference, covered = _reference(args)
    metrics = {
        name: compare(
            reference, _boxes(path, args.slices), iou=settings.iou, confidence=settings.confidence, covered=covered
        )
        for name, path in paths.items()
    }
    tables = {
        "recall": recall_table(metrics),
        "agreement_four": agreement_table(metrics, grades=4),
        "agreement_two": agreement_table(metrics, grades=2),
        "accuracy": accuracy_table(metrics),
    }
    content = {
        "reference": args.reference.name,
        "split": args.split if args.splits else None,
        "iou": settings.iou,
        "confidence": settings.confidence,
        "readers": {name: metrics_dict(reader) for name, reader in metrics.items()},
    }
    summary = _summary(
        tables,
        metrics,
        f"Grades are compared on boxes of IoU > {settings.iou:g}. Intervals: {settings.confidence:.0%}. "
        f"Full precision: {args.out / 'metrics.json'}",
    )

    with new_folder(args.out) as folder:
        (folder / "summary.txt").write_text(summary)
        (folder / "metrics.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
            (folder / f"{name}.md").write_text(to_markdown(table))
        for name, reader in metrics.items():
            for region in reader.regions.values():
                confusion_figure(region, reader=name, path=folder / f"confusion_{_stem(name)}_{region.region}.png")
        write_manifest(
            folder,
            command="evaluate",
            config={"name": experiment.name, "seed": experiment.seed, "evaluation": as_dict(settings)},
            inputs=[args.reference, *paths.values(), *([args.splits] if args.splits else [])],
            details={"split": content["split"], "readers": {name: path.name for name, path in paths.items()}},
        )
    print(json.dumps(content, indent=2, allow_nan=False) if args.json else summary)


def _reader_paths(readers: list[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for text in readers:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise EvaluationError(
                f'--reader "{text}": expected NAME=FILE or NAME=FOLDER, for example model=predictions/predictions.csv'
            )
        if name in paths:
            raise EvaluationError(f'--reader "{name}": named twice; give each reader a name of its own')
        paths[name] = Path(path)
    stems = {_stem(name) for name in paths}
    if len(stems) < len(paths):
        raise EvaluationError(f"--reader {', '.join(paths)}: names too alike for file names; change letters or digits")
    return paths


def _stem(name: str) -> str:
    """Return a reader's name as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _reference(args: argparse.Namespace) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the reference's boxes and the slices that it covers, narrowed to the split."""
    from tfspine.annotations.splits import read_splits
    from tfspine.evaluation.study_evaluation import COVERED_COLUMNS

    reference = _boxes(args.reference, args.slices)
    if args.reference.is_dir():
        covered = _labelled_slices(args.reference, args.slices)
    else:
        covered = reference[list(COVERED_COLUMNS)].drop_duplicates()
    if args.splits:
        splits = read_splits(args.splits)
        wanted = {study for study, split in splits.items() if split == args.split}
        if not wanted:
            raise EvaluationError(
                f'{args.splits}: no study of split "{args.split}"; it has {", ".join(sorted(set(splits.values())))}'
            )
        covered = covered[covered["study"].isin(wanted)]
    if covered.empty:
        where = f' in split "{args.split}"' if args.splits else ""
        raise EvaluationError(f"{args.reference}: no slice to compare{where}; expected the reference of these studies")
    return reference, covered


def _boxes(path: Path, slices: Path | None) -> "pd.DataFrame":
    """Return the boxes of a table, or of a folder of labels drawn on some slices."""
    from tfspine.annotations.tables import labels_table, read_boxes

    if not path.is_dir():
        return read_boxes(path)
    if slices is None:
        raise EvaluationError(f"{path}: a folder of labels; name the slices it belongs to with --slices")
    return labels_table(path, slices / "slices.csv")


def _labelled_slices(labels: Path, folder: Path) -> "pd.DataFrame":
    """Return the slices with a label file: one without boxes says that there is nothing to find."""
    from tfspine.dicom.slices import read_table

    slices = read_table(folder).rename(columns={"key": "slice"})
    stems = {path.stem for path in labels.glob("*.xml")}
    return slices.loc[slices["slice"].isin(stems), ["study", "slice", "plane"]]


def _summary(tables: "dict[str, pd.DataFrame]", metrics: "dict[str, ReaderMetrics]", closing: str) -> str:
    """Return the tables as text of fixed width, and what was not compared."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    text = io.StringIO()
    console = Console(file=text, width=SUMMARY_COLUMNS)
    for name, table in tables.items():
        shown = Table(title=TITLES[name], title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in table.columns:
            justify: Literal["left", "right"] = "left" if column in ("Reader", "Region", "Agreement") else "right"
            shown.add_column(column, justify=justify, no_wrap=True)
        for row in table.astype(str).itertuples(index=False):
            shown.add_row(*row)
        console.print(shown)
    for name, reader in metrics.items():
        if reader.outside_boxes:
            console.print(
                f"{name}: {reader.outside_boxes} boxes on {reader.outside_slices} slices outside the reference "
                "or the split: not compared"
            )
    console.print(closing)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
