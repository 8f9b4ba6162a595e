"""How long a simulated study takes, beside an earlier state of the code on the same machine, and whether pictures stay.

    git worktree add ../before 718480a
    python experiments/benchmarks/phantom.py --before ../before --out experiments/results/phantom

Each run starts a fresh process on one core with one of the two states, which simulates one study to warm up and then
times the next; the two states take turns, so that whatever else the machine does falls on both. Medians of processor
time are compared, because a busy machine stretches the time on the clock; that is written down as well. Pictures are
compared by a digest of every pixel of the study, and truth by one of all boxes, grades and severities.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tfspine.manifest import write_manifest
from tfspine.outputs import write_text

MATRICES_PX = (0, 256)
"""0 is the vendors' own, 320 to 384."""

TIMED = """
import hashlib, json, sys, time
from tfspine.config import PhantomConfig
from tfspine.phantom.study import simulate_study
config = PhantomConfig(matrix_px=int(sys.argv[1]))
simulate_study(config, seed=1, number=1)
wall, cpu = time.perf_counter(), time.process_time()
study = simulate_study(config, seed=1, number=2)
seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
pixels = hashlib.sha256(b"".join(ds.PixelData for _, ds in study.files)).hexdigest()
truth = hashlib.sha256(repr((study.truth, study.severities, study.grades)).encode()).hexdigest()
print(json.dumps({**seconds, "images": len(study.files), "pixels": pixels, "truth": truth}))
"""


def main() -> None:
    """Time both states in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the earlier state")
    parser.add_argument("--out", type=Path, help="folder for benchmark.json and its manifest")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts (%(default)s)")
    args = parser.parse_args()
    states = {"before": args.before, "now": Path(__file__).parents[2]}
    result = {str(matrix): _compared(states, matrix_px=matrix, runs=args.runs) for matrix in MATRICES_PX}
    document = json.dumps({"load": os.getloadavg()[0], "cores": os.cpu_count(), "matrix_px": result}, indent=2)
    print(document)
    if args.out:
        write_text(args.out / "benchmark.json", document + "\n")
        write_manifest(args.out, command="benchmark", inputs=[args.out / "benchmark.json"])


def _compared(states: dict[str, Path], *, matrix_px: int, runs: int) -> dict[str, Any]:
    timed: dict[str, list[dict[str, Any]]] = {name: [] for name in states}
    for _ in range(runs):
        for name, folder in states.items():
            timed[name].append(_timed(folder, matrix_px))
    medians = {
        name: {kind: round(statistics.median(run[kind] for run in of_state), 3) for kind in ("cpu", "wall")}
        for name, of_state in timed.items()
    }
    everything = [run for of_state in timed.values() for run in of_state]
    return {
        "seconds": medians,
        "times_faster": round(medians["before"]["cpu"] / medians["now"]["cpu"], 2),
        "images": everything[0]["images"],
        "pixels_equal": len({run["pixels"] for run in everything}) == 1,
        "truth_equal": len({run["truth"] for run in everything}) == 1,
    }


def _timed(folder: Path, matrix_px: int) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(folder.resolve()), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", TIMED, str(matrix_px)]
    made = subprocess.run(words, env=environment, cwd=folder, check=True, capture_output=True, text=True)
    run: dict[str, Any] = json.loads(made.stdout)
    return run


if __name__ == "__main__":
    main()
