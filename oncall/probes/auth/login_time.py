"""How long the login takes, and whether the backend computes meanwhile.

Nothing is measured of a login that is quick. One that takes its time is watched while it lasts: two samples of the
counters of what runs the backend.
"""

import time
from threading import Event

from oncall.facts.auth import Login, LoginTime
from oncall.facts.backend import HealthAnswer
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.services import compose_service
from oncall.probing.register import client, probe
from oncall.runtimes.runtime import Project, Runtime
from oncall.target.schema import Stack

PATIENCE = 7.0  # seconds: past 10 people turn away (Nielsen, Usability Engineering, 1993), and a run has 10 for it all
BEGINS = 0.5  # seconds within which the login of this round is sent, once the health check is answered
QUICK = 1.0  # seconds: who has answered by then needs no watching
SHORTEST = 0.3  # seconds between two samples that tell something
Missing = CouldNotCheck | NotPart


class LoginWatch:
    """Tells those who watch that the login of this round is under way, and that it is over."""

    def __init__(self) -> None:
        self.begun, self.over = Event(), Event()

    def __enter__(self) -> None:
        self.begun.set()

    def __exit__(self, *error: object) -> None:
        self.over.set()


@client(of="auth")
def login_watch() -> LoginWatch:
    """When the login of this round begins and ends."""
    return LoginWatch()


@client(of="auth", deadline=PATIENCE + 2.5, optional=("backend_health",))
def login_computing(
    stack: Stack, runtime: Runtime, project: Project, login_watch: LoginWatch, backend_health: HealthAnswer | Missing
) -> float:
    """How many CPUs the backend keeps busy while a slow login lasts; 0: the login is quick, or nobody logs in."""
    if not login_watch.begun.wait(BEGINS) or login_watch.over.wait(QUICK):
        return 0.0
    running = [one for one in project.of(compose_service(stack, stack.named("backend"))) if one.running]
    before = [runtime.sample(one) for one in running]
    began = time.monotonic()
    login_watch.over.wait(PATIENCE)
    if time.monotonic() - began < SHORTEST:
        return 0.0
    after = [runtime.sample(one) for one in running]
    pairs = [(one, other) for one, other in zip(before, after, strict=True) if other.at > one.at]
    return sum((other.cpu_seconds - one.cpu_seconds) / (other.at - one.at) for one, other in pairs)


@probe(of="auth", optional=("login_computing",))
def login_time(login: Login, login_computing: float | Missing) -> LoginTime:
    """How long the probe account's login took."""
    if login.problem:
        raise CouldNotCheck("the probe account did not log in", root="login")
    cpus = None if isinstance(login_computing, Exception) else login_computing
    return LoginTime(exchange=login.exchange, cpus=cpus)
