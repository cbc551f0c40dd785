"""How much of the time this very machine had none for us: the run's own lag, measured while it looks.

A deadline shall count what the stack does. So deadlines go by `stack_time`, a clock that stands still for as long as
our own threads are starved: a timer wakes late (no processor, or one of our imports holds the interpreter), or more
threads want to run than there are processors, so that everything here takes its multiple.

    ends = stack_time() + 2.5
    while (left := ends - stack_time()) > 0: ...
"""

import os
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

from msgspec import Struct

TICK = 0.02  # seconds between two looks at the clock
TOLERATED = 0.005  # seconds that a timer may be late on a machine at rest: Linux gives up to 4 (measured: 3.8 ms)
PSI_TICKS = 10  # how seldom pressure is read, in ticks: a mean over less than 0.2 s says nothing
# The share of the time from which on lateness proves nothing: half of it is lost where two threads want each processor,
# a load of twice the number of processors. Up to there the limits of the checks hold (bench/accuracy.py: CALM).
OVERLOADED = 0.5
# Seconds lost from which on an answer may be late by them alone: what answers within 0.1 s and misses the smallest
# limit on time that a check has (database_answer_seconds, 0.5 s) has lost 0.4. Our own threads cost 0.3 on two CPUs.
LEAST = 0.4
PRESSURE, LOADAVG = "/proc/pressure/cpu", "/proc/loadavg"


class Load(Struct, frozen=True, kw_only=True):
    """What this machine did to us in some span of time.

    seconds: the span. lost: how many of them we had no processor, or a share of one, estimated. late: how many our own
    timers were late in sum. runnable: threads that want to run for each processor, mean; 0.0: not told.
    pressure: percent of the time in which some thread waited for a processor (PSI, some); None: not told.
    """

    seconds: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    runnable: float = 0.0
    pressure: float | None = None

    @property
    def overloaded(self) -> bool:
        """Whether an answer that came late, or none, says nothing about the stack."""
        return self.lost >= LEAST and self.lost / self.seconds >= OVERLOADED

    @property
    def sentence(self) -> str:
        """For a reason: "this machine is overloaded (cpu pressure 82 %, our own timers 1.4 s late)"."""
        told = [f"cpu pressure {self.pressure:.0f} %"] if self.pressure is not None else []
        told += [f"{self.runnable:.1f} runnable threads per processor"] if self.runnable else []
        told += [f"our own timers {self.late:.1f} s late"] if self.late >= 0.05 else []
        return f"this machine is overloaded ({', '.join(told)})"


class _Sample(Struct, frozen=True):
    """Sums since the meter was started, at one moment of `time.monotonic`."""

    at: float
    lost: float
    late: float
    waiting: float  # runnable threads per processor, times seconds
    pressure: float | None  # seconds


class Meter:
    """Measures the lag from the first `start` on, in a thread of its own.

    on_tick: called at each tick, from that thread.
    """

    def __init__(self) -> None:
        self.on_tick: Callable[[], None] | None = None
        self._samples: deque[_Sample] = deque(maxlen=60_000)
        self._state = (0.0, float("inf"))  # seconds lost so far, and when the next tick is due; replaced as one
        self._thread: threading.Thread | None = None
        self._stop = False
        self._processors = _processors()

    def start(self) -> None:
        """Begin to measure, unless it goes on already; where no thread can be had, nothing is lost ever."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = False
        last = self._samples[-1] if self._samples else _Sample(0.0, 0.0, 0.0, 0.0, None)
        self._samples.append(_Sample(time.monotonic(), last.lost, last.late, last.waiting, _pressure()))
        self._thread = threading.Thread(target=self._work, name="lag", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # can't start new thread
            self._thread = None

    def stop(self) -> None:
        """The thread ends at its next tick."""
        self._stop, self.on_tick = True, None

    def lost(self) -> float:
        """Seconds lost so far; what the timer is late at this very moment counts."""
        lost, due = self._state
        return lost + max(0.0, time.monotonic() - due - TOLERATED)

    def between(self, began: float, ended: float) -> Load:
        """The load in a span of `time.monotonic`; one that is too short for a mean is widened into the past."""
        samples = list(self._samples)
        if len(samples) < 2:
            return Load()
        times = [one.at for one in samples]
        last = min(bisect_right(times, ended), len(samples) - 1)
        first = max(0, bisect_right(times, min(began, samples[last].at - PSI_TICKS * TICK)) - 1)
        one, other = samples[first], samples[last]
        seconds = other.at - one.at
        if seconds <= 0:
            return Load()
        told = [each.pressure for each in samples[first : last + 1] if each.pressure is not None]
        when = [each.at for each in samples[first : last + 1] if each.pressure is not None]
        pressure = 100 * (told[-1] - told[0]) / (when[-1] - when[0]) if len(told) > 1 else None
        return Load(
            seconds=round(seconds, 3),
            lost=round(other.lost - one.lost, 3),
            late=round(other.late - one.late, 3),
            runnable=round((other.waiting - one.waiting) / seconds, 2),
            pressure=min(100.0, round(pressure, 1)) if pressure is not None else None,
        )

    def _work(self) -> None:
        before = time.monotonic()
        lost, late, waiting = self._state[0], self._samples[-1].late, self._samples[-1].waiting
        number = 0
        while not self._stop:
            due = time.monotonic() + TICK
            self._state = (lost, due)
            time.sleep(TICK)
            now = time.monotonic()
            over = max(0.0, now - due - TOLERATED)
            runnable = _runnable() / self._processors
            crowded = (now - before) * max(0.0, 1 - 1 / runnable) if runnable else 0.0
            lost, late = lost + max(over, crowded), late + over
            waiting += runnable * (now - before)
            self._state = (lost, float("inf"))
            number += 1
            pressure = _pressure() if number % PSI_TICKS == 0 else None
            self._samples.append(_Sample(now, lost, late, waiting, pressure))
            before = now
            if self.on_tick:
                self.on_tick()
        self._state = (lost, float("inf"))


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not Linux
        return os.cpu_count() or 1


def _runnable() -> int:
    """Threads on this machine that run or want to, this one included; 0: the system does not tell."""
    try:
        with open(LOADAVG, "rb", buffering=0) as file:
            return int(file.read(100).split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 0


def _pressure() -> float | None:
    """Seconds since the start of the machine in which some thread waited for a processor; None: not told."""
    try:
        with open(PRESSURE, "rb", buffering=0) as file:
            return int(file.read(200).split(b"\n", 1)[0].rpartition(b"=")[2]) / 1e6
    except (OSError, ValueError):
        return None


METER = Meter()


def stack_time() -> float:
    """Seconds on a clock for deadlines: `time.monotonic` without what was lost. Only differences mean anything."""
    return time.monotonic() - METER.lost()
