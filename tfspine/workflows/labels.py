"""Transfers labels to the slices of a de-identified copy, and writes templates for annotation programs."""

from dataclasses import dataclass
from pathlib import Path

from tfspine.annotations.label_templates import Program


@dataclass(frozen=True)
class RenameOptions:
    """Files that link original and de-identified slices.

    Attributes:
        slices: folder that `ingest` wrote from the originals.
        deidentified: folder that `ingest` wrote after `deidentify`.
        key: secret table that `deidentify` wrote.
    """

    slices: Path
    deidentified: Path
    key: Path


@dataclass(frozen=True)
class RenamedLabels:
    """How many label files were written, and how many files are listed in `refused.csv`."""

    labels: int
    refused: int


def rename_labels(labels: Path, out: Path, options: RenameOptions) -> RenamedLabels:
    """Write every label under its new name; labels without a slice are listed with the reason in `refused.csv`.

    Args:
        labels: LabelImg files of the originals.
        out: folder for the labels.
        options: files that link original and de-identified slices.

    Raises:
        FormatError: a table is invalid.
        OutputError: `out` may not be written.
    """
    from tfspine.annotations import renaming
    from tfspine.formats.refused_csv import write_refused
    from tfspine.formats.slices_csv import read_slices
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder, write_bytes

    # The key is not recorded in the manifest, because even its hash must stay secret.
    inputs = [labels, options.slices, options.deidentified]
    with new_folder(out, command="labels", inputs=[*inputs, options.key]) as folder:
        renamed, refused = renaming.renamed_labels(
            labels, before=read_slices(options.slices), after=read_slices(options.deidentified), key=options.key
        )
        for label in renamed:
            write_bytes(folder / f"{label.name}.xml", label.content)
        write_refused(folder, refused)
        write_manifest(folder, command="labels", inputs=inputs, details={"refused": len(refused)})
    return RenamedLabels(len(renamed), len(refused))


def write_template(out: Path, program: Program) -> None:
    """Write the configuration that an annotation program needs to label slices.

    Args:
        out: file to write.
        program: CVAT (labels as JSON), Label Studio (labelling interface, XML) or LabelImg (`predefined_classes.txt`).

    Raises:
        OutputError: `out` cannot be written.
    """
    from tfspine.annotations.label_templates import label_template
    from tfspine.outputs import write_text

    write_text(out, label_template(program))
