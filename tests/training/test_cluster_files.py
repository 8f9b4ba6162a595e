"""The files for Slurm and Kubernetes start workers that find one another: their own commands, as dry runs."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfspine.errors import REQUEUE

pytestmark = pytest.mark.slow

CLUSTER = Path(__file__).parents[2] / "experiments" / "cluster"


def job(name: str) -> tuple[dict[str, Any], list[str]]:
    """Return the specification of the Job in a file, and the names under which its pods are found."""
    documents = {item["kind"]: item for item in yaml.safe_load_all((CLUSTER / name).read_text())}
    if "JobSet" in documents:
        # <jobset>-<job>-<job index>-<pod index>.<subdomain> (JobSet, concepts: DNS hostnames for pods)
        whole = documents["JobSet"]
        [replicated] = whole["spec"]["replicatedJobs"]
        spec = replicated["template"]["spec"]
        base = f"{whole['metadata']['name']}-{replicated['name']}-0"
        service = whole["spec"]["network"]["subdomain"]
    else:
        # <job>-<index>.<subdomain>, where a headless Service of that name exists (Kubernetes, Indexed Job)
        spec, base = documents["Job"]["spec"], documents["Job"]["metadata"]["name"]
        service = spec["template"]["spec"]["subdomain"]
        assert documents["Service"]["metadata"]["name"] == service
        assert documents["Service"]["spec"]["clusterIP"] == "None"
        assert documents["Service"]["spec"]["selector"] == {"job-name": base}
    assert spec["completionMode"] == "Indexed"
    return spec, [f"{base}-{index}.{service}" for index in range(spec["completions"])]


@pytest.mark.parametrize("name", ["indexed_job.yaml", "jobset.yaml"])
def test_pods_know_themselves_and_one_another(name: str, detector_records: Path, tmp_path: Path) -> None:
    spec, hosts = job(name)
    [container] = spec["template"]["spec"]["containers"]
    port = container["ports"][0]["containerPort"]
    [script] = container["args"]
    script = script.replace("exec tfspine train detector", "exec python -m tfspine train detector --dry-run")
    script = script.replace("/data/records", str(detector_records)).replace("/data/runs", str(tmp_path))
    script = script.replace("--experiment experiments/own_data_gpu.toml", "--set records.shards=1")
    for index, host in enumerate(hosts):
        printed = run([*container["command"], script], JOB_COMPLETION_INDEX=str(index))
        assert f"worker {index} of {len(hosts)}, at {host}:{port}; the chief is worker 0, {hosts[0]}:{port}" in printed


def test_slurm_starts_again_what_asks_for_it(tmp_path: Path) -> None:
    """With stand-ins for srun, which ends like a task that lost its peer, and for scontrol, which notes its words."""
    text = (CLUSTER / "slurm.sbatch").read_text()
    for name, code in {"srun": f"exit {REQUEUE}", "scontrol": f'echo "$@" > {tmp_path}/told'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7"}
    done = subprocess.run(["/bin/bash", "-c", text], env=environment, check=False)
    assert done.returncode == REQUEUE
    assert (tmp_path / "told").read_text() == "requeue 7\n"
    assert re.search(r"^#SBATCH --requeue$", text, re.MULTILINE)


def run(words: list[str], **environment: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words, env=os.environ | environment | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
