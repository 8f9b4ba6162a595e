"""The ``tfspine`` command: finds the verb, calls its module, turns errors into one line and an exit code.

Exit codes: 0 done, 1 a check found something wrong (or a bug, with its traceback), 2 wrong input or usage, 75 a
training that was asked to end and can be continued, 130 an interruption. Results go to standard output, logs and
progress to standard error.
"""

import argparse
import importlib
import io
import keyword
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, TextIO

import tfspine
from tfspine.cli.parser import Parser
from tfspine.disk import disk_refusal
from tfspine.errors import REQUEUE, StoppedError, TfspineError
from tfspine.extras import NEEDS, remedy, require
from tfspine.workflows.native_log import VERBS as VERBS_OF_TENSORFLOW
from tfspine.workflows.native_log import without_native_log
from tfspine.workflows.processes import interruptible

VERBS: dict[str, str] = {
    "phantom": "simulate lumbar MRI studies (DICOM) with known truth",
    "fetch": "fetch MR studies from a PACS over DICOMweb",
    "ingest": "find the axial T2w and sagittal T1w series, window them, write PNG and slices.csv",
    "import": "turn a public data set, or labels of CVAT, COCO, Label Studio or YOLO, into labels",
    "deidentify": "remove the patients' identity from DICOM studies, and search the result for what is left of it",
    "check": "check label files against the slices",
    "labels": "carry labels over to de-identified slices; templates for CVAT, Label Studio and LabelImg",
    "export-labels": "write labels or predictions as COCO JSON",
    "exclude": "leave out studies with metal, gadolinium, scoliosis or poor quality, with the numbers",
    "split": "divide the patients into training, validation and test",
    "flow": "draw the flow chart of studies, from the export to the splits",
    "records": "write TFRecords for the detectors and graders",
    "train": "train a detector or a grader",
    "runs": "list and compare runs of detectors and graders, and draw their losses",
    "tune": "sweep the grader's hyperparameters with Keras Tuner",
    "export": "write a SavedModel of one plane: detector and graders together",
    "serve": "serve SavedModels on this machine as TensorFlow Serving does",
    "predict": "read studies with a server or a SavedModel",
    "evaluate": "compare readers or models with a reference",
    "explain": "draw Integrated Gradients heatmaps of graded regions",
    "report": "write report.html for studies, measures and heatmaps",
    "demo": "the whole pipeline on simulated patients, from DICOM to report.html",
    "run": "read, or train on, your own data: one file, from DICOM to report.html",
    "paper-study": "the paper study on simulated patients: two cohorts, nine members per grader, and its tables",
    "doctor": "report what is wrong with this installation and how to fix it",
    "completion": "print the shell script that completes tfspine's commands and options",
    "info": "print labels, signatures and versions",
}
"""Each verb is a module of this package (`module_of`) with `add_arguments(parser)` and `run(args)`."""


if TYPE_CHECKING:
    _Handler = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler  # has no type parameters before Python 3.11


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    is_program = argv is None
    argv = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in argv if not word.startswith("-")), None)
    try:
        args = build_parser(*[verb] if verb else []).parse_args(argv)
        _prepare(args)
        require(NEEDS.get(args.verb, ()))
        with interruptible(), without_native_log() if is_program and _is_noisy(args) else nullcontext():
            return int(args.run(args) or 0)
    except TfspineError as error:
        print(f"tfspine {verb}: {error}", file=sys.stderr)
        return REQUEUE if isinstance(error, StoppedError) else 2
    except ModuleNotFoundError as error:
        needed = remedy(error, str(verb))
        if needed is None:
            raise
        print(f"tfspine {verb} {needed}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of standard output, such as `head`, has closed it; end as other commands do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        reason = disk_refusal(error)
        if reason is None:
            raise
        # In training and sweeps other libraries write, into a folder that the next run continues in.
        print(f"tfspine {verb}: an output cannot be written: {reason}; free space and run it again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"tfspine {verb}: interrupted; run it again to continue", file=sys.stderr)
        return 130


def _prepare(args: argparse.Namespace) -> None:
    """Set what is logged and which devices are used, before anything imports TensorFlow."""
    from tfspine.cli.options import use_devices

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may not be valid in any encoding
            stream.reconfigure(errors="backslashreplace")
    use_devices(args)
    # Its C++ part writes to standard error without Python's logging.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if args.verbose else "3")
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        handlers=[_StandardError()],
        format="%(message)s",
        force=True,
    )
    # TensorFlow and the Model Garden log their progress through these; tfspine has progress bars.
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.INFO if args.verbose else logging.WARNING)


def _is_noisy(args: argparse.Namespace) -> bool:
    """Return whether TensorFlow's C++ half would write between the lines of tfspine, and this was not requested."""
    return args.verb in VERBS_OF_TENSORFLOW and not args.verbose


class _StandardError(_Handler):
    """Writes to the current standard error: under a bar, the stream that writes above it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Leave it: the base sets it once."""


def build_parser(*verbs: str) -> argparse.ArgumentParser:
    """Return the parser; only the modules of `verbs` are imported, so that ``--help`` is quick."""
    parser = Parser(prog="tfspine", description="Lumbar-spine MRI in, graded stenosis out.")
    parser.add_argument("--version", action="version", version=f"tfspine {tfspine.__version__}")
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, summary in VERBS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        subparser.add_argument("--verbose", action="store_true", help="log more, to standard error")
        if name in verbs:
            module = importlib.import_module(f"tfspine.cli.{module_of(name)}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def module_of(verb: str) -> str:
    """Return the name of a verb's module."""
    return f"{verb}_" if keyword.iskeyword(verb) else verb.replace("-", "_")
