#!/bin/bash
# Measure training on one GPU in at most nine minutes, from wheels that were carried there:
#
#   pip download --dest wheels ".[all,gpu]"                 (on a machine with a package index, in the repository)
#   experiments/benchmarks/gpu.sh wheels results            (on the machine with the GPU, in the repository)
#
# Writes results/BATCH/benchmark.json for batches of 1, 4 and 16 images (training_step.py says what is in it), with the
# name of the GPU. Not run: no GPU was available. What is not measured when the time is up is left out.
set -eu
wheels=$1
results=$2
ends=$(($(date +%s) + 540))

python3.11 -m venv "$results/venv"
PATH="$PWD/$results/venv/bin:$PATH"
python -m pip install --quiet --no-index --find-links "$wheels" "tfspine[all,gpu]"
tfspine doctor

data=$results/data
tfspine phantom --out "$data/phantom" --set phantom.studies=12 --set phantom.workers=8
tfspine ingest "$data/phantom/dicom" --out "$data/slices"
tfspine split --slices "$data/slices" --out "$data/splits.csv" --set split.validation=0.3 --set split.test=0.2
tfspine records --slices "$data/slices" --labels "$data/phantom/labels" --splits "$data/splits.csv" --out "$data/records" \
    --experiment experiments/paper.toml

for batch in 1 4 16; do
    left=$((ends - $(date +%s)))
    [ "$left" -gt 0 ] || break
    timeout "$left" python experiments/benchmarks/training_step.py --records "$data/records" \
        --experiment experiments/paper.toml --set detector.batch_norm=device --set "detector.batch_size=$batch" \
        --precision fp32 fp16 bf16 --out "$results/$batch" || break
done
