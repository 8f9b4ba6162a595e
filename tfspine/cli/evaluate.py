"""``tfspine evaluate``: readers or models against a reference; the paper's tables, then what a reviewer asks for."""

import argparse
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli import options
from tfspine.cli.evaluation_inputs import read_question
from tfspine.cli.evaluation_names import SPLIT, inputs_of, stem
from tfspine.cli.evaluation_summary import closing_lines, flow_lines, summary_text
from tfspine.errors import EvaluationError

if TYPE_CHECKING:
    from tfspine.config import EvaluationConfig, Experiment
    from tfspine.evaluation.documents.study_facts import Answer, Fact
    from tfspine.evaluation.question import Question, Sets
    from tfspine.evaluation.results import Result
    from tfspine.evaluation.tables.table import Table

logger = logging.getLogger(__name__)

FLOW_FILES = ("flow.csv", "flow.png", "flow.svg")


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
    parser.add_argument(
        "--model", metavar="NAME", help="reader or average that others are compared with (default: the first reader)"
    )
    parser.add_argument(
        "--average",
        dest="averages",
        action="append",
        metavar="NAME=A,B,...",
        help="show the mean of some readers, the versions of a model, under a name; repeatable",
    )
    parser.add_argument(
        "--arm",
        dest="arms",
        action="append",
        metavar="NAME=A,B,...",
        help="readers of one condition, for example with the model's help; the same people in the same order in each; "
        "two or more: compared with readers and patients at random",
    )
    parser.add_argument(
        "--repeat",
        dest="repeats",
        action="append",
        metavar="NAME=CSV|DIR",
        help='a second reading by a reader, or by "reference": agreement with oneself; repeatable',
    )
    parser.add_argument(
        "--read",
        action="append",
        metavar="NAME=CSV|DIR",
        help='what a reader or "reference" read, where it does not follow from the boxes: columns study, and plane, '
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
        help="who read the second set; repeatable",
    )
    parser.add_argument("--external-slices", type=Path, metavar="DIR", help="folder of ingest of the second set")
    parser.add_argument(
        "--external-exclusions",
        type=Path,
        metavar="DIR",
        help="folder that exclude wrote of the second set; its studies stay out",
    )
    parser.add_argument(
        "--dicom", type=Path, action="append", metavar="DIR", help="studies whose headers give age and sex; repeatable"
    )
    parser.add_argument(
        "--clinical",
        type=Path,
        metavar="CSV",
        help="ethnicity, indication and comorbidities (several: with ; between them) by patient or study",
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
        choices=("paper", "full"),
        default="full",
        help="the paper's tables alone, or all that a reviewer would ask for (default: full)",
    )
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="DIR", help="folder to write")
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of the tables")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Read, compare, write, print."""
    from tfspine.evaluation.documents.study_facts import manifest_facts
    from tfspine.evaluation.question import at_operating_boxes
    from tfspine.evaluation.region_stages import region_results
    from tfspine.evaluation.result_facts import result_facts
    from tfspine.evaluation.results import write_results
    from tfspine.evaluation.stages import (
        checklist_results,
        external_results,
        metrics_of,
        paper_results,
        reviewer_results,
    )
    from tfspine.outputs import new_folder, write_text
    from tfspine.ownership import require_folder

    experiment = options.experiment_from(args)
    require_folder(args.out, command="evaluate", inputs=_read(args))
    inputs = inputs_of(args)
    facts = manifest_facts(args.runs)
    question = at_operating_boxes(
        read_question(args, inputs, experiment.evaluation), allowed=experiment.evaluation.false_boxes_per_image
    )
    sets = metrics_of(question)
    regions = region_results(question.sets, averages=question.averages)
    paper = [*(result for result in regions if result.table.rows), *paper_results(question, sets)]
    beyond: list[Result] = []
    absent: list[Table] = [result.table for result in regions if not result.table.rows]
    if args.extent == "full":
        asked = reviewer_results(question, experiment.evaluation, seed=experiment.seed)
        asked += external_results(question, experiment.evaluation, seed=experiment.seed)
        beyond += [result for result in asked if result.table.rows]
        absent += [result.table for result in asked if not result.table.rows]
        tables = {result.table.name: result.table for result in [*paper, *beyond]}
        facts |= result_facts(question, tables, reference=args.reference.name, has_flow=args.flow is not None)
        beyond += checklist_results(facts)
    content = _content(args, experiment.evaluation, sets, [*paper, *beyond])

    with new_folder(args.out, command="evaluate", inputs=_read(args)) as folder:
        names = list(write_results(folder, [*paper, *beyond]))
        names += _draw_confusions(folder, question)
        names += _copy_flow(folder, args.flow)
        if args.extent == "full":
            write_text(folder / "model_card.md", _card(question, facts, [*paper, *beyond]))
            names.append("model_card.md")
        summary = summary_text(
            question,
            sets,
            paper,
            flow=flow_lines(folder),
            closing=closing_lines(args.out, question, names, absent=absent),
        )
        write_text(folder / "summary.txt", summary)
        write_text(folder / "metrics.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
        _write_manifest(folder, args, experiment, content)
    print(json.dumps(content, indent=2, allow_nan=False) if args.json else summary)


def _read(args: argparse.Namespace) -> list[Path]:
    """Return every file and folder that the command line names as an input."""
    named = [args.readers, args.repeats, args.validation, args.external_readers, args.read]
    tables = [Path(path) for texts in named for text in texts or [] if (path := text.partition("=")[2])]
    folders = (args.slices, args.splits, args.external_reference, args.external_slices, args.external_exclusions)
    return [
        *options.given(args.reference, *folders, args.flow, args.clinical),
        *tables,
        *(args.dicom or []),
        *args.runs,
    ]


def _card(question: "Question", facts: "dict[Fact, Answer]", results: "Sequence[Result]") -> str:
    from tfspine.evaluation.documents.model_card import model_card
    from tfspine.evaluation.documents.study_facts import Fact
    from tfspine.evaluation.tables.table import without_readers

    shown = (
        "regions",
        "regions_accuracy",
        "regions_predictive",
        "end_to_end",
        "levels",
        "reference",
        "recall_cost",
        "recall",
        "agreement_four",
        "agreement_two",
        "accuracy",
        "calibration",
        "operating",
    )
    notice = ["Research software. Not a medical device; not for diagnosis."]
    if Fact.SIMULATED in facts:
        notice.append(
            "Trained or tested on simulated patients: what it does on people is not known from these figures."
        )
    tables = [without_readers(result.table, question.versions) for result in results if result.table.name in shown]
    return model_card(question.model, facts, tables=tables, notice=notice)


def _content(
    args: argparse.Namespace, settings: "EvaluationConfig", sets: "Sets", results: "Sequence[Result]"
) -> dict[str, Any]:
    """Return `metrics.json`: everything unrounded."""
    from tfspine.evaluation.tables.table import metrics_dict, plain_rows

    readers = {
        name: {reader: metrics_dict(metrics) for reader, metrics in of_set.items()} for name, of_set in sets.items()
    }
    first, *others = readers
    return {
        "reference": args.reference.name,
        "split": (args.split or SPLIT) if args.splits else None,
        "iou": settings.iou,
        "confidence": settings.confidence,
        "readers": readers[first],
        **{name: {"readers": readers[name]} for name in others},
        "tables": {result.table.name: plain_rows(result.table) for result in results},
    }


def _draw_confusions(folder: Path, question: "Question") -> list[str]:
    from tfspine.evaluation.figures.estimates import can_draw, confusion_figure

    if not can_draw():
        logger.warning("no figures: they need matplotlib: pip install 'tfspine[report]'")
        return []
    names = []
    sets = [(question.internal, "confusion")]
    sets += [(question.external, "confusion_external")] if question.external else []
    for set_, prefix in sets:
        for name, reader in set_.metrics.items():
            for region in reader.regions.values():
                names.append(f"{prefix}_{stem(name)}_{region.region}.png")
                confusion_figure(region, set_name=set_.name, reader=name, path=folder / names[-1])
    return names


def _copy_flow(folder: Path, flow: Path | None) -> list[str]:
    if flow is None:
        return []
    missing = [name for name in FLOW_FILES if not (flow / name).is_file()]
    if missing:
        raise EvaluationError(f"{flow / missing[0]}: not there; expected the folder that tfspine flow wrote")
    for name in FLOW_FILES:
        shutil.copyfile(flow / name, folder / name)
    return list(FLOW_FILES)


def _write_manifest(folder: Path, args: argparse.Namespace, experiment: "Experiment", content: dict[str, Any]) -> None:
    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest

    write_manifest(
        folder,
        command="evaluate",
        config={"name": experiment.name, "seed": experiment.seed, "evaluation": as_dict(experiment.evaluation)},
        inputs=_read(args),
        details={
            "split": content["split"],
            "readers": {name: Path(path).name for name, _, path in (text.partition("=") for text in args.readers)},
        },
    )
