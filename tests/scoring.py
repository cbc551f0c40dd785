"""Run the playbook on a stack, and compare what it says with what a fault's entry in the catalogue promises.

python -m tests.scoring postgres-stopped backend-killed      (a stack runs: python -m stack up)
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
AT_A_CLOSED_DOOR = ("engine-without-permission",)
KEYLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")


def diagnose(target, *options, timeout=90, cwd=ROOT, through=()):
    """One run of the playbook in a process of its own: its exit code, its screen, its verdicts by check."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        report = Path(folder) / "report.html"
        command = [sys.executable, "-m", "pytest", f"--target={target}", f"--result={result}", f"--html={report}"]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        run = subprocess.run(
            [*through, *command, *options],
            cwd=cwd,
            env=clean,
            capture_output=True,
            text=True,
            timeout=timeout,
            errors="replace",
        )
        verdicts = json.loads(result.read_text())["verdicts"] if result.exists() else []
    return run.returncode, run.stdout + run.stderr, {verdict["check"]: verdict for verdict in verdicts}


def as_whom(fault):
    """Root passes every door, so where a closed one is the fault it leaves its keys at home."""
    return KEYLESS if fault.name in AT_A_CLOSED_DOOR and os.geteuid() == 0 else ()


def covers(entries, check):
    """Whether a list names this check, with its parameter or for all of them."""
    return check in entries or check.partition("[")[0] in entries


def differences(fault, code, verdicts):
    """Everything in which a run differs from the fault's lists; empty when they agree."""
    wrong = [] if code == 1 else [f"exit code {code}, not 1"]
    if not verdicts:
        return [*wrong, "no verdict at all"]
    for outcome, entries in (("failed", fault.must_fail), ("unknown", fault.unknown)):
        for entry in entries:
            found = [v for check, v in verdicts.items() if covers([entry], check)]
            wrong += [f"{entry} should be {outcome}, there is no such check"] if not found else []
            wrong += [f"{v['check']} should be {outcome}, is {said(v)}" for v in found if v["outcome"] != outcome]
    for check, verdict in verdicts.items():
        if verdict["outcome"] in ("passed", "skipped"):
            continue
        if covers(fault.must_fail, check) or covers(fault.unknown, check):
            continue
        if verdict["outcome"] == "failed" and covers(fault.may_fail, check):
            blamed = verdict["blames"] or verdict["component"]
            wrong += [f"{check} may fail, but blames {blamed}"] if blamed != fault.component else []
        else:
            wrong.append(f"{check} should pass, is {said(verdict)}")
    return wrong


def said(verdict):
    return f"{verdict['outcome']}: {verdict['symptom'] or verdict['reason']}"


def main():
    from stack import faults
    from stack.state import Home

    home = Home(Path(os.environ.get("STACK_HOME", ROOT / ".stack")))
    docker = bool((home.read() or {}).get("project"))
    lifecycle = importlib.import_module("stack.docker.lifecycle" if docker else "stack.lifecycle")
    mode = "docker" if docker else "embedded"
    for fault in faults.named(sys.argv[1:] or list(faults.catalogue(mode)), mode):
        lifecycle.heal(home, lambda line: None)
        faults.inject(lifecycle.running(home), [fault], lambda line: None)
        code, _, verdicts = diagnose(home.target, through=as_whom(fault))
        wrong = differences(fault, code, verdicts)
        separator = "\n       " if wrong else " "
        print(f"{'ok  ' if not wrong else 'BAD '} {fault.name}", *wrong, sep=separator, flush=True)
    lifecycle.heal(home, lambda line: None)


if __name__ == "__main__":
    main()
