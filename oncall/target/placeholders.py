"""What the placeholders of PLAYBOOK.md stand for: values of the target, and of the finding that a cause was seen by.

Each becomes one shell word, whatever it holds; FREE ones may be several, or a pattern: the target's own words. Evidence
is foreign text: it fills only what is declared here, only from the key that is declared for it, and only with a value
of the form that belongs there. Everything else leaves what the target says, or CAPITALS for a person to fill in. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

from oncall.finding import Value
from oncall.gate.patterns import Pattern
from oncall.target.views import Views, components, parts, servers, services

if TYPE_CHECKING:
    from oncall.target.schema import Part, Process, Stack

PLACEHOLDERS = frozenset(
    ("compose", "project", "backend", "frontend", "postgres", "service", "database", "database_user", "env_file")
    + ("secret_variable", "backup_file", "backend_url", "frontend_url", "health_path", "metrics_path", "page_path")
    + ("endpoint_path", "websocket_path", "websocket_urls", "login_path", "login_method", "login_type", "login_body")
    + (
        "account_key",
        "password_key",
        "pid",
        "mount",
        "asset_url",
        "address",
        "unit",
        "process",
        "log_files",
        "port",
        "in_postgres",
    )
    + tuple(
        f"{name}_{kind}" for name in ("backend", "frontend", "postgres") for kind in ("unit", "process", "log_files")
    )
)
FREE = frozenset(name for name in PLACEHOLDERS if name.endswith(("process", "log_files"))) | {
    *("compose", "backup_file", "websocket_urls", "in_postgres")
}
Runtime = Literal["", "compose", "systemd", "process"]  # "": nobody has said, or it runs elsewhere
RUNTIMES: tuple[Runtime, ...] = ("compose", "systemd", "process")
OF_RUNTIME: Mapping[str, Runtime] = {"unit": "systemd", "process": "process", "log_files": "process", "port": "process"}
FORM = "application/x-www-form-urlencoded"
LONGEST = 2_000  # characters that a value of the evidence may have: a path has at most 4,096, an address is shorter
UNQUOTED = frozenset("@%+=:,./_-")
SERVICE = Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
CONTAINER_ID = Pattern(r"[0-9a-f]{12}")
ENDING = ".container"  # of a part that nobody declared, and whose service is called like a component


def _whole(value: Value) -> str | None:
    """A number above 0: the pid of a session."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _path(value: Value) -> str | None:
    """A path from the root: of a file system."""
    return value if isinstance(value, str) and value.startswith("/") and len(value) <= LONGEST else None


def _url(value: Value) -> str | None:
    """A whole address of HTTP."""
    http = isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= LONGEST
    return str(value) if http else None


def _address(value: Value) -> str | None:
    """A host with a port."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    host, _, port = value.rpartition(":")
    known = host.replace("-", "").replace(".", "").strip("[]").replace(":", "")
    return value if known.isalnum() and known.isascii() and port.isascii() and port.isdigit() else None


# placeholder -> the keys of the evidence that may fill it, the first that is there, and the form of their values
FROM_EVIDENCE: Mapping[str, tuple[tuple[str, ...], Callable[[Value], str | None]]] = {
    "pid": (("holder pid", "pid"), _whole),
    "mount": (("mount",), _path),
    "asset_url": (("asset",), _url),
    "address": (("address",), _address),
}


def bound(name: str) -> tuple[str | None, Runtime]:
    """The component that a placeholder is about (None: that of the cause), and the runtime that it makes sense for.

    "" in place of a component: none. In place of a runtime: any.
    """
    if name in ("compose", "project"):
        return "", "compose"
    if name == "service":
        return None, "compose"
    if name in ("backend", "frontend", "postgres"):
        return name, "compose"
    if name in OF_RUNTIME:
        return None, OF_RUNTIME[name]
    component, _, kind = name.partition("_")
    if component in ("backend", "frontend", "postgres") and kind in OF_RUNTIME:
        return component, OF_RUNTIME[kind]
    return "", ""


def seen_by(stack: Stack, component: str | None) -> Stack:
    """The stack as the component sees it that a cause names."""
    return Views(stack).about(_server(stack, component))


def part_behind(stack: Stack, component: str | None) -> Part | None:
    """What a person would restart for a component; None: there is no such part."""
    name = _server(stack, component)
    return parts(stack).get(name) or parts(stack).get(stack.named(name))


def runtime_of(stack: Stack, part: Part) -> Runtime:
    """What its commands are written for."""
    if part.runtime == "external" or (part.runtime == "compose" and stack.docker.absent):
        return ""
    return part.runtime


def runtimes(stack: Stack) -> frozenset[Runtime]:
    """Those that run some part of the stack."""
    return frozenset(runtime_of(stack, part) for part in parts(stack).values()) - {""}


def values(stack: Stack, component: str | None, endpoint: str, evidence: Mapping[str, Value]) -> dict[str, str]:
    """What each placeholder stands for, as it is written into a command."""
    stack = seen_by(stack, component)
    words = _of_the_target(stack, endpoint) | {"service": _service(stack, component)}
    words |= {"pid": "PID", "mount": "/"} | _of_the_runtime(stack, component)
    words |= _of_the_finding(evidence)
    filled = {name: word(value) for name, value in words.items()}
    filled["compose"] = stack.compose
    filled["backup_file"] = word(stack.host.backup_file or "PATH_OF_YOUR_BACKUPS", keep="*?[]")
    filled |= _of_processes(stack, component)
    filled["in_postgres"] = _in_postgres(stack)
    filled["websocket_urls"] = " ".join(map(word, _websocket_urls(stack)))
    return filled


def word(value: str, keep: str = "") -> str:
    """One word of a shell command; `keep` lets a pattern stay one.

    What cannot be seen is written as bytes in bash's own form: `$'a\\x0ab'`. So what is shown is what is typed.
    """
    if not value.isprintable():
        return "$'" + "".join(_seen(sign) for sign in value) + "'"
    if all(sign.isalnum() or sign in UNQUOTED for sign in value):
        return value or "''"
    if "'" not in value and not keep:
        return f"'{value}'"
    return "".join(sign if sign.isalnum() or sign in UNQUOTED or sign in keep else f"\\{sign}" for sign in value)


def _seen(sign: str) -> str:
    if sign.isprintable():
        return f"\\{sign}" if sign in "'\\" else sign
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogatepass"))


def _of_the_target(stack: Stack, about: str) -> dict[str, str]:
    endpoints = sorted(stack.backend.endpoints, key=lambda endpoint: endpoint.name != about)
    page = stack.frontend.path
    return {
        "project": stack.docker.project,
        "backend": stack.backend.service,
        "frontend": stack.frontend.service,
        "postgres": stack.postgres.service,
        "database": stack.postgres.dbname,
        "database_user": stack.postgres.user,
        "backend_url": stack.backend.url.rstrip("/"),
        "frontend_url": stack.frontend.url.rstrip("/"),
        "health_path": stack.backend.health.path,
        "metrics_path": stack.backend.metrics.path,
        "page_path": page,
        "asset_url": stack.frontend.url.rstrip("/") + page,
        "address": _authority(stack.frontend.url),
        "login_path": stack.auth.login_path,
        "login_method": stack.auth.login_method,
        "login_type": FORM if stack.auth.login_body == "form" else "application/json",
        "login_body": _login_body(stack),
        "account_key": stack.auth.account_key,
        "password_key": stack.auth.password_key,
        "endpoint_path": endpoints[0].path if endpoints else stack.backend.health.path,
        "websocket_path": urlsplit(stack.websocket.url).path or "/",
        "env_file": stack.backend.env_file or ".env",
        "secret_variable": stack.auth.secret_variable,
    }


def _of_the_finding(evidence: Mapping[str, Value]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, (keys, form) in FROM_EVIDENCE.items():
        fitting = (form(evidence[key]) for key in keys if key in evidence)
        if value := next(filter(None, fitting), None):
            found[name] = value
    return found


def _server(stack: Stack, component: str | None) -> str:
    """The component itself, or of a login and a socket the one that serves them."""
    return servers(stack).get(component or "", component or "")


def _service(stack: Stack, component: str | None) -> str:
    """What Compose calls the service that a component runs in; a part that nobody declared is called like its own."""
    name = _server(stack, component)
    known = services(stack)
    if service := known.get(name) or known.get(stack.named(name)):
        return service
    if component is None or component in components(stack):
        return "SERVICE"
    name = component.removesuffix(ENDING)
    return name if SERVICE.fullmatch(name) and not CONTAINER_ID.fullmatch(name) else "SERVICE"


def _of_the_runtime(stack: Stack, component: str | None) -> dict[str, str]:
    """Units and ports; CAPITALS for what a part has none of."""
    part = part_behind(stack, component)
    return {
        "unit": (part.unit if part else "") or "UNIT",
        "port": str(part.process.port or "PORT") if part else "PORT",
        "backend_unit": stack.backend.unit or "UNIT",
        "frontend_unit": stack.frontend.unit or "UNIT",
        "postgres_unit": stack.postgres.unit or "UNIT",
    }


def _of_processes(stack: Stack, component: str | None) -> dict[str, str]:
    """Processes, each as the words that print its number, and patterns of log files."""
    chosen: dict[str, Part | None] = {"": part_behind(stack, component)}
    chosen |= {"backend_": stack.backend, "frontend_": stack.frontend, "postgres_": stack.postgres}
    found: dict[str, str] = {}
    for prefix, part in chosen.items():
        found[f"{prefix}process"] = _process(part.process) if part else "PID"
        files = part.process.log_files or getattr(part, "log_files", ()) if part else ()
        found[f"{prefix}log_files"] = " ".join(word(file, keep="*?[]") for file in files) or "LOG_FILE"
    return found


def _process(process: Process) -> str:
    """One word: the number in the pid file, or of whoever listens on the port."""
    if process.pid_file:
        return f'"$(head -n 1 {word(process.pid_file)})"'
    if process.port:
        listens = f"sudo ss -Hltnp 'sport = :{process.port}'"
        return f"\"$({listens} | grep -oE 'pid=[0-9]+' | head -n 1 | cut -d= -f2)\""
    return "PID"


def _in_postgres(stack: Stack) -> str:
    """What a command of the database's own tools begins with, so that it runs beside the server, as its superuser."""
    postgres = stack.postgres
    match runtime_of(stack, postgres):
        case "compose":
            return f"{stack.compose} exec -T {word(postgres.service)}"
        case "systemd" | "process":
            return f"sudo -u postgres env PGPORT={postgres.port}"
        case _:
            return f"env PGHOST={word(postgres.host)} PGPORT={postgres.port}"


def _login_body(stack: Stack) -> str:
    """What a login sends, with a person's own account: a form's fields, or JSON as the probe nests it, a.b within a."""
    body: dict[str, Any] = dict(stack.auth.login_extra)
    if stack.auth.login_body == "form":
        return urlencode(body | {stack.auth.account_key: "YOUR_NAME", stack.auth.password_key: "YOUR_PASSWORD"})
    for key, value in ((stack.auth.account_key, "YOUR_NAME"), (stack.auth.password_key, "YOUR_PASSWORD")):
        *path, last = key.split(".")
        inner = body
        for step in path:
            inner[step] = dict(inner[step]) if isinstance(inner.get(step), dict) else {}
            inner = inner[step]
        inner[last] = value
    return json.dumps(body)


def _websocket_urls(stack: Stack) -> list[str]:
    """Where the socket is asked for over HTTP, straight and through the proxy; once where both are the same."""
    straight = _http(stack.websocket.url)
    public = _http(stack.websocket.public_url)
    if not public and not stack.frontend.absent:
        public = stack.frontend.url.rstrip("/") + (urlsplit(straight).path or "/")
    return list(dict.fromkeys(filter(None, (straight, public))))


def _http(url: str) -> str:
    """ "http://..." for "ws://...", without its query, where a token may stand."""
    return "http" + urlsplit(url)._replace(query="", fragment="").geturl().removeprefix("ws") if url else ""


def _authority(url: str) -> str:
    """ "shop.example:443"."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
