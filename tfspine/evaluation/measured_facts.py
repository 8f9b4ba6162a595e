"""What an evaluation itself contributes to checklists and model card: its sets and the tables it made."""

from collections.abc import Mapping

from tfspine.evaluation.documents.study_facts import Answer, Fact
from tfspine.evaluation.question import Question
from tfspine.evaluation.tables.coverage import coverage_lines
from tfspine.evaluation.tables.subgroups import FACTORS
from tfspine.evaluation.tables.table import REGION_TITLES, Table


def measured_facts(
    question: Question, tables: Mapping[str, Table], *, reference: str, has_flow: bool
) -> dict[Fact, Answer]:
    """Return the known facts; those of tables that were not made are left out.

    Args:
        question: what was compared.
        tables: those that were made and have rows, by name.
        reference: name of the file or folder of the reference.
        has_flow: whether the flow chart is among the outputs.
    """
    facts = _of_sets(question) | _of_tables(question, tables)
    facts[Fact.REFERENCE] = Answer(f"boxes and grades in {reference}", "manifest.json")
    facts[Fact.METRICS] = Answer("recall, Gwet AC1, sensitivity, specificity", "metrics.json")
    facts[Fact.CUT_OFF] = Answer(
        "positive is moderate or severe; a box counts at the IoU in metrics.json", "metrics.json"
    )
    if question.averages:
        members = "; ".join(f"{name} of {len(of)} members" for name, of in question.averages.items())
        facts[Fact.ENSEMBLE] = Answer(f"means of statistics: {members}", "metrics.json")
    if has_flow:
        facts[Fact.FLOW] = Answer("studies seen, left out with reasons, included, divided", "flow.csv, flow.png")
    return facts


def _of_sets(question: Question) -> dict[Fact, Answer]:
    set_, model = question.internal, question.reader
    metrics = set_.metrics[model]
    patients = set_.patient_of(set_.covered["study"]).nunique()
    ungraded = sum(region.ungraded for region in metrics.regions.values())
    grades = "; ".join(
        f"{REGION_TITLES[region.region]}: {'/'.join(map(str, region.reference_grades))}"
        for region in set_.reference_metrics.regions.values()
    )
    readers = "; ".join(["each against the reference: " + ", ".join(set_.readers), *coverage_lines(set_)])
    facts = {
        Fact.GRADES: Answer(f"boxes normal/mild/moderate/severe: {grades}", "reference.md"),
        Fact.INTERNAL: Answer(set_.count_words(), "metrics.json"),
        Fact.MISSING: Answer(
            f"boxes without a grade are found but not compared ({ungraded}); a positive not found is a miss in "
            "end-to-end sensitivity",
            "metrics.json",
        ),
        Fact.READERS: Answer(readers, "agreement_four.md, agreement_two.md"),
        Fact.SAMPLE: Answer(
            f"{patients} patients; how the number was chosen is not recorded in the run", "metrics.json"
        ),
    }
    if question.external is not None:
        facts[Fact.EXTERNAL] = Answer(question.external.count_words(), "recall.md, accuracy.md")
    return facts


def _of_tables(question: Question, tables: Mapping[str, Table]) -> dict[Fact, Answer]:
    intervals = f"{question.internal.confidence:.0%} intervals: Clopper-Pearson, t of Gwet's coefficient"
    facts = {}
    for name, fact, answer in (
        (
            "accuracy",
            Fact.ACCURACY,
            Answer("sensitivity and specificity, intervals by patient and by box", "accuracy.md"),
        ),
        (
            "bootstrap",
            Fact.UNCERTAINTY,
            Answer(f"{intervals}, leaving patients out, and bootstrap of patients", "recall.md, bootstrap.md"),
        ),
        ("calibration", Fact.CALIBRATION, Answer("Brier score, calibration error, reliability", "calibration.md")),
        ("cohort", Fact.COHORT, Answer("patients, scanners, TR and TE of each part, from headers", "cohort.md")),
        ("confusion", Fact.CROSS_TABLE, Answer("reference against reader, in boxes", "confusion.md")),
        (
            "confusion",
            Fact.FAILURES,
            Answer("grades confused, boxes missed, boxes too many", "confusion.md, recall.md"),
        ),
    ):
        if name in tables:
            facts[fact] = answer
    said = ["age and sex from headers"] if question.people else []
    said += [", ".join(question.clinical.factors)] if question.clinical else []
    if "cohort" in tables and said:
        facts[Fact.DEMOGRAPHICS] = Answer(f"of each part: {'; '.join(said)}", "cohort.md")
    if "repeat" in tables:
        readers = ", ".join(question.repeats or {})
        facts[Fact.REPEAT] = Answer(f"second readings by {readers}, against the first", "repeat.md")
    if "subgroups" in tables:
        made = {row["factor"] for row in tables["subgroups"].rows}
        factors = [title.lower() for title in FACTORS.values() if title in made]
        facts[Fact.SUBGROUPS] = Answer(f"by {', '.join(factors)}, each with its n", "subgroups.md")
    return facts
