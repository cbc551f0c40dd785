"""Two faults at once, in two places, each of them visible beside the other: two causes, no more and no less."""

from typing import NamedTuple

from stack.faults import Fault, Mode, named

PAIRS: dict[Mode, dict[tuple[str, str], str]] = {
    "embedded": {
        ("postgres-stopped", "frontend-script-missing"): "The database is stopped during a bad deploy of the page.",
        ("backend-killed", "postgres-index-invalid"): "An index failed, and its migration took the backend down.",
        (
            "auth-secret-too-short",
            "frontend-killed",
        ): "A new environment: its secret is short, and no page starts in it.",
        (
            "postgres-paused",
            "host-backup-too-old",
        ): "The database hangs, and the backup for a restore is three days old.",
        ("auth-login-500", "postgres-slow-query"): "The login crashes while somebody's report slows the database down.",
        (
            "frontend-without-upgrade",
            "migrations-failed",
        ): "One release: its migration failed, its proxy has no upgrade.",
        ("backend-near-its-memory", "auth-account-deleted"): "The backend grows, and somebody tidied up the accounts.",
        ("websocket-mute", "frontend-certificate-expired"): "The socket is mute, and the certificate ended yesterday.",
        ("backend-health-500", "frontend-image-missing"): "The health check crashes, and the logo is missing.",
    },
    "docker": {
        ("container-postgres-killed", "container-frontend-paused"): "Somebody killed one container and paused another.",
        ("container-backend-out-of-memory", "volume-anonymous"): "The backend leaks; the data lies on no volume.",
        (
            "container-frontend-crash-loop",
            "container-secret-default",
        ): "A deploy with a bad page and an example's secret.",
        (
            "container-backend-unlimited",
            "container-frontend-stopped",
        ): "No limit for the backend, and nobody serves pages.",
        ("container-database-packets-dropped", "container-frontend-command-not-found"): (
            "A firewall before the database, and a page whose command does not exist."
        ),
        ("container-frontend-busy", "container-log-authentication-errors"): (
            "The page's container spins while the backend refuses one user after the other."
        ),
        ("container-backend-paused", "container-postgres-disconnected"): (
            "The backend was paused to look into it, and the database was taken off the network."
        ),
        ("container-log-socket-errors", "volume-missing"): "Sockets break, and the data lies in the container itself.",
    },
}


class Further(NamedTuple):
    """A pair that was written after the diagnosis, by somebody who had not read it.

    held_out_result: what the diagnosis named at once, "right" or the rest.
    """

    story: str
    held_out_result: str = "right"


HELD_OUT: dict[Mode, dict[tuple[str, str], Further]] = {
    "embedded": {
        ("backend-database-of-another-name", "frontend-gzip-garbage"): Further(
            "A new environment: the backend has staging's database name, the page a compression that is none.",
            held_out_result="backend alone",
        ),
        ("auth-login-sends-elsewhere", "postgres-foreign-key-without-index"): Further(
            "Single sign-on was switched on, and the same release dropped an index."
        ),
        ("frontend-realtime-to-the-old-release", "postgres-read-only-server"): Further(
            "A half-finished blue-green deploy, and the database is read-only since.",
            held_out_result="auth instead of frontend",
        ),
        ("backend-health-503-while-well", "host-backup-truncated"): Further(
            "The health check's status is wrong, and last night's backup ended in the middle."
        ),
        ("postgres-tasks-locked", "frontend-behind-a-password"): Further(
            "A forgotten psql holds a table, and staging's password prompt stands before the page.",
            held_out_result="auth beside both",
        ),
    },
    "docker": {
        ("container-backend-listens-inside-only", "volume-anonymous"): Further(
            "A developer's Compose file: the backend is on loopback only, the data on an anonymous volume."
        ),
        ("container-backend-replica-paused", "container-page-of-the-next-build"): Further(
            "Half of the backends are paused, and the page is the next build's."
        ),
        ("container-postgres-killed", "container-proxy-asks-itself"): Further(
            "The database was killed, and the proxy's new route leads to itself.",
            held_out_result="postgres alone",
        ),
    },
}


def pairs(mode: Mode = "embedded", held_out: bool = False) -> list[tuple[Fault, Fault]]:
    """The faults of each pair, in the order in which they are injected; `further`: those of FURTHER instead."""
    found = []
    for names in (HELD_OUT if held_out else PAIRS)[mode]:
        first, second = named(names, mode)
        found.append((first, second))
    return found
