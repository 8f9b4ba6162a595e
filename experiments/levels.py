"""How often disc levels and sides are named rightly, and said to be certain, on simulated patients of known levels.

    python experiments/levels.py --out experiments/results/levels

Nothing is drawn and no network is asked: what a detector would find is made from the boxes of the truth, see
`simulated_detector.py`. Two tables: studies of three views (whole; cut off above or within the foramina of L5-S1; whole
without foramina of L5-S1), and cases in which the count can go wrong (`simulated_cases.py`). Hardware: one CPU core,
five minutes. Writes `levels.json` and `manifest.json`, and prints the tables.
Simulated patients only: real spines differ more, and real detectors miss and invent less at random.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from simulated_cases import CASE_SEED, UNCHANGED, Case, change, draw_case, readings_of
from simulated_detector import SEED, Detector, KnownStudy, View, simulate

from tfspine.labels import Plane
from tfspine.manifest import write_manifest
from tfspine.outputs import new_folder, write_text
from tfspine.study.assembly import assemble

SHARE = 25
"""Cases that one process counts at a time."""


def main() -> None:
    """Simulate, name, count, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("experiments/results/levels"))
    parser.add_argument("--patients", type=int, default=100, help="of each view (%(default)s)")
    parser.add_argument("--cases", type=int, default=500, help="of each detector (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that share the work (%(default)s)")
    args = parser.parse_args()
    with ProcessPoolExecutor(args.processes) as pool:
        views = {
            f"{detector}, {view}": pool.submit(measure, range(args.patients), detector=detector, view=view)
            for detector in Detector
            for view in View
        }
        cases = {
            str(detector): [
                pool.submit(count_cases, range(start, min(start + SHARE, args.cases)), detector=detector)
                for start in range(0, args.cases, SHARE)
            ]
            for detector in Detector
        }
        details = {"seed": SEED, "seed_of_cases": CASE_SEED, "patients": args.patients, "cases": args.cases}
        content = {
            **details,
            "views": {name: row.result() for name, row in views.items()},
            "cases_of": {name: shares_of([part.result() for part in parts]) for name, parts in cases.items()},
        }
    with new_folder(args.out, command="levels") as folder:
        write_text(folder / "levels.json", json.dumps(content, indent=2) + "\n")
        write_manifest(folder, command="levels", inputs=[folder / "levels.json"], details=details)
    print(json.dumps(content, indent=2))


def measure(patients: Iterable[int], *, detector: Detector, view: View) -> dict[str, float]:
    """Return counts and shares over patients of one view: what was named rightly, and studies said to be uncertain."""
    counts: Counter[str] = Counter()
    for number in patients:
        counts += count_study(simulate(number, detector=detector, view=view))
    return {
        "axial_slices": counts["axial"],
        "axial_slices_right": counts["axial right"] / counts["axial"],
        "sagittal_boxes": counts["foramina"],
        "sagittal_boxes_right": counts["foramina right"] / counts["foramina"],
        "sides_right": counts["side right"] / counts["foramina"],
        "studies": counts["studies"],
        "studies_uncertain": counts["uncertain"] / counts["studies"],
        "studies_lumbarised": counts["lumbarised"],
        "studies_uncertain_but_not_lumbarised": counts["uncertain, usual"] / counts["studies"],
        "studies_wrong_and_certain": counts["wrong and certain"] / counts["studies"],
    }


def measure_cases(numbers: Iterable[int], *, detector: Detector) -> dict[str, dict[str, float]]:
    """Return a row of counts and shares of all cases, and one of those in which one thing was changed."""
    return shares_of([count_cases(numbers, detector=detector)])


def count_cases(numbers: Iterable[int], *, detector: Detector) -> Counter[tuple[str, str]]:
    """Return what was counted, by kind of case: in most of them more than one thing was changed.

    Intact studies of a lumbarised S1, of which a detector finds six levels, count as such and not as intact.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for number in numbers:
        case = draw_case(number)
        study = change(number, case, detector=detector)
        names = ("lumbarised S1",) if study.is_lumbarised and case.kinds == ("intact",) else case.kinds
        counted = count_study(study, case)
        counts += Counter({(kind, what): count for kind in ("all", *names) for what, count in counted.items()})
    return counts


def shares_of(parts: Iterable[Counter[tuple[str, str]]]) -> dict[str, dict[str, float]]:
    """Return the rows of all kinds from what was counted in parts."""
    counts = sum(parts, Counter())
    kinds = sorted({kind for kind, _ in counts})
    return {kind: shares(Counter({what: n for (of, what), n in counts.items() if of == kind})) for kind in kinds}


def shares(counts: Counter[str]) -> dict[str, float]:
    """Return the row of one kind of cases; boxes are the true ones, an axial slice counts as one."""
    certain, found = counts["certain"], counts["axial"] + counts["foramina"]
    return {
        "studies": counts["studies"],
        "studies_certain": 1.0 - counts["uncertain"] / counts["studies"],
        "levels": found,
        "levels_right": (counts["axial right"] + counts["foramina right"]) / max(1, found),
        "levels_certain": certain,
        "certain_levels_right": counts["certain right"] / max(1, certain),
        "sides_right": counts["side right"] / max(1, counts["foramina"]),
        "certain_sides_right": counts["certain side right"] / max(1, counts["certain foramina"]),
        "studies_with_a_wrong_certain_level": counts["studies wrong"],
    }


def count_study(study: KnownStudy, case: Case = UNCHANGED) -> Counter[str]:
    """Assemble one study and count what was named rightly, and what of that was certain.

    Axial slices count where they show a true box, by the level of that box; so do true foramina. A study is wrong and
    certain where most of its foramina have a wrong level that is said to be sure.
    """
    placed, result = assemble(readings_of(study, case))
    is_uncertain = bool(result.level_doubt)
    counts: Counter[str] = Counter(studies=1, uncertain=is_uncertain, lumbarised=study.is_lumbarised)
    counts["uncertain, usual"] += is_uncertain and not study.is_lumbarised
    levels = {item.slice_key: item for item in result.slices}
    wrong = 0
    for reading, item in zip(placed, study.slices, strict=True):
        true = [(box, named) for box, named in zip(item.found, reading.detections, strict=True) if box.is_true]
        if item.plane is Plane.AXIAL:
            if true:
                named = levels[reading.key]
                _count(counts, "axial", is_right=named.level is true[0][0].level, is_certain=named.is_certain)
            continue
        for box, found in true:
            is_right, is_certain = found.level is box.level, found.is_level_certain
            _count(counts, "foramina", is_right=is_right, is_certain=is_certain)
            counts["certain foramina"] += is_certain
            counts["side right"] += found.side is box.side
            counts["certain side right"] += is_certain and found.side is box.side
            wrong += is_certain and not is_right
    counts["wrong and certain"] += wrong > counts["foramina"] / 2
    counts["studies wrong"] += counts["certain right"] < counts["certain"]
    return counts


def _count(counts: Counter[str], what: str, *, is_right: bool, is_certain: bool) -> None:
    counts[what] += 1
    counts[f"{what} right"] += is_right
    counts["certain"] += is_certain
    counts["certain right"] += is_certain and is_right


if __name__ == "__main__":
    main()
