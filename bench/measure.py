"""One timed process, and rounds of them: interleaved, so that a noisy moment strikes all candidates alike."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent


class NotMeasured(Exception):
    """A run did not end as it must; what it said follows."""


@dataclass(frozen=True)
class Done:
    """One process or a row of them.

    peak: the most memory that one of them, or a child of it, held at once. cpu: of them and their children, in seconds.
    cut: it was ended by us because it took too long.
    """

    seconds: float
    code: int
    said: str
    peak: float  # MB
    cpu: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Candidate:
    """A pytest command line, or whatever `start` does.

    cold: no byte code is kept. every: run only in each n-th round. expected: the exit code that makes a run count.
    """

    name: str
    options: tuple[str, ...] = ()
    cwd: Path = ROOT
    plugins: bool = True
    cold: bool = False
    every: int = 1
    expected: int | None = 0
    start: Callable[[], Done] | None = None

    def run(self):
        return self.start() if self.start else pytest(self.options, self.cwd, self.plugins, cold=self.cold)


@dataclass(frozen=True)
class Timing:
    """One candidate over all rounds: seconds of the clock and of the processors, and the highest peak in MB."""

    seconds: tuple[float, ...]
    cpu: tuple[float, ...] = ()
    peak: float = 0.0
    cut: bool = False

    @property
    def median(self):
        return median(self.seconds)

    @property
    def least(self):
        return min(self.seconds)

    def __add__(self, other):
        return Timing(
            self.seconds + other.seconds, self.cpu + other.cpu, max(self.peak, other.peak), self.cut or other.cut
        )


def pytest(options, cwd=ROOT, plugins=True, *, cold=False, most=300.0, **environment):
    """One run of pytest in a process of its own, from the start of Python to its end."""
    more = environment | ({} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    with tempfile.TemporaryDirectory(prefix="oncall-bytecode-") if cold else contextlib.nullcontext() as empty:
        more |= {"PYTHONPYCACHEPREFIX": empty} if cold else {}
        return run([sys.executable, "-m", "pytest", *options], cwd, most, **more)


def run(words, cwd=ROOT, most=300.0, **environment):
    """A command from its start to its end, ended with all its children when it takes longer than `most` seconds."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "ONCALL"))}
    late = threading.Event()
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=clean | environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def end():
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(most, end)
        timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            end()
            process.wait()
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        said.seek(0)
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
        return Done(seconds, process.returncode, said.read(), peak, cpu, late.is_set())


def own():
    """MB that the bench itself has held: a process begins as a copy of it, so no smaller peak is ever told."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def row(commands, most, **environment):
    """Commands one after another as one; what is left of `most` seconds is for the next."""
    began, ended = time.perf_counter(), []
    for words in commands:
        left = most - (time.perf_counter() - began)
        if left <= 0:
            break
        ended.append(run(words, most=left, **environment))
    return _as_one(ended, time.perf_counter() - began, len(ended) < len(commands))


def together(commands, most, **environment):
    """Commands all at once as one."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(commands)) as pool:
        ended = list(pool.map(lambda words: run(words, most=most, **environment), commands))
    return _as_one(ended, time.perf_counter() - began)


def _as_one(ended, seconds, cut=False):
    codes = [done.code for done in ended if done.code]
    said = "\n".join(done.said for done in ended)
    peak, cpu = max(done.peak for done in ended), sum(done.cpu for done in ended)
    return Done(seconds, codes[0] if codes else 0, said, peak, cpu, cut or any(done.cut for done in ended))


def rounds(candidates, count, after_each=lambda: None, warm_up=True):
    """Every candidate's timing; raises NotMeasured when one does not end as it must: a failed run has no speed."""
    found = {candidate.name: [] for candidate in candidates}
    for number in range(0 if warm_up else 1, count + 1):
        for candidate in candidates:
            if number % candidate.every and number:
                continue
            done = as_expected(candidate)
            if number:  # the first round only fills the caches
                found[candidate.name].append(done)
        after_each()
    return {name: timing(every) for name, every in found.items()}


def as_expected(candidate, tries=3):
    """A run that ended as it must: a machine that is busy with others makes a run red now and then, not each time."""
    for left in reversed(range(tries)):
        done = candidate.run()
        if candidate.expected in (None, done.code):
            return done
        wanted = f"{candidate.name}: exit {done.code} instead of {candidate.expected}"
        if not left:
            raise NotMeasured(f"{wanted}\n{done.said}")
        print(f"not counted, tried again: {wanted}", flush=True)
    raise ValueError("no try")


def timing(every):
    """What several runs took."""
    return Timing(
        tuple(done.seconds for done in every),
        tuple(done.cpu for done in every),
        max(done.peak for done in every),
        any(done.cut for done in every),
    )
