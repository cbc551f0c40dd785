"""A run under attack, as a process of its own: how long it took, how much memory it took, and all that it left."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from oncall.testing.running import begun
from tests.integration.playbook_runs import ROOT, Outcome, clean_environment, ended

MEMORY = 150  # MB at the peak
LATE = 1.5  # seconds over the budget
OUTPUTS = ("terminal", "report.html", "result.json", "junit.xml", "facts.json", "post-mortem.md")


@dataclass(frozen=True)
class Attack:
    """outcome: what the run told. seconds: from start to end. peak: MB of memory. outputs: each one's text by name."""

    outcome: Outcome
    seconds: float
    peak: float
    outputs: dict[str, str]


def attacked(runs, target, *options, budget=10, tries=3, **variables):
    """A run with every output, held to its bounds: budget and 1.5 s, 150 MB, a report and a result.

    runs: the fixture of that name. tries: on a machine that has no time for us; memory is held at each.
    """
    for attempt in range(tries):
        attack = _run(runs, target, *options, f"--budget={budget}", **variables)
        assert attack.peak <= MEMORY, f"{attack.peak:.0f} MB\n{attack.outcome.screen}"
        if attack.seconds <= budget + LATE or attempt == tries - 1:
            break
    assert attack.seconds <= budget + LATE, f"{attack.seconds:.1f} s of {budget}\n{attack.outcome.screen}"
    missing = [name for name in OUTPUTS if not attack.outputs.get(name)]
    assert not missing, f"{missing}\n{attack.outcome.screen}"
    return attack


def _run(runs, target, *options, **variables):
    for name in OUTPUTS:
        (runs.folder / name).unlink(missing_ok=True)
    more = [f"--save={runs.folder}/facts.json", f"--postmortem={runs.folder}/post-mortem.md", "-v"]
    run = begun(runs.command(target, *more, *options), ROOT, clean_environment(**variables))
    peak = memory_of(run.process)
    outcome = ended(run, runs.folder, timeout=120)
    files = {name: file.read_text(errors="replace") for name in OUTPUTS if (file := runs.folder / name).exists()}
    return Attack(outcome, outcome.seconds, peak(), files | {"terminal": outcome.screen})


def memory_of(process):
    """Watch a process that has just begun; gives a function that tells its peak in MB when it has ended.

    The kernel's own peak of the process: what wait() reports would count its parent's memory too.
    """
    peaks = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watcher.start()

    def peak():
        watcher.join(1)
        return peaks[0]

    return peak


def _watch(process, peaks):
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            return
        peaks[0] = max(peaks[0], int(line.split()[1]) / 1024)
        time.sleep(0.02)
