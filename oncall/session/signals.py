"""Ctrl-C and SIGTERM."""

import contextlib
import signal
from collections.abc import Callable

from oncall.session.context import RunContext


def listen(context: RunContext, interrupt: Callable[[], None]) -> None:
    """Ctrl-C or SIGTERM stops the waiting, and what is known is reported; a second one aborts."""

    def stop(number: int, frame: object) -> None:
        interrupt()
        signal.signal(number, signal.SIG_DFL)

    with contextlib.suppress(ValueError):  # not the main thread: somebody runs pytest inside their own program
        context.handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}


def restore(context: RunContext) -> None:
    """The handlers that were there before."""
    for number, handler in context.handlers.items():
        signal.signal(number, handler)
