"""With which role, and to which database, the project's processes log in: what their variables say.

Passwords stay behind: only the role's and the database's name, and the variable's, leave this file.
"""

import logging
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from msgspec import Struct

from oncall.gate.patterns import Pattern
from oncall.probes.containers.network import LOOPBACK, names_of
from oncall.runtimes.runtime import Container, Project
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

MOST = 500  # variables that are read of one process
LONGEST = 4096  # characters of a value
URL = Pattern(
    r"(?s)\A(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?://(?:(?P<user>[^:@/?#\s]*)(?::[^@]*)?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#,@\s]*)(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^?#/\s]*))?(?:[?#].*)?\z"
)
HOST_NAME = Pattern(r"\A(|.*_)(?:PGHOST|(?:DB|DATABASE|POSTGRES|POSTGRESQL|PG|TYPEORM)_HOST)\z")
ENDINGS = {
    "user": ("PGUSER", "DB_USER", "DB_USERNAME", "DATABASE_USER", "DATABASE_USERNAME", "POSTGRES_USER", "PG_USER",
             "POSTGRESQL_USER", "TYPEORM_USERNAME"),
    "database": ("PGDATABASE", "DB_NAME", "DB_DATABASE", "DATABASE_NAME", "POSTGRES_DB", "POSTGRES_DATABASE",
                 "PG_DATABASE", "POSTGRESQL_DATABASE", "TYPEORM_DATABASE"),
    "port": ("PGPORT", "DB_PORT", "DATABASE_PORT", "POSTGRES_PORT", "PG_PORT", "TYPEORM_PORT"),
}  # fmt: skip
NAME = Pattern(r"[^\x00-\x1f\x7f]{1,63}")  # PostgreSQL's longest name


class DatabaseLogin(Struct, frozen=True):
    """One login that variables name. variable: where it stands. user, database: "" when they do not say."""

    service: str
    variable: str
    host: str
    port: int
    user: str = ""
    database: str = ""


def logins(stack: Stack, project: Project) -> tuple[DatabaseLogin, ...]:
    """The logins to the stack's database, each once; those of the database's own container are left out."""
    servers = [one for one in project.containers if one.service == stack.postgres.found_by]
    names = {name.lower() for one in servers for name in names_of(one, stack.postgres.service)}
    contained = any(one.kind == "container" for one in servers)
    found: dict[DatabaseLogin, None] = {}
    for container in project.containers:
        if container in servers:
            continue
        for login in told(container):
            outside = container.kind != "container"
            here = (
                login.host.lower() in {stack.postgres.host.lower(), *LOOPBACK, ""} and login.port == stack.postgres.port
            )
            if (outside and here) or (contained and not outside and login.host.lower() in names):
                found[login] = None
    log.info("%d logins to the database in the variables of %d processes", len(found), len(project.containers))
    return tuple(found)


def told(container: Container) -> Iterator[DatabaseLogin]:
    """What a process's variables say of PostgreSQL servers, whole addresses and single words."""
    environment = container.environment
    for name in sorted(environment)[:MOST]:
        value = environment[name][:LONGEST].strip().strip("'\"")
        if (address := URL.match(value)) and address["host"]:
            port = int(address["port"] or 5432)
            user, database = _name(unquote(address["user"] or "")), _name(unquote(address["database"] or ""))
            host = address["host"].strip("[]")
            yield DatabaseLogin(container.service, name[:100], host, port, user, database or user)
        elif value and (prefix := HOST_NAME.match(name)):
            words = {key: _word(environment, prefix[1], key) for key in ENDINGS}
            if words["user"]:
                port = int(words["port"]) if words["port"].isdecimal() and len(words["port"]) < 6 else 5432
                yield DatabaseLogin(
                    container.service, name[:100], value, port, _name(words["user"]),
                    _name(words["database"] or words["user"]),
                )  # fmt: skip


def _word(environment: Mapping[str, str], prefix: str, key: str) -> str:
    found = (environment.get(prefix + ending, "").strip()[:LONGEST] for ending in ENDINGS[key])
    return next(filter(None, found), "")


def _name(word: str) -> str:
    return word if NAME.fullmatch(word) else ""
