"""What makes a run of seconds quicker, each with the CPU time that it is worth, and its end quiet.

What of it pytest has to know before a plugin is loaded stands in pyproject.toml, with its worth beside it. All were
measured on 2026-11-30, on two cores, in runs against a backend that refuses connections.
"""

import atexit
import gc
import warnings


def collect_garbage_seldom() -> None:
    """For processes that last seconds; called by conftest.py, before anything large is imported: 30 of 770 ms."""
    gc.set_threshold(100_000, 50, 100)


def end_at_once() -> None:
    """The end of a process collects garbage twice, for nobody: 80 to 180 ms."""
    atexit.register(gc.freeze)


def warn_of_no_socks() -> None:
    """requests tries urllib3's SOCKS support, which warns where PySocks is missing; nobody here wants it.

    The try itself costs half a millisecond. requests hides the warning with a filter of its own, which pytest's keeping
    of filters, in another thread, may undo while it is imported. Call it where no `warnings.catch_warnings` is open:
    its end would undo this one too.
    """
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
