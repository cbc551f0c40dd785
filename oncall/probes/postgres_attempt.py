"""The attempt to connect: the address from the target, and a failure told by its words.

libpq gives no SQLSTATE for a refusal during connection, so the server's sentence has to be read. A sentence that is
not understood (a server that speaks another language) is a refusal whose reason is unknown, never a guess.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from msgspec import Struct

from oncall.config import Stack
from oncall.facts.postgres import Outcome
from oncall.finding import CouldNotCheck
from oncall.probes.container_password import ContainerPassword
from oncall.secrets import Secrets

ATTEMPT_SECONDS = 3.0  # for all addresses of the host together
CONNECT_SECONDS = 2  # for each of them; psycopg takes no less
KEPT = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "gssencmode", "target_session_attrs", "host")
PREFIX = r"^.*?connection to server (?:at|on socket) \"[^\"]*\"(?: \([^)]*\))?(?:, port \d+)? failed:\s*"

# What libpq itself says, before any server has spoken.
SAID_BY_CLIENT: tuple[tuple[Outcome, str], ...] = (
    ("refused", r"Connection refused|No such file or directory"),
    ("unresolved", r"could not translate host name|failed to resolve host|Name or service not known|"
                   r"Temporary failure in name resolution|No address associated"),
    ("unreachable", r"No route to host|Network is unreachable|Host is unreachable|Cannot assign requested address"),
    ("timeout", r"timeout expired|timed out|connection timeout"),
    ("closed", r"server closed the connection unexpectedly|Connection reset by peer|Broken pipe|unexpected eof|"
               r"could not (receive data from|send .* to) server"),
    ("garbled", r"invalid response to SSL negotiation|expected authentication request|invalid response to GSSAPI|"
                r"invalid message|lost synchronization|wrong version number|invalid .*protocol"),
)  # fmt: skip
SAID_BY_SERVER = (
    ("57P03", r"database system is|not yet accepting connections|Hot standby mode is disabled"),
    ("53300", r"too many clients already|connection slots are reserved|too many connections|"
              r"no more connections allowed"),
    ("28P01", r"password authentication failed"),
    ("3D000", r"database \".*\" does not exist|no such database"),
    ("28000", r"no pg_hba\.conf entry|authentication failed|role \".*\" does not exist|not permitted to log in|"
              r"pg_hba\.conf rejects|no such user"),
    ("42501", r"permission denied for database|does not have CONNECT privilege|"
              r"could not (?:open|read|access) .*: Permission denied"),
    ("58P01", r"could not (?:open|access) (?:file|directory) .*: No such file or directory"),
    ("58030", r"could not (?:open|read|write|stat|seek|fsync) .*: (?:Input/output error|Structure needs cleaning)"),
    ("53100", r"No space left on device"),
    ("55000", r"not currently accepting connections|cannot connect to invalid database"),
    ("57P01", r"terminating connection due to administrator command"),
)  # fmt: skip
POOLER = r"(?i)pgbouncer cannot connect|server login has been failing|server_login_retry|server conn crashed"
TELLING: tuple[Outcome, ...] = ("unresolved", "unreachable", "refused", "timeout", "closed", "garbled", "rejected")


class Failure(Struct, frozen=True):
    """Why there is no connection. password_missing: the server asked for a password, and there is none."""

    outcome: Outcome
    sqlstate: str = ""
    message: str = ""
    password_missing: bool = False


@dataclass(frozen=True)
class Place:
    """Where the database is, and how to log in: libpq's parameters.

    schema: Prisma's ?schema=, searched first. missing: why there is no password to send.
    """

    parameters: Mapping[str, str] = field(repr=False)
    schema: str = ""
    missing: str = ""

    @property
    def address(self) -> str:
        hosts = self.parameters.get("host", "localhost").split(",")
        ports = self.parameters.get("port", "5432").split(",")
        ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
        shown = (f"[{host}]" if ":" in host else host for host in hosts)
        return ",".join(f"{host}:{port}" for host, port in zip(shown, ports, strict=True))


def place(stack: Stack, secrets: Secrets, contained: ContainerPassword) -> Place:
    """The database's address as the target says it.

    Raises CouldNotCheck when the variable with a whole address is not set or holds something else. A password that
    is not set does not stop the attempt: whether the server answers at all can be seen without one.
    """
    if stack.postgres.url_variable:
        return from_url(secrets[stack.postgres.url_variable], stack.postgres.url_variable, secrets)
    part = stack.postgres
    parameters = {"host": part.host, "port": str(part.port), "dbname": part.dbname, "user": part.user}
    missing = ""
    if contained.asked:
        missing = contained.missing
        parameters |= {"password": contained.value} if contained.value else {}
    elif part.password_variable:
        try:
            parameters["password"] = secrets[part.password_variable]
        except CouldNotCheck as error:
            missing = str(error)
    else:
        missing = "the database asks for a password: name its variable in postgres.password_variable"
    return Place(parameters, missing=missing)


def from_url(url: str, variable: str, secrets: Secrets) -> Place:
    """postgres:// and postgresql:// addresses, with what Prisma and poolers add after the question mark."""
    wrong = f"{variable} does not hold an address such as postgres://user:password@host:5432/name"
    scheme, _, rest = url.strip().partition("://")
    if scheme not in ("postgres", "postgresql") or not rest:
        raise CouldNotCheck(wrong)
    main, _, options = rest.partition("?")
    authority, _, path = main.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    for spelling in (password, unquote(password)):
        secrets.learn(spelling)
    query = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in options.split("&"))}
    names, ports = [], []
    for one in hosts.split(","):
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::(\d+))?", one)
        if not found:
            raise CouldNotCheck(wrong)
        names.append(unquote(found[1].strip("[]")) or "localhost")
        ports.append(found[2] or query.get("port") or "5432")
    parameters = {
        "host": ",".join(names),
        "port": ",".join(ports),
        "user": unquote(user),
        "dbname": unquote(path) or unquote(user),
        "password": unquote(password),
        **{name: value for name, value in query.items() if name in KEPT},
    }
    missing = "" if password else f"the database asks for a password, and {variable} has none"
    filled = {name: value for name, value in parameters.items() if value}
    return Place(filled, query.get("schema", ""), missing)


def failure(text: str) -> Failure:
    """The failure behind a client library's text; of several addresses, the one that says most."""
    several = [line for line in text.splitlines() if line.startswith("- host: ")]
    return max(map(_one, several or [text]), key=lambda one: TELLING.index(one.outcome))


def _one(text: str) -> Failure:
    said = re.sub(PREFIX, "", text.strip(), count=1, flags=re.DOTALL)
    message = re.sub(r"^(FATAL|ERROR|PANIC):\s*", "", said.partition("\n")[0])[:200].strip()
    if re.search(POOLER, said):
        return Failure("refused", message=f"the pooler cannot reach the database: {message}"[:200])
    if "no password supplied" in said:
        return Failure("rejected", message=message, password_missing=True)
    for sqlstate, pattern in SAID_BY_SERVER:
        if re.search(pattern, said):
            return Failure("rejected", sqlstate, message)
    for outcome, pattern in SAID_BY_CLIENT:
        if re.search(pattern, said):
            return Failure(outcome, message=message)
    return Failure("rejected", message=message)
