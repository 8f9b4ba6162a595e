"""One base exception, and one subclass for each kind of invalid input.

A message is one line: file, element, value, what was expected, what to do. The command line prints it and exits
with 2 (with 75 for `StoppedError`); anything that is not a `TfspineError` is a bug and keeps its traceback.
"""

REQUEUE = 75
"""Exit code that asks a scheduler to start the command again (EX_TEMPFAIL of sysexits.h)."""


class TfspineError(Exception):
    """Base of every error that tfspine raises on purpose."""


class ConfigError(TfspineError, ValueError):
    """An experiment file or an override is invalid."""


class DicomError(TfspineError, ValueError):
    """A DICOM file, series or study cannot be used."""


class FormatError(TfspineError, ValueError):
    """A file does not follow its format: ``FILE: line N: column value; expected ...; what to do``."""


class AnnotationError(FormatError):
    """A label file, grade sheet or split contradicts itself or its images."""


class RecordError(TfspineError, ValueError):
    """A folder of TFRecords is missing, incomplete or made for something else."""


class ModelError(TfspineError, ValueError):
    """A run, checkpoint or SavedModel cannot be used."""


class StoppedError(TfspineError):
    """A training has been asked to end, and can be continued; the command exits with `REQUEUE`."""


class ServerError(TfspineError, RuntimeError):
    """A model server cannot be started or reached, or refused the request."""


class PacsError(TfspineError, RuntimeError):
    """A DICOMweb server cannot be reached, or does not return what was requested."""


class PacsLoginError(PacsError):
    """A DICOMweb server rejects the credentials, so that every further request would fail too."""


class EvaluationError(TfspineError, ValueError):
    """Ratings, boxes or predictions cannot be compared."""


class OutputError(TfspineError, OSError):
    """An output cannot be written."""
