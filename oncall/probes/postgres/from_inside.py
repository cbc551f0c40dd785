"""What the database's container says of its server when no connection from outside is to be had.

Asked only then: over the server's own socket as its superuser, for whom a few slots are kept. The engine is asked over
a connection of its own, so that no look at a healthy database waits for Docker.
"""

import logging

from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.containers.services import docker_attempt, docker_client  # noqa: F401  the two looks that are made here
from oncall.probing.register import PROBES
from oncall.runtimes.runtime import ContainerRuntime
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

SECONDS = 1.8  # for psql
SUPERUSER = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
GUARDS = "-c default_transaction_read_only=on -c statement_timeout=1000 -c lock_timeout=200"
SEPARATOR = "\x1f"


def asked_inside(stack: Stack, sql: str, columns: int) -> list[list[str]]:
    """The rows of one small query as texts; raises CouldNotCheck or NotPart when it cannot be put there."""
    if stack.docker.absent or stack.postgres.runtime != "compose":
        raise NotPart("the database runs in no container")
    if not stack.docker.exec:
        raise NotPart("nothing may be run in a container (docker.exec)")
    connection = PROBES["docker_attempt"].function(stack)
    try:
        runtime: ContainerRuntime = PROBES["docker_client"].function(stack, next(connection))
        found = [one for one in runtime.containers(1.5).of(stack.postgres.service) if one.running]
        if not found:
            raise CouldNotCheck("postgres is not running", root="service_containers.running[postgres]")
        user = found[0].environment.get("POSTGRES_USER", "").strip()
        said = runtime.run(
            found[0],
            *("env", f"PGOPTIONS={GUARDS}", "PGAPPNAME=oncall", "PGCONNECT_TIMEOUT=2"),
            *("psql", "-X", "-w", "-A", "-t", "-F", SEPARATOR, "-U", user if SUPERUSER.fullmatch(user) else "postgres"),
            *("-d", "template1", "-c", sql),
            seconds=SECONDS,
        )
    finally:
        next(connection, None)  # closes it
    log.info("psql inside %s: exit %d", found[0].name, said.code)
    if said.code:
        raise CouldNotCheck(f"psql inside {found[0].name} ended with {said.code}")
    rows = [line.split(SEPARATOR) for line in said.output.splitlines() if line]
    return [row for row in rows if len(row) == columns]
