"""``tfspine records``: slices, labels and splits become TFRecords."""

import argparse
import logging
from pathlib import Path

from tfspine.cli import options
from tfspine.config import as_dict

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine records``."""
    parser.add_argument("--slices", type=Path, required=True, help="folder that ingest wrote")
    parser.add_argument("--labels", type=Path, required=True, help="folder of LabelImg XML files, one a slice")
    parser.add_argument("--splits", type=Path, required=True, help="splits.csv that split wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the records")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Write the records of both planes."""
    from tfspine.annotations.checks import require_no_errors
    from tfspine.annotations.label_folder import label_files
    from tfspine.annotations.problems import slice_facts
    from tfspine.annotations.splits import EXCLUDED, read_splits, split_hash
    from tfspine.annotations.voc import read_voc
    from tfspine.dicom.slices import read_table
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder
    from tfspine.records.examples import join_labels, read_entries, thin_empty
    from tfspine.records.folder import COMPARED_SECTIONS, class_table

    experiment = options.experiment_from(args)
    inputs = [args.slices, args.labels, args.splits]
    require_folder(args.out, command="records", inputs=inputs)
    entries = read_entries(args.slices / "slices.csv")
    splits = read_splits(args.splits)
    split = split_hash(splits)
    excluded = {entry.key for entry in entries if splits.get(entry.study) == EXCLUDED}
    entries = [entry for entry in entries if entry.key not in excluded]
    if excluded:
        logger.info("%d slices of excluded studies left out (%s)", len(excluded), args.splits)
    require_no_errors(args.labels, slice_facts(read_table(args.slices)), left_out=excluded)
    files = {key: path for key, path in label_files(args.labels).items() if key not in excluded}
    labels = {key: read_voc(path) for key, path in options.track(files.items(), "reading labels", len(files))}
    examples, left_out = join_labels(entries, labels=labels, splits=splits, image_folder=args.slices / "slices")
    for series in left_out:
        logger.warning("%s: no label on any slice; left out of the records", series)
    examples, thinned = thin_empty(examples, experiment.records.empty_slices)
    if thinned:
        logger.info("%d training slices without a box left out (records.empty_slices)", len(thinned))

    # Late, so that a wrong label is told before TensorFlow's ten seconds.
    from tfspine.records.writer import write_records

    with new_folder(args.out, command="records", inputs=inputs) as folder:
        details = write_records(
            folder,
            examples,
            experiment=experiment,
            progress=lambda numbered: options.track(numbered, "writing records"),
        )
        write_manifest(
            folder,
            command="records",
            config={"name": experiment.name, "seed": experiment.seed}
            | {name: as_dict(getattr(experiment, name)) for name in COMPARED_SECTIONS},
            inputs=inputs,
            details=details | {"classes": class_table(), "split": split, "left_out": left_out, "thinned": thinned},
        )
    print(f"{args.out}: split {split[:12]} of {args.splits}")
    for plane, images in details["images"].items():
        print(f"{plane}: " + ", ".join(f"{count} {split}" for split, count in images.items()))
