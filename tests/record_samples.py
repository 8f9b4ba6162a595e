"""A folder of records as `tfspine records` writes it, from examples that a test makes."""

from collections.abc import Sequence
from pathlib import Path

from tfspine.config import Experiment, as_dict
from tfspine.manifest import write_manifest
from tfspine.records.examples import RecordExample
from tfspine.records.folder import class_table


def write_records_folder(folder: Path, examples: Sequence[RecordExample], experiment: Experiment) -> Path:
    """Write the records of some examples with their manifest, and return the folder."""
    from tfspine.records.writer import write_records  # imports TensorFlow

    folder.mkdir()
    details = write_records(folder, examples, experiment=experiment)
    config = {"split": as_dict(experiment.split), "records": as_dict(experiment.records)}
    write_manifest(folder, command="records", config=config, details=details | {"classes": class_table()})
    return folder
