"""``tfspine labels rename``: labels drawn before a de-identification, under the names of the slices made after it."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine labels``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rename = actions.add_parser("rename", help="name labels after the slices of a de-identified copy")
    rename.add_argument("--labels", type=Path, required=True, metavar="DIR", help="LabelImg files of the originals")
    rename.add_argument(
        "--slices", type=Path, required=True, metavar="DIR", help="folder that ingest wrote of the originals"
    )
    rename.add_argument(
        "--deidentified", type=Path, required=True, metavar="DIR", help="folder that ingest wrote after deidentify"
    )
    rename.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="secret table that deidentify --key wrote"
    )
    rename.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the labels")


def run(args: argparse.Namespace) -> None:
    """Write every label under its new name; what has no slice is listed with its reason."""
    import pandas as pd

    from tfspine.annotations.renaming import rename_labels
    from tfspine.dicom.slices import read_table
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder, write_bytes, write_text

    # The key stays out of the manifest: even its hash belongs to the secret.
    inputs = [args.labels, args.slices, args.deidentified]
    with new_folder(args.out, command="labels", inputs=[*inputs, args.key]) as folder:
        renamed, refused = rename_labels(
            args.labels, before=read_table(args.slices), after=read_table(args.deidentified), key=args.key
        )
        for label in renamed:
            write_bytes(folder / f"{label.name}.xml", label.content)
        table = pd.DataFrame([(item.file, item.reason) for item in refused], columns=["file", "reason"])
        write_text(folder / "refused.csv", table.to_csv(index=False))
        write_manifest(folder, command="labels", inputs=inputs, details={"refused": len(refused)})
    print(f"{args.out}: {len(renamed)} label files")
    if refused:
        print(f"{len(refused)} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
