"""Do the ten jobs of tests/jobs each as a new user would: a fresh clone, a fresh environment.

    python benchmarks/ten_jobs.py --out benchmarks/results/ten-jobs.json

For each job the last commit is cloned, a virtual environment is made, innerloop is installed with
the extras that the job needs (and pytest and hypothesis, by which it is run), and the job is done
with an empty cache. Needs git. Writes JSON: of each job whether it was done, and how long
installing and doing it took.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = {7: "keras", 10: "onnx"}  # beside "table", by which the file of the jobs reads its tables
VERSIONS = ("torch", "numpy", "pandas", "scikit-learn", "keras", "onnxruntime")


def names() -> list[str]:
    """The jobs in their order."""
    text = (ROOT / "tests/jobs/test_ten_jobs.py").read_text(encoding="utf-8")
    return [
        line.removeprefix("def ").partition("(")[0]
        for line in text.splitlines()
        if line.startswith("def test_")
    ]


def run(words: list[str], where: Path, **more: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(words, cwd=where, env={**clean, **more}, text=True, capture_output=True)


def job(number: int, name: str) -> dict[str, object]:
    extras = ",".join(["table", *([EXTRAS[number]] if number in EXTRAS else [])])
    with tempfile.TemporaryDirectory() as place:
        here, began = Path(place), time.monotonic()
        python = here / "venv/bin/python"
        for words in (
            ["git", "clone", "--quiet", str(ROOT), "clone"],
            [sys.executable, "-m", "venv", "venv"],
            [
                *(str(python), "-m", "pip", "install", "-q", "-c", "clone/constraints.txt"),
                *(f"./clone[{extras}]", "pytest", "hypothesis"),
            ],
        ):
            done = run(words, here)
            if done.returncode:
                return {"job": name, "done": False, "why": done.stderr[-500:]}
        installed = time.monotonic()
        done = run(
            [str(python), "-m", "pytest", "-q", "-rs", f"tests/jobs/test_ten_jobs.py::{name}"],
            here / "clone",
            OMP_NUM_THREADS="1",
            KERAS_BACKEND="torch",
            INNERLOOP_CACHE=str(here / "cache"),
        )
        ended = time.monotonic()
        commit = run(["git", "rev-parse", "--short", "HEAD"], here / "clone").stdout.strip()
        listed = run([str(python), "-m", "pip", "list", "--format", "json"], here).stdout
        versions = {each["name"]: each["version"] for each in json.loads(listed)}
    well = done.returncode == 0 and "SKIPPED" not in done.stdout
    return {
        "job": name,
        "done": well,
        "extras": extras,
        "commit": commit,
        "minutes_to_install": round((installed - began) / 60, 2),
        "minutes_to_do": round((ended - installed) / 60, 2),
        "versions": {n: versions[n] for n in VERSIONS if n in versions},
        **({} if well else {"why": (done.stdout + done.stderr)[-500:]}),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/ten-jobs.json")
    asked = options.parse_args()
    jobs = []
    for number, name in enumerate(names(), 1):
        jobs.append(job(number, name))
        print(json.dumps(jobs[-1]), flush=True)
    found = {
        "jobs": jobs,
        "done": sum(bool(each["done"]) for each in jobs),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "date": datetime.date.today().isoformat(),
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(found["done"] < len(jobs))


if __name__ == "__main__":
    main()
