"""Compares readers or models with a reference; the paper's tables, then what a reviewer may ask for."""

import dataclasses
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.compat import StrEnum
from tfspine.config import Experiment
from tfspine.errors import EvaluationError
from tfspine.formats.flow_csv import FLOW_FILE
from tfspine.formats.metrics_json import write_metrics
from tfspine.progress import Track, silent
from tfspine.workflows.evaluation.inputs import SPLIT, EvaluateInputs, stem

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.evaluation.question import Question

logger = logging.getLogger(__name__)

FLOW_FILES = (FLOW_FILE, "flow.png", "flow.svg")


class Extent(StrEnum):
    """Extent of an evaluation: only the paper's tables, or everything that a reviewer may ask for."""

    PAPER = "paper"
    FULL = "full"


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        folder: with every table as CSV, JSON and Markdown, figures, `summary.txt`, `metrics.json` and the model card.
        summary: the tables that are printed first, as text of 80 columns.
        metrics: all measures, unrounded, as in `metrics.json`.
    """

    folder: Path
    summary: str
    metrics: Mapping[str, Any]

    def table(self, name: str) -> "pd.DataFrame":
        """Return one table by the stem of its files, such as `regions` or `recall`, with the same rows.

        Raises:
            EvaluationError: there is no such table.
        """
        import pandas as pd

        tables = self.metrics["tables"]
        if name not in tables:
            raise EvaluationError(f'no table "{name}"; expected one of {", ".join(tables)}')
        return pd.json_normalize(tables[name])


def evaluate(
    inputs: EvaluateInputs,
    out: Path,
    experiment: Experiment,
    *,
    extent: Extent = Extent.FULL,
    track: Track = silent,
) -> Evaluation:
    """Compare every reader with the reference, and write tables, figures and what is printed.

    Args:
        inputs: what is compared.
        out: folder to write.
        experiment: `[evaluation]` and the seed.
        extent: only the paper's tables, or everything.
        track: counts the tables.

    Raises:
        EvaluationError: the inputs do not fit together.
        FormatError: a table or a label cannot be read.
        OutputError: `out` may not be written.
    """
    from tfspine.evaluation import evaluate as stage
    from tfspine.evaluation.documents.study_facts import manifest_facts
    from tfspine.evaluation.results import write_results
    from tfspine.evaluation.summary import closing_lines, flow_lines, summary_text
    from tfspine.outputs import new_folder, write_text
    from tfspine.ownership import require_folder
    from tfspine.workflows.evaluation.read_question import read_question

    settings = experiment.evaluation
    require_folder(out, command="evaluate", inputs=inputs.paths)
    facts = manifest_facts(inputs.runs)
    question = read_question(inputs, settings, out=out)
    if extent is Extent.FULL:
        measured = stage.measure_in_full(question, settings, seed=experiment.seed, track=track)
        facts = stage.known_facts(measured, facts, reference=inputs.reference.name, has_flow=inputs.flow is not None)
        measured = dataclasses.replace(measured, others=(*measured.others, *stage.checklist_results(facts)))
    else:
        measured = stage.measure_as_paper(question, settings)
    head = {"reference": inputs.reference.name, "split": (inputs.split or SPLIT) if inputs.splits else None}
    metrics = head | stage.metrics_content(measured, settings)
    with new_folder(out, command="evaluate", inputs=inputs.paths) as folder:
        names = [*write_results(folder, measured.results), *_draw_confusions(folder, measured.question)]
        names += _copy_flow(folder, inputs.flow)
        if extent is Extent.FULL:
            write_text(folder / "model_card.md", stage.card_of(measured, facts))
            names.append("model_card.md")
        summary = summary_text(
            measured.question,
            measured.sets,
            measured.printed,
            flow=flow_lines(folder),
            closing=closing_lines(out, measured.question, names, absent=measured.absent),
        )
        write_text(folder / "summary.txt", summary)
        write_metrics(folder, metrics)
        _write_manifest(folder, inputs, experiment, split=head["split"])
    return Evaluation(out, summary, metrics)


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
        raise EvaluationError(f"{flow / missing[0]}: not found; expected the folder that tfspine flow wrote")
    for name in FLOW_FILES:
        shutil.copyfile(flow / name, folder / name)
    return list(FLOW_FILES)


def _write_manifest(folder: Path, inputs: EvaluateInputs, experiment: Experiment, *, split: str | None) -> None:
    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest

    write_manifest(
        folder,
        command="evaluate",
        config={"name": experiment.name, "seed": experiment.seed, "evaluation": as_dict(experiment.evaluation)},
        inputs=inputs.paths,
        details={"split": split, "readers": {name: path.name for name, path in inputs.readers.items()}},
    )
