"""How often disc levels and sides are named rightly, on simulated patients whose levels are known.

    python experiments/levels.py --out experiments/results/levels

Nothing is drawn and no network is asked: what a detector would find is made from the boxes of the truth, see
`simulated_detector.py`. Studies are whole; or they are cut off above or within the foramina of L5-S1, in both planes;
or they are whole, but no foramen of L5-S1 was found. Hardware: one CPU core, two minutes for 300 patients. Writes
`levels.json` and `manifest.json`, and prints the shares. Simulated patients only: real spines differ more, and real
detectors miss and invent less at random.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from simulated_detector import SEED, Detector, KnownStudy, View, simulate

from tfspine.labels import Plane
from tfspine.manifest import write_manifest
from tfspine.outputs import new_folder, write_text
from tfspine.structures import SliceReading
from tfspine.study.assembly import assemble


def main() -> None:
    """Simulate, name, count, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("experiments/results/levels"))
    parser.add_argument("--patients", type=int, default=300, help="of each kind (%(default)s)")
    args = parser.parse_args()
    shares = {
        f"{detector}, {view}": measure(range(args.patients), detector=detector, view=view)
        for detector in Detector
        for view in View
    }
    content = json.dumps({"seed": SEED, "patients": args.patients, "shares": shares}, indent=2)
    with new_folder(args.out) as folder:
        write_text(folder / "levels.json", content + "\n")
        details = {"seed": SEED, "patients": args.patients}
        write_manifest(folder, command="levels", inputs=[folder / "levels.json"], details=details)
    print(content)


def measure(patients: Sequence[int], *, detector: Detector, view: View) -> dict[str, float]:
    """Return counts and shares over patients: true boxes named rightly, and studies said to be uncertain."""
    counts: Counter[str] = Counter()
    for number in patients:
        counts += count_study(simulate(number, detector=detector, view=view))
    return {
        "axial_slices": counts["axial"],
        "axial_slices_right": counts["axial right"] / counts["axial"],
        "sagittal_boxes": counts["sagittal"],
        "sagittal_boxes_right": counts["sagittal right"] / counts["sagittal"],
        "sides_right": counts["side right"] / counts["sagittal"],
        "studies": counts["studies"],
        "studies_uncertain": counts["uncertain"] / counts["studies"],
        "studies_lumbarised": counts["lumbarised"],
        "studies_uncertain_but_not_lumbarised": counts["uncertain, usual"] / counts["studies"],
        "studies_wrong_and_certain": counts["wrong and certain"] / counts["studies"],
    }


def count_study(study: KnownStudy) -> Counter[str]:
    """Assemble one study and count what was named rightly.

    Axial slices count where they show a true box, by the level of that box; so do true foramina. A study is wrong and
    certain where most of its foramina have a wrong level that is said to be sure.
    """
    readings = [
        SliceReading(f"slice-{number}", "study", item.plane, item.geometry, tuple(box.detection for box in item.found))
        for number, item in enumerate(study.slices)
    ]
    placed, result = assemble(readings)
    is_uncertain = bool(result.level_doubt)
    counts: Counter[str] = Counter(studies=1, uncertain=is_uncertain, lumbarised=study.is_lumbarised)
    counts["uncertain, usual"] += is_uncertain and not study.is_lumbarised
    levels = {item.slice_key: item.level for item in result.slices}
    wrong_and_certain = 0
    for reading, item in zip(placed, study.slices, strict=True):
        true = [(box, named) for box, named in zip(item.found, reading.detections, strict=True) if box.is_true]
        if item.plane is Plane.AXIAL:
            if true:
                counts["axial"] += 1
                counts["axial right"] += levels[reading.key] is true[0][0].level
            continue
        for box, named in true:
            counts["sagittal"] += 1
            counts["sagittal right"] += named.level is box.level
            counts["side right"] += named.side is box.side
            wrong_and_certain += named.is_level_certain and named.level is not box.level
    counts["wrong and certain"] += wrong_and_certain > counts["sagittal"] / 2
    return counts


if __name__ == "__main__":
    main()
