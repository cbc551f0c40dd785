"""Where the database is and how to log in: libpq's parameters, from the target file or from a whole address.

A server that is not proven to be ours learns nothing about the password: unless its certificate is verified or it is
reached through a socket of this host, it may ask for a proof by SCRAM or for nothing at all, never for the password
in clear or as md5. postgres.require_auth says otherwise.
"""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Pattern
from oncall.probes.containers.password import ContainerPassword
from oncall.target.schema import AUTH_METHODS, SSL_MODES, Postgres, Stack
from oncall.target.secrets import Secrets

KEPT = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "gssencmode"),
    *("require_auth", "target_session_attrs", "host"),
)
VERIFIED = ("verify-ca", "verify-full")
PROOF = frozenset(("scram-sha-256", "none"))  # what a stranger may ask for; none: it asks for no password
HOST = Pattern(r"(\[[0-9A-Fa-f:.]{1,60}\]|[^:\[\]]*)(?::(\d{1,5}))?")
ALWAYS = {
    "application_name": "oncall",
    "client_encoding": "utf8",
    "options": "",  # whatever PGOPTIONS says: poolers refuse them
    "passfile": "/dev/null/none",  # no other password than the one that the target names
}


@dataclass(frozen=True)
class Place:
    """Where the database is, and how to log in: libpq's parameters.

    schema: Prisma's ?schema=, searched first. missing: why there is no password to send.
    """

    parameters: Mapping[str, str] = field(repr=False)
    schema: str = ""
    missing: CouldNotCheck | None = None

    @property
    def address(self) -> str:
        shown = ((f"[{host}]" if ":" in host else host, port) for host, port in self._hosts())
        return ",".join(f"{host}:{port}" for host, port in shown)

    def _hosts(self) -> Iterator[tuple[str, str]]:
        hosts = self.parameters.get("host", "localhost").split(",")
        ports = self.parameters.get("port", "5432").split(",")
        return zip(hosts, ports if len(ports) == len(hosts) else ports[:1] * len(hosts), strict=True)

    def attempts(self) -> Iterator[dict[str, str] | OSError]:
        """The parameters of one attempt for each address that the hosts have, or why a name has none.

        Asks the name servers, which knows no timeout.
        """
        for host, port in self._hosts():
            one = {**self.parameters, **ALWAYS, "host": host, "port": port}
            if local(host):
                yield one
                continue
            try:
                found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
            except UnicodeError:
                yield OSError("no such name")
            except OSError as error:
                yield error
            else:
                for address in dict.fromkeys(str(name[0]) for *_, name in found):
                    yield {**one, "hostaddr": address}


def local(host: str) -> bool:
    """Whether a host is the folder of a Unix socket, or an abstract one."""
    return host.startswith(("/", "@"))


def place(stack: Stack, secrets: Secrets, contained: ContainerPassword, address: str = "") -> Place:
    """The database's address as the target says it. address: its container's own, in place of the host.

    Raises CouldNotCheck when the variable with a whole address is not set or holds something else. A password that
    is not set does not stop the attempt: whether the server answers at all can be seen without one.
    """
    part = stack.postgres
    if part.url_variable:
        return from_url(secrets[part.url_variable], part, secrets)
    parameters = {"host": address or part.host, "port": str(part.port), "dbname": part.dbname, "user": part.user}
    missing: CouldNotCheck | None = None
    if contained.asked:
        missing = contained.missing
        parameters |= {"password": contained.value} if contained.value else {}
    elif part.password_variable:
        try:
            parameters["password"] = secrets[part.password_variable]
        except CouldNotCheck as error:
            missing = error
    else:
        missing = CouldNotCheck(
            "the database asks for a password: name its variable in postgres.password_variable",
            setting=stack.key("postgres.password_variable"),
        )
    return Place(guarded(parameters, part), missing=missing)


def from_url(url: str, part: Postgres, secrets: Secrets) -> Place:
    """postgres:// and postgresql:// addresses, with what Prisma and poolers add after the question mark."""
    variable = part.url_variable
    wrong = CouldNotCheck(f"{variable} does not hold an address such as postgres://user:password@host:5432/name")
    scheme, _, rest = url.strip().partition("://")
    if scheme not in ("postgres", "postgresql") or not rest or len(url) > 10_000:
        raise wrong
    main, _, options = rest.partition("?")
    authority, _, path = main.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    for spelling in (password, unquote(password)):
        secrets.learn(spelling)
    query = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in options.split("&"))}
    names, ports = [], []
    for one in hosts.split(","):
        found = HOST.fullmatch(one)
        if not found:
            raise wrong
        names.append(unquote(found[1].strip("[]")) or "localhost")
        ports.append(found[2] or query.get("port") or "5432")
    if not all(port.isdecimal() and 0 < int(port) < 65536 for one in ports for port in one.split(",")):
        raise wrong
    parameters = {
        "host": ",".join(names),
        "port": ",".join(ports),
        "user": unquote(user),
        "dbname": unquote(path) or unquote(user),
        "password": unquote(password),
        **{name: value for name, value in query.items() if name in KEPT},
    }
    if any("\0" in value for value in parameters.values()):
        raise wrong
    none = None if password else CouldNotCheck(f"the database asks for a password, and {variable} has none")
    filled = {name: value for name, value in parameters.items() if value}
    return Place(guarded(filled, part), query.get("schema", ""), none)


def guarded(parameters: Mapping[str, str], part: Postgres) -> dict[str, str]:
    """The parameters with what protects the password: what an address says itself may be stricter, never laxer.

    Raises CouldNotCheck for an sslmode that libpq does not know.
    """
    mode = parameters.get("sslmode", SSL_MODES[0])
    if mode not in SSL_MODES:
        raise CouldNotCheck(f"{part.url_variable} has an unknown sslmode: these are {', '.join(SSL_MODES)}")
    mode = max(mode, part.sslmode, key=SSL_MODES.index)
    certificate = part.sslrootcert or parameters.get("sslrootcert", "")
    proven = mode in VERIFIED or all(map(local, parameters.get("host", "").split(",")))
    most = allowed(part.require_auth) if part.require_auth else allowed("") if proven else PROOF
    methods = allowed(parameters.get("require_auth", "")) & most or most
    return {
        "gssencmode": "disable",  # no ticket of the user's is shown to anybody unless an address says so
        **parameters,
        "password": parameters.get("password", ""),  # empty: none of the environment's
        "sslmode": mode,
        "require_auth": ",".join(one for one in AUTH_METHODS if one in methods),
        **({"sslrootcert": certificate or _trusted()} if mode in VERIFIED or certificate else {}),
    }


def allowed(methods: str) -> frozenset[str]:
    """The methods that a list in libpq's words lets a server use; an empty list lets it use any."""
    names = [name.strip() for name in methods.split(",") if name.strip()]
    if not names or names[0].startswith("!"):
        return frozenset(AUTH_METHODS) - {name.removeprefix("!") for name in names}
    return frozenset(AUTH_METHODS) & set(names)


def _trusted() -> str:
    """libpq's own file of trusted roots, else this system's."""
    import ssl

    own = Path("~/.postgresql/root.crt").expanduser()
    return str(own) if own.is_file() else ssl.get_default_verify_paths().cafile or "system"
