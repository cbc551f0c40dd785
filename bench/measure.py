"""One timed process, and rounds of them: interleaved, so that a noisy moment strikes all candidates alike."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent


class NotMeasured(Exception):
    """A run did not end as it must; what it said follows."""


@dataclass(frozen=True)
class Done:
    """One process: how long it took, how it ended, what it said, the most memory it (or a child of it) held at once."""

    seconds: float
    code: int
    said: str
    peak: float  # MB


@dataclass(frozen=True)
class Candidate:
    """A pytest command line. every: run only in each n-th round. expected: the exit code that makes a run count."""

    name: str
    options: tuple[str, ...]
    cwd: Path = ROOT
    plugins: bool = True
    every: int = 1
    expected: int = 0


@dataclass(frozen=True)
class Timing:
    """The seconds of one candidate over all rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self):
        return median(self.seconds)

    @property
    def least(self):
        return min(self.seconds)

    def __add__(self, other):
        return Timing(self.seconds + other.seconds)


def pytest(options, cwd=ROOT, plugins=True):
    """One run of pytest in a process of its own, from the start of Python to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "ONCALL"))}
    clean |= {} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        words, started = [sys.executable, "-m", "pytest", *options], time.perf_counter()
        run = subprocess.Popen(words, cwd=cwd, env=clean, stdout=said, stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(run.pid, 0)
        except BaseException:
            run.kill()
            run.wait()
            raise
        run.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        said.seek(0)
        return Done(seconds, run.returncode, said.read(), used.ru_maxrss * 1024 / 1e6)


def rounds(candidates, count, after_each=lambda: None):
    """Every candidate's timing; raises NotMeasured when one does not end as it must: a failed run has no speed."""
    found = {candidate.name: [] for candidate in candidates}
    for number in range(count + 1):
        for candidate in candidates:
            if number % candidate.every and number:
                continue
            done = pytest(candidate.options, candidate.cwd, candidate.plugins)
            if done.code != candidate.expected:
                wanted = f"exit {done.code} instead of {candidate.expected}"
                raise NotMeasured(f"{candidate.name}: {wanted}\n{done.said}")
            if number:  # the first round only fills the caches
                found[candidate.name].append(done.seconds)
        after_each()
    return {name: Timing(tuple(seconds)) for name, seconds in found.items()}
