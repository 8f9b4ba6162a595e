"""Small but complete inputs of ``tfspine evaluate``, simulated: members of an ensemble, people aided and not, a repeat.

Everything is drawn from one seed with NumPy and written as files that people have; nothing of the package is used, so
that the same inputs go into every state of it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 7
GRADES = ("normal", "mild", "moderate", "severe")
SHARES = tuple(f"p_{grade}" for grade in GRADES)
LEVELS = ("L3-L4", "L4-L5", "L5-S1")
STUDIES = {"train": 3, "validation": 8, "test": 24, "external": 14}
COLUMNS = (
    *("study", "slice", "plane", "region", "side", "level", "ymin", "xmin", "ymax", "xmax", "grade", "score"),
    *(*SHARES, "level_certain", "score_threshold"),
)
SLICE_COLUMNS = (
    *("key", "study", "patient", "plane", "number", "rows", "columns", "row_spacing_mm", "column_spacing_mm"),
    *("slice_thickness_mm", "position_x_mm", "position_y_mm", "position_z_mm", "row_x", "row_y", "row_z", "column_x"),
    *("column_y", "column_z", "window_low", "window_high", "manufacturer", "magnetic_field_strength_t"),
    *("repetition_time_ms", "echo_time_ms", "study_instance_uid", "series_instance_uid", "sop_instance_uid"),
    "frame_of_reference_uid",
)
WORDS = (
    *("evaluate", "--reference", "reference.csv", "--reader", "m1=m1.csv", "--reader", "m2=m2.csv"),
    *("--reader", "ann=ann.csv", "--reader", "bob=bob.csv", "--reader", "ann_aided=ann_aided.csv"),
    *("--reader", "bob_aided=bob_aided.csv", "--average", "dl=m1,m2", "--model", "dl"),
    *("--arm", "alone=ann,bob", "--arm", "aided=ann_aided,bob_aided"),
    *("--repeat", "reference=again.csv", "--repeat", "ann=ann_again.csv", "--read", "bob=bob_read.csv"),
    *("--slices", "slices", "--splits", "splits.csv", "--validation", "m1=m1_validation.csv"),
    *("--validation", "m2=m2_validation.csv", "--external-reference", "external.csv"),
    *("--external-reader", "m1=external_m1.csv", "--external-reader", "m2=external_m2.csv"),
    *("--external-reader", "ann=external_ann.csv", "--external-slices", "external_slices"),
    *("--clinical", "clinical.csv", "--flow", "flow", "--out", "out", "--set", "evaluation.replicates=60"),
)
"""The command line, to be run in the folder of the inputs."""


def write_inputs(folder: Path) -> None:
    """Write everything that `WORDS` names into a folder."""
    rng = np.random.default_rng(SEED)
    truth = _reference(rng)
    own = truth["part"] != "external"
    of_test, outside = (truth["part"] == part for part in ("test", "external"))
    tables = {"reference": truth[own], "external": truth[~own], "again": _person(rng, truth[of_test], 0.05)}
    for name, skill in (("m1", 1.2), ("m2", 1.0)):
        # Members grade the boxes of one detector.
        found = _model(np.random.default_rng(SEED + 1), truth)
        graded = _with_shares(rng, found, skill)
        for part, words in (("test", name), ("validation", f"{name}_validation"), ("external", f"external_{name}")):
            tables[words] = graded[graded["part"] == part]
    people = {"ann": 0.25, "bob": 0.35, "ann_aided": 0.15, "bob_aided": 0.2, "ann_again": 0.25}
    tables |= {name: _person(rng, truth[of_test], error) for name, error in people.items()}
    tables["external_ann"] = _person(rng, truth[outside], 0.25)
    read = [f"test{number:02d}" for number in range(STUDIES["test"] - 3)]
    tables["bob"] = tables["bob"][tables["bob"]["study"].isin(read)]
    for name, table in tables.items():
        table.reindex(columns=list(COLUMNS)).to_csv(folder / f"{name}.csv", index=False)
    pd.DataFrame({"study": read}).to_csv(folder / "bob_read.csv", index=False)
    _write_studies(folder, truth)


def _reference(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for part, count in STUDIES.items():
        for number in range(count):
            study, burden = f"{part}{number:02d}", rng.normal(0, 0.7)
            for place, level in enumerate(LEVELS):
                axial = {"study": study, "part": part, "slice": f"{study}-a{place}", "plane": "axial", "level": level}
                sagittal = axial | {"plane": "sagittal"}
                spots = [
                    axial | {"region": "central_canal", "side": "", "y": 60, "x": 60},
                    *(axial | {"region": "lateral_recess", "side": side, "y": 60, "x": x} for side, x in _SIDES),
                    *(
                        sagittal
                        | {"slice": f"{study}-s{side}", "region": "neural_foramen", "side": side}
                        | {"y": 30 + 30 * place, "x": 40}
                        for side, _ in _SIDES
                    ),
                ]
                for spot in spots:
                    grade = int(np.clip(np.floor(rng.normal(1.7 + burden, 1.1)), 0, 3))
                    y, x = (spot[axis] + rng.uniform(-3, 3) for axis in "yx")
                    high, wide = rng.uniform(10, 16, 2)
                    rows.append(spot | {"code": grade, "ymin": y, "xmin": x, "ymax": y + high, "xmax": x + wide})
    return _named(pd.DataFrame(rows))


_SIDES = (("right", 30), ("left", 90))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    corners = ["ymin", "xmin", "ymax", "xmax"]
    return table.assign(grade=[GRADES[code] for code in table["code"]], **table[corners].round(2))


def _moved(rng: np.random.Generator, table: pd.DataFrame, *, by: float, keep: float) -> pd.DataFrame:
    kept = table[rng.random(len(table)) < keep].copy()
    shift = rng.normal(0, by, (len(kept), 2))
    for axis, column in enumerate("yx"):
        kept[[f"{column}min", f"{column}max"]] += shift[:, [axis]]
    return kept


def _person(rng: np.random.Generator, truth: pd.DataFrame, error: float) -> pd.DataFrame:
    """Return boxes near the reference's with some grades one step off and a few without a grade."""
    boxes = _moved(rng, truth, by=1.2, keep=0.94)
    step = rng.choice([-1, 0, 1], len(boxes), p=[error / 2, 1 - error, error / 2])
    boxes = _named(boxes.assign(code=np.clip(boxes["code"] + step, 0, 3)))
    return boxes.assign(grade=boxes["grade"].where(rng.random(len(boxes)) > 0.02, ""))


def _model(rng: np.random.Generator, truth: pd.DataFrame) -> pd.DataFrame:
    """Return a detector's boxes: scores, a wrong level here and there, and boxes where nothing is."""
    boxes = _moved(rng, truth, by=1.0, keep=0.96).assign(score=lambda table: rng.uniform(0.25, 1, len(table)))
    extra = truth[rng.random(len(truth)) < 0.2].copy()
    extra[["xmin", "xmax"]] += 40
    extra = extra.assign(score=rng.uniform(0.02, 0.6, len(extra)))
    table = _named(pd.concat([boxes, extra], ignore_index=True)).assign(score=lambda found: found["score"].round(4))
    wrong = rng.random(len(table)) < 0.05
    table.loc[wrong, "level"] = table.loc[wrong, "level"].map(dict(zip(LEVELS, (*LEVELS[1:], LEVELS[0]), strict=True)))
    return table.assign(level_certain=np.where(rng.random(len(table)) < 0.85, "yes", "no"))


def _with_shares(rng: np.random.Generator, found: pd.DataFrame, skill: float) -> pd.DataFrame:
    logits = rng.normal(0, 1, (len(found), 4)) + skill * np.eye(4)[found["code"]]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = _named(found.assign(code=shares.argmax(axis=1)))
    return table.assign(**dict(zip(SHARES, shares.T.round(5), strict=True)))


def _write_studies(folder: Path, truth: pd.DataFrame) -> None:
    """Write what is known of studies: slices, splits, what the clinic knows, and the flow chart."""
    studies = truth[["study", "part"]].drop_duplicates()
    # Every third study is the second one of a patient.
    patient = {
        study: f"p-{study[:-2]}{int(study[-2:]) // 3 * 2 + (int(study[-2:]) % 3 == 1)}" for study in studies["study"]
    }
    for name, outside in (("slices", False), ("external_slices", True)):
        rows = []
        for study, part in studies.itertuples(index=False):
            if (part == "external") != outside:
                continue
            odd = int(study[-2:]) % 2
            usual = dict.fromkeys(SLICE_COLUMNS, 0) | {
                "study": study, "patient": patient[study], "study_instance_uid": f"1.2.3.{len(rows)}",
                "manufacturer": "SIEMENS" if odd else "Philips", "magnetic_field_strength_t": 1.5 if odd else 3.0,
            }  # fmt: skip
            keys = [*(f"{study}-a{place}" for place in range(3)), *(f"{study}-s{side}" for side, _ in _SIDES)]
            rows += [
                usual | {"key": key, "plane": "axial" if key[-2] == "a" else "sagittal", "number": number}
                for number, key in enumerate(keys)
            ]
        (folder / name).mkdir()
        pd.DataFrame(rows).to_csv(folder / name / "slices.csv", index=False)
    inside = studies[studies["part"] != "external"]
    pd.DataFrame({"patient": inside["study"].map(patient), "study": inside["study"], "split": inside["part"]}).to_csv(
        folder / "splits.csv", index=False
    )
    pd.DataFrame(
        {
            "study": studies["study"],
            "ethnicity": np.where(studies["study"].str[-1].isin(list("13579")), "Chinese", "Malay"),
            "indication": "back pain",
            "comorbidities": np.where(studies["study"].str[-1] == "4", "diabetes; obesity", "none"),
        }
    ).drop_duplicates("study").to_csv(folder / "clinical.csv", index=False)
    (folder / "flow").mkdir()
    (folder / "flow" / "flow.csv").write_text(
        "part,step,reason,studies,axial,sagittal\ninternal,seen,,30,90,60\ninternal,seen,metal,1,3,2\n"
    )
    for ending in ("png", "svg"):
        (folder / "flow" / f"flow.{ending}").write_bytes(b"chart")
