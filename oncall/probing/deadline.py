"""What a probe opens is known to the probe engine, which shuts it when the probe's time is up.

So a probe that nobody waits for any more ends with an error and frees its memory, instead of reading on for ever.

    sock = watch(socket.create_connection(...))
    process = watch(subprocess.Popen(...))
    watch(connection, end=lambda: shut_descriptor(connection.pgconn.socket))

A thread that a probe starts belongs to it when it runs in the probe's context, as `side_thread` sees to.
"""

import contextlib
import contextvars
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from oncall.probing.lag import stack_time

PIECE = 0.25  # seconds that are waited in one go, because the clock that counts may stand still meanwhile
T = TypeVar("T")


class Opened:
    """What one probe run has opened, and how much of its time was not the stack's.

    over: its time is up. spared: seconds (of `stack_time`) that its deadline does not count, imports for instance.
    """

    def __init__(self) -> None:
        self.over = False
        self.spared = 0.0
        self._paused: float | None = None
        self._ends: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def add(self, end: Callable[[], object]) -> None:
        """end: ends what was opened; called at once when the time is up already."""
        with self._lock:
            if not self.over:
                self._ends.append(end)
                return
        _quietly(end)

    def shut(self) -> None:
        """The time is up: end everything, the newest first, and whatever is opened from now on."""
        with self._lock:
            self.over, ends, self._ends = True, self._ends, []
        for end in reversed(ends):
            _quietly(end)

    def forget(self) -> None:
        """The probe has ended by itself: what it left open is shared with others, such as a session."""
        with self._lock:
            self._ends.clear()

    @property
    def allowance(self) -> float:
        """Seconds by which the deadline moves; those of a pause that goes on are counted as they pass."""
        paused = self._paused
        return self.spared + (stack_time() - paused if paused is not None else 0.0)

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Time that the deadline does not count."""
        self._paused = began = stack_time()
        try:
            yield
        finally:
            self._paused = None
            self.spared += stack_time() - began


OPENED: ContextVar[Opened | None] = ContextVar("opened", default=None)


def watch(one: T, end: Callable[[], object] | None = None) -> T:
    """Have this shut at the deadline of the probe that runs here; returns it.

    one: a socket, a process, or anything with `close`. end: how it is ended from another thread, where `shutdown`,
    `terminate` or `close` are not it.
    """
    opened = OPENED.get()
    if opened is not None:
        opened.add(end or (lambda: _end(one)))
    return one


def uncounted() -> contextlib.AbstractContextManager[None]:
    """Time that the deadline of the probe that runs here does not count: ours, not the stack's."""
    opened = OPENED.get()
    return opened.pause() if opened is not None else contextlib.nullcontext()


def side_thread(function: Callable[..., object], *arguments: object, name: str) -> threading.Thread | None:
    """Run the function in a daemon thread that belongs to the probe that runs here.

    Where no thread can be had, it is run here and now, and there is nothing to wait for.
    """
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(function, *arguments), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # can't start new thread
        function(*arguments)
        return None
    return thread


def wait_for(threads: Iterable[threading.Thread | None], ends: float) -> bool:
    """Wait until all of them have ended; False: it took longer than this moment of `stack_time`."""
    for thread in filter(None, threads):
        while thread.is_alive():
            if (left := ends - stack_time()) <= 0:
                return False
            thread.join(min(left, PIECE))
    return True


def shut_descriptor(number: int) -> None:
    """Shut the socket behind a file descriptor that a C library owns (libpq): who reads from it gets an end of file."""
    with socket.socket(fileno=os.dup(number)) as sock:
        sock.shutdown(socket.SHUT_RDWR)


def _end(one: object) -> None:
    """A close alone would not wake the thread that reads there, and would free a number that is still in use."""
    if isinstance(one, socket.socket):
        one.shutdown(socket.SHUT_RDWR)
        return
    method = getattr(one, "terminate", None) or getattr(one, "close", None)
    if method is not None:
        method()


def _quietly(end: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # it may have ended meanwhile
        end()
