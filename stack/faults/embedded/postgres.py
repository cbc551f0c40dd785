"""Ways to break the database server: it is gone, hangs, or is not what it should be."""

import signal

from stack.faults import fault
from stack.faults.expected.database_failures import (
    BACKEND_BLIND,
    BACKEND_FAILS,
    HEALTH,
    NO_QUERY,
    NO_SESSION,
    PROBE_LOGIN,
    REACHABLE,
    STARTED,
    TIMELY,
    WRITES,
    without,
)
from stack.faults.expected.process_failures import gone
from stack.faults.expected.process_failures import without as not_asked
from stack.faults.tools.interposed_proxy import answers, proxy
from stack.running import Running

READY_FOR_QUERY = "5a0000000549"  # the server's message after a login, in hexadecimal


@fault(
    "postgres-stopped",
    component="postgres",
    cause_class="stopped",
    must_fail=[*gone("postgres"), REACHABLE, *BACKEND_FAILS],
    unknown=[*not_asked("postgres"), *NO_SESSION, *BACKEND_BLIND],
)
def postgres_stopped(stack: Running) -> None:
    """Somebody stopped the database."""
    stack.pg_ctl("stop", "-m", "fast")


@fault(
    "postgres-stopped-behind-a-plain-health",
    component="postgres",
    cause_class="stopped",
    must_fail=[*gone("postgres"), REACHABLE, HEALTH[0]],
    unknown=[*not_asked("postgres"), *NO_SESSION, PROBE_LOGIN, *BACKEND_BLIND],
)
def postgres_stopped_behind_a_plain_health(stack: Running) -> None:
    """Somebody stopped the database, and the health check of this API is a status and nothing else."""
    stack.edit_target("backend.health.body", "text")
    stack.pg_ctl("stop", "-m", "fast")


@fault(
    "postgres-stopped-behind-a-health-without-parts",
    component="postgres",
    cause_class="stopped",
    must_fail=[*gone("postgres"), REACHABLE, HEALTH[0]],
    unknown=[*not_asked("postgres"), *NO_SESSION, PROBE_LOGIN, *BACKEND_BLIND],
)
def postgres_stopped_behind_a_health_without_parts(stack: Running) -> None:
    """Somebody stopped the database, and the health body says "error" and not of what."""
    stack.edit_target("backend.health.checks_key", "")
    stack.pg_ctl("stop", "-m", "fast")


@fault(
    "postgres-killed",
    component="postgres",
    cause_class="stopped",
    must_fail=[*gone("postgres"), REACHABLE, *BACKEND_FAILS],
    unknown=[*not_asked("postgres"), *NO_SESSION, *BACKEND_BLIND],
)
def postgres_killed(stack: Running) -> None:
    """The database's process was killed and nothing started it again."""
    stack.kill("postgres", signal.SIGKILL)


@fault(
    "postgres-paused",
    component="postgres",
    cause_class="hung",
    must_fail=[*gone("postgres"), REACHABLE, *BACKEND_FAILS],
    unknown=[*not_asked("postgres", frozen=True), *NO_SESSION, *BACKEND_BLIND],
)
def postgres_paused(stack: Running) -> None:
    """The database hangs: its port accepts, nothing answers."""
    stack.pause("postgres")


@fault(
    "postgres-wrong-port",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[REACHABLE, *BACKEND_FAILS],
    unknown=[*NO_SESSION, *BACKEND_BLIND],
)
def postgres_wrong_port(stack: Running) -> None:
    """After a restart the database listens on another port."""
    stack.stop("postgres")
    stack.server.port = stack.free_port()
    stack.start("postgres")


@fault(
    "postgres-name-unknown",
    component="network",
    cause_class="name resolution",
    must_fail=[REACHABLE, *BACKEND_FAILS],
    unknown=[*NO_SESSION, *BACKEND_BLIND],
)
def postgres_name_unknown(stack: Running) -> None:
    """The database's name does not resolve any more."""
    name = "postgres.invalid"  # RFC 6761 6.4: never resolves
    address = stack.env("backend")["DATABASE_URL"].replace("@127.0.0.1:", f"@{name}:")
    stack.restart("backend", wait=False, DATABASE_URL=address)
    stack.edit_target("postgres.host", name)
    stack.wait(lambda: answers(stack, "backend", stack.ports["backend"]), "the backend answers")


@fault(
    "postgres-replaced-by-something-else",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[*gone("postgres"), REACHABLE, *BACKEND_FAILS],
    unknown=[*not_asked("postgres"), *NO_SESSION, *BACKEND_BLIND],
)
def postgres_replaced(stack: Running) -> None:
    """Another service took the database's port: what answers there is not PostgreSQL."""
    stack.stop("postgres")
    proxy(stack, "not-postgres", stack.ports["postgres"], "--banner", "220 mail.motel.example ESMTP")


@fault(
    "postgres-freezes-after-login",
    component="network",
    indistinguishable_from="postgres",  # a server whose sessions hang is as silent as a line that was forgotten
    cause_class="hung",
    must_fail=[TIMELY],
    unknown=NO_QUERY,
)
def postgres_freezes(stack: Running) -> None:
    """Whoever diagnoses is let in, and then hears nothing more: a firewall forgets the connection."""
    port = stack.free_port()
    to = ("--to", str(stack.ports["postgres"]), "--mute-after", READY_FOR_QUERY)
    proxy(stack, "before-postgres", port, *to)
    stack.edit_target("postgres.port", port)


@fault(
    "postgres-far-away",
    component="network",
    # a slow answer is a slow answer: only the server's own clock could say where the time went
    indistinguishable_from="postgres",
    kind="limit-moved",
    cause_class="slow",
    must_fail=[TIMELY],
)
def postgres_far_away(stack: Running) -> None:
    """Every answer of the database takes long: it was moved to another continent."""
    port = stack.free_port()
    proxy(stack, "before-postgres", port, "--to", str(stack.ports["postgres"]), "--delay", "0.03")
    stack.edit_target("postgres.port", port)
    stack.edit_target("limits.database_answer_seconds", 0.02)


@fault(
    "postgres-starting-up",
    component="postgres",
    cause_class="starting",
    must_fail=[STARTED, *BACKEND_FAILS],
    unknown=[*without(NO_SESSION, STARTED), *BACKEND_BLIND],
)
def postgres_starting_up(stack: Running) -> None:
    """The database replays its archive after a restore, and the archive does not answer."""
    configure(stack, "restore_command = 'sleep 600'")
    stack.stop("postgres")
    (stack.data / "recovery.signal").touch()
    restart_unready(stack)


@fault(
    "postgres-shutting-down",
    component="postgres",
    cause_class="stopped",
    must_fail=[STARTED, *BACKEND_FAILS],
    unknown=[*without(NO_SESSION, STARTED), *BACKEND_BLIND],
)
def postgres_shutting_down(stack: Running) -> None:
    """Somebody stops the database politely, and it waits for a session that never ends."""
    stack.hold_session("SELECT 1")
    stack.kill("postgres", signal.SIGTERM)
    stack.wait(lambda: not stack.server.is_ready(), "the database takes no more sessions")


@fault(
    "postgres-standby-without-reads",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[STARTED, *BACKEND_FAILS],
    unknown=[*without(NO_SESSION, STARTED), *BACKEND_BLIND],
)
def postgres_cold_standby(stack: Running) -> None:
    """The database came up as a standby of nobody, with hot_standby = off: it refuses every session."""
    configure(stack, "hot_standby = off")
    stack.stop("postgres")
    (stack.data / "standby.signal").touch()
    restart_unready(stack, "Hot standby mode is disabled")


@fault(
    "postgres-standby",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[STARTED],
    unknown=[WRITES],
)
def postgres_standby(stack: Running) -> None:
    """After a failover the application still talks to the standby: reads work, writes do not."""
    stack.stop("postgres")
    (stack.data / "standby.signal").touch()
    stack.start("postgres")


@fault("postgres-read-only-server", component="postgres", cause_class="misconfiguration", must_fail=[WRITES])
def postgres_read_only_server(stack: Running) -> None:
    """Somebody made the whole server read-only for a maintenance and forgot about it."""
    stack.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    stack.reload_postgres()


@fault("postgres-read-only-database", component="postgres", cause_class="misconfiguration", must_fail=[WRITES])
def postgres_read_only_database(stack: Running) -> None:
    """Somebody made the database read-only before a migration and forgot about it."""
    stack.sql("ALTER DATABASE motel SET default_transaction_read_only = on")


def configure(stack: Running, line: str) -> None:
    with (stack.data / "postgresql.conf").open("a") as settings:
        settings.write(f"{line}\n")


def restart_unready(stack: Running, said: str = "starting up") -> None:
    """Start the server and wait until it refuses sessions in these words."""
    stack.start("postgres", wait=False)
    stack.wait(lambda: said in refusal(stack), f"the database refuses sessions: {said}")


def refusal(stack: Running) -> str:
    import psycopg

    try:
        stack.server.connect().close()
    except psycopg.Error as error:
        return str(error)
    return ""
