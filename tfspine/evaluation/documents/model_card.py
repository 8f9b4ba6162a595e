"""A model card in Markdown: intended use, training data, and performance by reader and study population.

Sections follow Mitchell et al., Proc. FAT* 2019:220-229, paraphrased. What the run does not know is reported as
unknown.
"""

from collections.abc import Iterator, Sequence

from tfspine.evaluation.documents.study_facts import Fact, Facts
from tfspine.evaluation.tables.table import Table, as_text, markdown_text, to_markdown

UNKNOWN = "Not recorded in the run: write it here."

_DETAILS = (
    (Fact.MODEL, "Networks"),
    (Fact.SOFTWARE, "Software"),
    (Fact.CODE, "Code"),
    (Fact.PROTOCOL, "Served as"),
)
_TRAINING = (
    (Fact.SIMULATED, "Data"),
    (Fact.PREPARATION, "Preparation"),
    (Fact.PARTITION, "Partition"),
    (Fact.TRAINING, "Training"),
    (Fact.INITIAL_WEIGHTS, "First weights"),
    (Fact.SELECTION, "Selection"),
    (Fact.ENSEMBLE, "Ensemble"),
)
_TESTING = (
    (Fact.INTERNAL, "Internal"),
    (Fact.EXTERNAL, "External"),
    (Fact.REFERENCE, "Reference"),
    (Fact.GRADES, "Grades"),
    (Fact.DEMOGRAPHICS, "Patients"),
    (Fact.REPEAT, "Read again"),
)


def model_card(name: str, facts: Facts, *, tables: Sequence[Table], notice: Sequence[str]) -> str:
    """Return the card.

    Args:
        name: the name of the model in the tables.
        facts: what the run recorded.
        tables: results to show, in order.
        notice: what a user has to know first, such as that all patients were simulated; one paragraph each.
    """
    return "\n".join(_lines(name, facts, tables, notice)) + "\n"


def _lines(name: str, facts: Facts, tables: Sequence[Table], notice: Sequence[str]) -> Iterator[str]:
    yield f"# Model card: {markdown_text(name)}"
    for paragraph in notice:
        yield f"\n**{paragraph}**"
    yield "\n## Model\n"
    yield from _list(facts, _DETAILS)
    yield "\n## Intended use\n"
    yield (
        "Research on lumbar spine MRI of adults (axial T2w, sagittal T1w): boxes around central canal, lateral "
        "recesses and neural foramina, each graded normal, mild, moderate or severe, for a person to check."
    )
    yield (
        "\nNot for: diagnosis or treatment without a physician; other sequences, after gadolinium, with metal, severe "
        "scoliosis or poor images, unless the tests below cover it; children."
    )
    yield "\n## Training\n"
    yield from _list(facts, _TRAINING)
    yield "\n## Testing\n"
    yield from _list(facts, _TESTING)
    yield "\n## Results\n"
    for table in tables:
        yield f"### {markdown_text(table.title)}\n"
        yield to_markdown(as_text(table))
        if table.note:
            yield f"{markdown_text(table.note)}\n"
    yield "## Groups for which performance may be worse\n"
    subgroups = facts.get(Fact.SUBGROUPS)
    yield f"Measured {markdown_text(subgroups.text)} ({subgroups.where})." if subgroups else UNKNOWN
    yield "\nFactors not named there were not compared; headers do not state where patients come from."
    yield "\n## Ethics and limitations\n"
    yield (
        'A positive that is not found is never graded: sensitivity is of boxes found unless it says "with missed". '
        "Grades are those of the reference, and people disagree on neighbouring grades. A level may be miscounted "
        "where the sacrum is not in view. Probabilities are only as good as the calibration table says."
    )


def _list(facts: Facts, items: Sequence[tuple[Fact, str]]) -> Iterator[str]:
    known = [(title, facts[fact]) for fact, title in items if fact in facts]
    if not known:
        yield UNKNOWN
    for title, answer in known:
        yield f"- {title}: {markdown_text(answer.text)} ({markdown_text(answer.where)})"
