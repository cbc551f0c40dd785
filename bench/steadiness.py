"""How steady the healthy stack is green: run after run with nothing red or unknown, idle and with every core busy."""

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from statistics import median

from bench import patients
from bench.measure import pytest


def measure(count=20, docker=False):
    """0 when every run was green."""
    with patients.healthy(docker) as stack:
        idle = _runs(stack, count)
        _tell("idle", idle)
        with busy():
            loaded = _runs(stack, count)
        _tell("every core busy", loaded)
    return 0 if all(green for green, _, _ in (*idle, *loaded)) else 1


@contextlib.contextmanager
def busy(count=None):
    """Processes that do nothing but compute: so many, or one for each core."""
    spin = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(spin) for _ in range(count or os.cpu_count() or 2)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _runs(stack, count):
    """(green, seconds, what was not green) of each run."""
    report, result = stack.home.path / "bench.html", stack.home.path / "bench.json"
    runs = []
    for _ in range(count):
        result.unlink(missing_ok=True)
        done = pytest((f"--target={stack.home.target}", f"--html={report}", f"--json={result}"))
        verdicts = json.loads(result.read_text())["verdicts"] if result.exists() else []
        odd = [v for v in verdicts if v["outcome"] not in ("passed", "skipped")]
        said = [f"{v['check']} {v['outcome']}: {v['symptom'] or v['reason']}" for v in odd]
        runs.append((done.code == 0 and bool(verdicts) and not odd, done.seconds, said or [f"exit {done.code}"]))
    return runs


def _tell(name, runs):
    seconds = [taken for _, taken, _ in runs]
    green = sum(ok for ok, _, _ in runs)
    took = f"median {median(seconds):.2f} s, slowest {max(seconds):.2f} s"
    print(f"{name}: {green} of {len(runs)} runs green; {took}; load {os.getloadavg()[0]:.1f} at the end", flush=True)
    for line, times in Counter(line for ok, _, said in runs if not ok for line in said).most_common():
        print(f"  {times} x {line}")
