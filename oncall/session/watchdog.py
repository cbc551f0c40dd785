"""A run that can be spoken for: notes of what is known, a heartbeat, and a process that stands by.

The notes are lines of JSON in a file in memory that both processes have open:

    {"run": {"clock": "...", "began": 12.3}}    when the run began; `began` by time.monotonic
    {"probe": "slots", "thread": 4711}           a probe run begins
    {"settled": "slots", "saved": {...}}        and ends, as in a snapshot
    {"check": "test_slots", "thread": 4700}     a check is being judged
    {"verdict": {...}}                          and how it ended
    {"secret": "..."}                           what must be masked, learned at run time
"""

import atexit
import contextlib
import os
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncall.probing.lag import METER
from oncall.probing.runner import ProbeRun
from oncall.probing.snapshot import saved
from oncall.session import watchdog_process as layout
from oncall.session.loop import probes_of
from oncall.verdict import Verdict

LARGEST = 1 << 20  # bytes of one note: what is larger is left out
MOST = 16 << 20  # of all of them
NEVER = float("inf")
START = "import sys; sys.path.insert(0, {root!r}); from oncall.session.watchdog_process import run; run()"


class Watchdog:
    """The run's side of it. Where no second process can be had, the run goes on without one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes = self._pipe = -1
        self._size = 0
        self._deadline = NEVER
        self._wakeup: int | None = None
        self._hangup: Any = None

    def start(self, config: pytest.Config) -> None:
        """Have a process stand by that writes where the terminal reporter writes."""
        command = [sys.executable, "-m", "pytest", *map(str, config.invocation_params.args)]
        if not sys.executable or config.option.usepdb or config.option.trace or sys.gettrace():
            return
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        try:
            output = reporter._tw._file.fileno()
            reporter._tw._file.flush()
            self._notes = _memory()
            reading, self._pipe = os.pipe()
        except (OSError, AttributeError, ValueError):  # a terminal without a descriptor: pytest inside a program
            return
        os.set_blocking(self._pipe, False)
        self._set(layout.DEADLINE, NEVER)
        for number in (reading, self._notes):
            os.set_inheritable(number, True)
        root = str(Path(__file__).parents[2])
        words = [sys.executable, "-I", "-S", "-c", START.format(root=root), str(reading), str(self._notes)]
        try:
            process = os.posix_spawn(
                sys.executable,
                [*words, str(os.getpid()), *command],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, output, 1)],
            )
        except OSError:
            self.stop()
        finally:
            os.close(reading)
            if self._notes >= 0:
                os.set_inheritable(self._notes, False)
        if self._pipe >= 0:
            atexit.register(_reap, process)
            METER.on_tick = self._first_beat
            with contextlib.suppress(ValueError):  # not the main thread
                self._wakeup = signal.set_wakeup_fd(self._pipe, warn_on_full_buffer=False)

    def begin(self, clock: datetime, budget: float) -> None:
        """A run, or a round of one, begins: what was noted before is of the past."""
        now = time.monotonic()
        with self._lock:
            self._size = 0
        self._note({"run": {"clock": clock, "began": now}})
        self._deadline = now + budget
        self._set(layout.BEAT, now)  # the first one of the meter's thread is still to come
        self._set(layout.DEADLINE, self._deadline)

    def probe(self, run: ProbeRun) -> None:
        """A probe run begins or ends."""
        if run.outcome is None:
            self._note({"probe": run.key, "thread": run.thread})
        elif run.probe.fact:
            self._note({"settled": run.key, "saved": saved(run.outcome, run.seconds, run.log, run.load)})
        else:
            self._note({"settled": run.key})

    def verdict(self, verdict: Verdict) -> None:
        """A check has ended."""
        self._note({"verdict": verdict})

    def learning(self, learn: Callable[[str], None]) -> Callable[[str], None]:
        """The same function, noting what is learned: the other process masks it as well."""

        def noted(secret: str) -> None:
            learn(secret)
            self._note({"secret": secret[:4096]})

        return noted

    def stop(self) -> None:
        """The run is over, or will not be watched any more."""
        METER.on_tick = None
        if self._wakeup is not None:
            with contextlib.suppress(ValueError):
                signal.set_wakeup_fd(self._wakeup)
            self._wakeup = None
        if self._hangup is not None:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGHUP, signal.SIG_DFL)
            self._hangup = None
        with self._lock:
            pipe, notes, self._pipe, self._notes = self._pipe, self._notes, -1, -1
            for number in (pipe, notes):
                if number >= 0:
                    os.close(number)

    def _first_beat(self) -> None:
        """In the meter's thread, so that the run's beginning need not wait for ctypes."""
        self._set(layout.THREAD, threading.get_native_id())
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else somebody wants to outlive the terminal (nohup)
            with contextlib.suppress(ImportError, OSError, AttributeError):
                import ctypes

                # The system ends a process by a signal with any code but 1. A handler gets the signal's number, which
                # is 1 for a hangup; so with _exit itself as handler, which needs no interpreter, the code is 1.
                libc = ctypes.CDLL(None)
                libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
                libc.signal.restype = ctypes.c_void_p
                libc.signal(signal.SIGHUP, ctypes.cast(libc._exit, ctypes.c_void_p))
                self._hangup = libc
                self._set(layout.HANGUP, 1)
        self._beat()
        if METER.on_tick is not None:
            METER.on_tick = self._beat

    def _beat(self) -> None:
        self._set(layout.BEAT, time.monotonic())

    def _set(self, place: int, value: float) -> None:
        with self._lock:
            if self._notes >= 0:
                os.pwrite(self._notes, struct.pack("<d" if place < layout.THREAD else "<q", value), place)

    def _note(self, note: dict[str, Any]) -> None:
        if self._notes < 0:
            return
        line = msgspec.json.encode(note) + b"\n"
        with self._lock:
            if self._notes < 0 or len(line) > LARGEST or self._size + len(line) > MOST:
                return
            with contextlib.suppress(OSError):  # no memory left for it
                os.pwrite(self._notes, line, layout.NOTES + self._size)
                self._size += len(line)
                os.pwrite(self._notes, struct.pack("<q", self._size), layout.SIZE)

    # What pytest tells.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """A test that is no check may take as long as it likes."""
        if probes_of(item):
            self._note({"check": item.nodeid, "thread": threading.get_native_id()})
            return (yield)
        self._set(layout.DEADLINE, NEVER)
        try:
            return (yield)
        finally:
            self._set(layout.DEADLINE, self._deadline)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._give_way()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Any:
        result = yield
        self._give_way()
        terminalreporter.flush()
        self._set(layout.PHASE, layout.TOLD)
        return result

    def pytest_enter_pdb(self) -> None:
        self.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.stop()

    def _give_way(self) -> None:
        """The interpreter has come back when the other process spoke for it already: it is ended in a moment."""
        if self._notes >= 0 and layout.header(self._notes)[4]:
            time.sleep(2 * layout.UNTOLD)


def _reap(process: int, seconds: float = 0.2) -> None:
    """By now it has ended, for its pipe is closed; it shall not be left behind."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(process, os.WNOHANG)[0] and time.monotonic() < until:
            time.sleep(0.001)


def _memory() -> int:
    """A file of ours alone that needs no disk, where the system has such."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("oncall-notes", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    os.pwrite(number, bytes(layout.NOTES), 0)
    return number
