"""The playbook's own P1 commands as somebody types them, each as soon as the one before has ended."""

import functools
import shlex

from bench.measure import Candidate, NotMeasured, row
from stack.docker import compose

CURL_SECONDS = 30
SINGLE = ("df -h", "free -m", "docker network ls")


def commands(stack, words):
    """The lines for a stack under Compose; `words` start the Compose to use.

    What the playbook cannot mean is bounded: `docker stats` shows one reading, `ping` sends one packet, curl gives up.
    """
    typed = shlex.join([*words, *stack.compose_options])
    backend, frontend = (f"http://127.0.0.1:{stack.ports[part]}" for part in ("backend", "frontend"))
    curl = f"curl -sS --max-time {CURL_SECONDS}"
    return [
        f"{typed} ps",
        f"{curl} {backend}/health",
        f"{curl} {frontend}",
        *(f"{typed} logs --tail=100 {service}" for service in ("backend", "frontend", "postgres")),
        "docker stats --no-stream",
        *SINGLE,
        f"{typed} exec -T backend {peer(stack)}",
        "dmesg | grep -i oom || true",
    ]


def peer(stack):
    """How the backend's container is asked for the database: an image without ping can only resolve its name."""
    return "ping -c 1 postgres" if has_ping(stack) else "getent hosts postgres"


@functools.cache
def has_ping(stack):
    """Asked once, while the backend still answers."""
    return bool(stack.exec("backend", "sh", "-c", "command -v ping || true"))


def candidates(stack, most, **environment):
    """One for each Compose that this machine has: the stack's own, and the second generation where it was fetched."""
    ways = {stack.state["compose_version"]: stack.state["compose"]}
    if compose.fetched().is_file():
        ways.setdefault(compose.version([str(compose.fetched())]), [str(compose.fetched())])
    for version, words in ways.items():
        lines = [["bash", "-c", line] for line in commands(stack, words)]

        def start(lines=lines):
            return row(lines, most, **environment)

        yield Candidate(f"the playbook's commands, Compose {version}", start=start, expected=None)


def must_work(stack):
    """On a healthy stack every command does what it is for; raises NotMeasured."""
    for line in commands(stack, stack.state["compose"]):
        done = row([["bash", "-c", line]], 60)
        if done.code or done.cut:
            raise NotMeasured(f"{line}: exit {done.code}\n{done.said}")
