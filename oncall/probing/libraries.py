"""Large libraries are imported one after another, in the order in which the probes begin that need them.

All at once they would share one interpreter, and each would be there as late as the last: so would the first answers.
The time that this takes is ours: no deadline counts it.
"""

import contextlib
import threading

from oncall.probing.deadline import uncounted


class Importing:
    """A lock whose waiting and holding no probe's deadline counts.

    with IMPORTING:
        import httpx
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = threading.local()

    def __enter__(self) -> None:
        stack = contextlib.ExitStack()
        stack.enter_context(uncounted())
        stack.enter_context(self._lock)
        self._held.stack = stack

    def __exit__(self, *_: object) -> None:
        self._held.stack.close()


IMPORTING = Importing()
