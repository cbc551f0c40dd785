"""Further containers beside the stack's own: many of other projects, and two that write without end.

All are of the stack's own images, carry a label of this stack's bench, and are removed by their ids.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from bench.measure import NotMeasured

AT_ONCE = 4
LINE = "0123456789 äöü€ " + "0123456789" * 6
GIGABYTE = f"yes '{LINE}' | head -c 1000000000; echo; echo 'ENOSPC über alles 𝄞'"
# 11 bytes a round, ten without the line's end: no character is cut by the one who writes. The six letters before them
# see to it that the engine, which cuts long lines at every 16 KiB, cuts a character where the newest 200 pieces begin.
LONG_LINES = """for i in $(seq 20); do
  printf ABCDEF; yes '€uro𝄞' | head -c 11000000 | tr -d '\\n'; echo ' ENOSPC'
done"""
WRITERS = {"gigabyte": GIGABYTE, "longlines": LONG_LINES}


@contextlib.contextmanager
def others(stack, count):
    """Running containers of ten other projects on the same engine."""

    def start(number):
        project = f"{stack.project}-other-{number % 10}"
        return _start(stack, project, f"service-{number}", "true")

    with _gone_afterwards(stack) as pool:
        list(pool.map(start, range(count)))
        yield


@contextlib.contextmanager
def writers(stack, what=WRITERS, patience=400):
    """Further services of the stack's project, when they have written all they will. what: script by service."""
    with _gone_afterwards(stack) as pool:
        place = ("--network", stack.network, "--log-driver=json-file")
        begin = [pool.submit(_start, stack, stack.project, name, said, *place) for name, said in what.items()]
        containers, until = [one.result() for one in begin], time.monotonic() + patience
        while any(_writes(stack, one) for one in containers):
            if time.monotonic() > until:
                raise NotMeasured(f"the containers have not written their logs within {patience} s")
            time.sleep(1)
        yield


@contextlib.contextmanager
def _gone_afterwards(stack):
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        ids = stack.docker("ps", "-aq", "--no-trunc", "--filter", f"label={_label(stack)}").split()
        for first in range(0, len(ids), 20):
            stack.docker("rm", "-f", "-v", *ids[first : first + 20], check=False, timeout=180)


def _start(stack, project, service, script, *options):
    compose = {"project": project, "service": service, "container-number": "1", "oneoff": "False"}
    labels = [_label(stack), *(f"com.docker.compose.{name}={value}" for name, value in compose.items())]
    words = [word for label in labels for word in ("--label", label)]
    return stack.run(*words, *options, "--entrypoint", "sh", command=["-c", f"{script}; exec sleep 86400"])


def _label(stack):
    return f"oncall.bench={stack.project}"


def _writes(stack, container):
    names = [line.split()[-1] for line in stack.docker("top", container, "-o", "pid,comm").splitlines()[1:]]
    return names != ["sleep"]
