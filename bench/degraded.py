"""What a run and its rivals take when the stack under Compose is sick: the moment that they are for."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from bench import monitoring, patients, plain, playbook
from bench.measure import Candidate, as_expected, timing
from stack.faults.compose import routes as docker_routes
from stack.handle import PARTS

BUDGET = 10.0
PATIENCE = 40.0  # for a rival; what takes longer is shown as more than that
P1, ALL = "-m p1", "all checks"


def measure(promises, stack, folder):
    playbook.has_ping(stack)
    for title, context in SITUATIONS.items():
        with context(stack) as (target, environment):
            others = rivals(stack, environment)
            timings = ours(target, folder) | {name: timing([done]) for name, done in others.items()}
        promises.show(timings, P1, title)
        if inconclusive := [name for name, done in others.items() if not (done.code or done.cut)]:
            promises.say(f"exit 0, as if all were well: {'; '.join(inconclusive)}")
        for name in (P1, ALL):
            promises.bar(f"{name}, {title}, slowest", max(timings[name].seconds), BUDGET + 1, "the budget + 1 s")


def ours(target, folder, count=2):
    """Alone on the machine, and red: a sick stack must not be called healthy."""
    page = f"--html={folder / 'report.html'}"
    candidates = [
        Candidate(P1, (f"--target={target}", page, "-m", "p1"), expected=1),
        Candidate(ALL, (f"--target={target}", page), expected=1),
    ]
    found = {candidate.name: [] for candidate in candidates}
    for candidate in candidates * count:
        found[candidate.name].append(as_expected(candidate))
    return {name: timing(every) for name, every in found.items()}


def rivals(stack, environment):
    """Once each, side by side: they mostly wait, and do so for a long time."""
    candidates = [
        *playbook.candidates(stack, PATIENCE, **environment),
        plain.candidate(stack, "the same claims the plain way, p1", "-m", "p1", most=PATIENCE, **environment),
        plain.candidate(stack, "the same claims the plain way, all", most=PATIENCE, **environment),
        *(monitoring.candidates(stack, PATIENCE) if monitoring.installed() else ()),
    ]
    with ThreadPoolExecutor(len(candidates)) as pool:
        ended = list(pool.map(lambda candidate: candidate.run(), candidates))
    return {candidate.name: done for candidate, done in zip(candidates, ended, strict=True)}


@contextlib.contextmanager
def stopped(stack):
    """`docker stop` of the database."""
    stack.stop("postgres")
    try:
        yield stack.home.target, {}
    finally:
        stack.start("postgres")


@contextlib.contextmanager
def paused(stack):
    """`docker pause` of every container: ports accept, nobody answers."""
    try:
        for part in PARTS:
            stack.wait(lambda part=part: _frozen(stack, part), f"{part} to be paused", 30)
        yield stack.home.target, {}
    finally:
        for part in PARTS:
            stack.docker("unpause", stack.container(part), check=False)
        for part in PARTS:
            stack.wait_healthy(part)


def _frozen(stack, part):
    """The kernel refuses now and then on a busy machine."""
    stack.docker("pause", stack.container(part), check=False)
    return stack.inspect(part)["State"]["Paused"]


@contextlib.contextmanager
def silent(stack):
    """An engine that accepts connections and never answers."""
    with patients.silent_engine(stack) as target:
        address = stack.home.path / "engine.sock"
        yield target, {"DOCKER_HOST": f"unix://{address}"}


@contextlib.contextmanager
def dropped(stack):
    """Whatever a container sends to its network gets lost; it is not mended, so it comes last."""
    gateway = stack.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", stack.network)
    for part in PARTS:
        for address in (gateway, *(stack.address_inside(other) for other in PARTS if other != part)):
            docker_routes.within(stack, part, *LOST[:3], address, *LOST[3:])
    yield stack.home.target, {}


LOST = ("ip", "neigh", "replace", "lladdr", docker_routes.NOWHERE, "dev", "eth0", "nud", "permanent")
SITUATIONS = {
    "database stopped": stopped,
    "everything paused": paused,
    "engine hangs": silent,
    "packets dropped": dropped,
}
