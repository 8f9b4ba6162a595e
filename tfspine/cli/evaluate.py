"""``tfspine evaluate``: readers or models against a reference; the paper's tables, then those for a reviewer."""

import argparse
import json
from pathlib import Path

from tfspine.cli import options
from tfspine.errors import EvaluationError
from tfspine.progress import track
from tfspine.workflows.evaluate import Extent, evaluate
from tfspine.workflows.evaluation.inputs import SPLIT, EvaluateInputs


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
        help="reader to compare: table of boxes, or a folder of LabelImg XML; repeatable",
    )
    parser.add_argument(
        "--model", metavar="NAME", help="reader or average that others are compared with (default: the first reader)"
    )
    parser.add_argument(
        "--average",
        dest="averages",
        action="append",
        metavar="NAME=A,B,...",
        help="show the mean of some readers, the members of an ensemble, under a name; repeatable",
    )
    parser.add_argument(
        "--arm",
        dest="arms",
        action="append",
        metavar="NAME=A,B,...",
        help="readers under one condition, for example with the model's help; the same people in the same order "
        "in each; "
        "give two or more; they are compared with readers and patients as random effects",
    )
    parser.add_argument(
        "--repeat",
        dest="repeats",
        action="append",
        metavar="NAME=CSV|DIR",
        help='a second reading by a reader, or by "reference": intra-reader agreement; repeatable',
    )
    parser.add_argument(
        "--read",
        action="append",
        metavar="NAME=CSV|DIR",
        help='what a reader or "reference" read, if the boxes do not show it: columns study, and plane, '
        "region or slice; or a folder with a label file for every slice; repeatable",
    )
    parser.add_argument("--slices", type=Path, metavar="DIR", help="folder of ingest; needed with a folder of labels")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="compare only studies of one split")
    parser.add_argument("--split", help=f"which split of --splits (default: {SPLIT})")
    parser.add_argument(
        "--validation",
        action="append",
        metavar="NAME=CSV|DIR",
        help="a reader's boxes on validation studies, to fit temperature and operating point and, "
        "where its table has no score_threshold, to choose the score from which boxes count; default: those in its "
        "--reader table; repeatable",
    )
    parser.add_argument("--external-reference", type=Path, metavar="CSV|DIR", help="reference of a second test set")
    parser.add_argument(
        "--external-reader",
        dest="external_readers",
        action="append",
        metavar="NAME=CSV|DIR",
        help="reader of the second set; repeatable",
    )
    parser.add_argument("--external-slices", type=Path, metavar="DIR", help="folder of ingest of the second set")
    parser.add_argument(
        "--external-exclusions",
        type=Path,
        metavar="DIR",
        help="folder that exclude wrote of the second set; the studies it lists are left out",
    )
    parser.add_argument(
        "--dicom", type=Path, action="append", metavar="DIR", help="studies whose headers give age and sex; repeatable"
    )
    parser.add_argument(
        "--clinical",
        type=Path,
        metavar="CSV",
        help="ethnicity, indication and comorbidities (several: separated by ;) by patient or study",
    )
    parser.add_argument("--flow", type=Path, metavar="DIR", help="what tfspine flow wrote, to show beside the tables")
    parser.add_argument(
        "--run",
        dest="runs",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder that another command wrote: its manifest fills checklists and model card; repeatable",
    )
    parser.add_argument(
        "--extent",
        type=Extent,
        choices=list(Extent),
        default=Extent.FULL,
        help="the paper's tables alone, or all that a reviewer would ask for (default: full)",
    )
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="DIR", help="folder to write")
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of the tables")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Read, compare, write, print."""
    experiment = options.experiment_from(args)
    evaluated = evaluate(inputs_of(args), args.out, experiment, extent=args.extent, track=track)
    print(json.dumps(evaluated.metrics, indent=2, allow_nan=False) if args.json else evaluated.summary)


def inputs_of(args: argparse.Namespace) -> EvaluateInputs:
    """Return the inputs that the arguments name.

    Raises:
        EvaluationError: an argument is not NAME=PATH, or a name occurs twice, or arguments contradict one another.
    """
    return EvaluateInputs(
        reference=args.reference,
        readers=_named_paths("--reader", args.readers),
        model=args.model,
        averages=_named_lists("--average", args.averages, "NAME=A,B,..., for example model=m1,m2,m3"),
        arms=_named_lists("--arm", args.arms, "NAME=A,B,..., for example aided=first_aided,second_aided"),
        repeats=_named_paths("--repeat", args.repeats),
        read=_named_paths("--read", args.read),
        slices=args.slices,
        splits=args.splits,
        split=args.split,
        validation=_named_paths("--validation", args.validation),
        external_reference=args.external_reference,
        external_readers=_named_paths("--external-reader", args.external_readers),
        external_slices=args.external_slices,
        external_exclusions=args.external_exclusions,
        dicom=tuple(args.dicom or ()),
        clinical=args.clinical,
        flow=args.flow,
        runs=tuple(args.runs),
    )


def _named_paths(option: str, texts: list[str] | None) -> dict[str, Path]:
    example = "NAME=FILE or NAME=FOLDER, for example model=predictions/predictions.csv"
    return {name: Path(path) for name, path in _named(option, texts, example).items()}


def _named_lists(option: str, texts: list[str] | None, expected: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(members.split(",")) for name, members in _named(option, texts, expected).items()}


def _named(option: str, texts: list[str] | None, expected: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise EvaluationError(f'{option} "{text}": expected {expected}')
        if name in named:
            raise EvaluationError(f'{option} "{name}": named twice; give each a name of its own')
        named[name] = value
    return named
