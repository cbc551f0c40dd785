"""What each placeholder stands for on this stack and for this finding. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from oncall.finding import Value
from oncall.gate.patterns import Pattern
from oncall.target.placeholders.evidence import seen
from oncall.target.placeholders.headers import options
from oncall.target.placeholders.names import BLANKS
from oncall.target.placeholders.running import part_behind, runtime_of, seen_by, server_of
from oncall.target.placeholders.words import word
from oncall.target.schema import Backend, Frontend, Postgres
from oncall.target.views import components, services

if TYPE_CHECKING:
    from oncall.target.schema import Endpoint, Part, Process, Stack

FORM = "application/x-www-form-urlencoded"
SERVICE = Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
CONTAINER_ID = Pattern(r"[0-9a-f]{12}")
EVERY_PID = "pid"  # in SQL about sessions: the column itself, and so each of them
ENDING = ".container"  # of a part that nobody declared, and whose service is called like a component


def values(stack: Stack, component: str | None, endpoint: str, evidence: Mapping[str, Value]) -> dict[str, str]:
    """What each placeholder stands for, as it is written into a command."""
    stack = seen_by(stack, component)
    words = _of_the_target(stack, endpoint) | {"service": _service(stack, component)}
    words |= {"pid": "PID", "holder": EVERY_PID, "mount": "/"} | _of_the_runtime(stack, component)
    words["address"] = _address_of(stack, component)
    words |= seen(evidence)
    filled = {name: word(value) for name, value in words.items()}
    filled["compose"] = stack.compose
    filled["backup_file"] = word(stack.host.backup_file or "PATH_OF_YOUR_BACKUPS", keep="*?[]")
    filled |= _logs_of_several(stack, component)
    filled |= _headers(stack, endpoint) | _of_processes(stack, component)
    filled["in_postgres"] = _in_postgres(stack)
    filled["websocket_urls"] = " ".join(map(word, _websocket_urls(stack)))
    return filled


def _headers(stack: Stack, about: str) -> dict[str, str]:
    """What each request of the target sends beside the usual, as options of curl."""
    sent = {
        "health_headers": stack.backend.health.headers,
        "metrics_headers": stack.backend.metrics.headers,
        "endpoint_headers": next((one.headers for one in _endpoints(stack, about)), {}),
        "login_headers": stack.auth.login_headers,
        "websocket_headers": stack.websocket.headers,
    }
    return {name: options(headers, stack.secrets_file) for name, headers in sent.items()}


def _endpoints(stack: Stack, about: str) -> list[Endpoint]:
    """Those of the backend, the one that the cause is about first."""
    return sorted(stack.backend.endpoints, key=lambda endpoint: endpoint.name != about)


def _of_the_target(stack: Stack, about: str) -> dict[str, str]:
    endpoints = _endpoints(stack, about)
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
        "migrations_table": stack.auth.migrations_table or "MIGRATIONS_TABLE",
        "database_host": stack.postgres.host,
        "database_port": str(stack.postgres.port),
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


def _service(stack: Stack, component: str | None) -> str:
    """What Compose calls the service that a component runs in; a part that nobody declared is called like its own."""
    name = server_of(stack, component)
    known = services(stack)
    if service := known.get(name) or known.get(stack.named(name)):
        return service
    if component is None or component in components(stack):
        return "SERVICE"
    name = component.removesuffix(ENDING)
    return name if SERVICE.fullmatch(name) and not CONTAINER_ID.fullmatch(name) else "SERVICE"


def _neighbours(stack: Stack, component: str | None, runtime: str) -> list[Part]:
    """The part of the component, then its API, page and database: those that are there and run in this way."""
    roles = (stack.backend, stack.frontend, stack.postgres)
    there = [part_behind(stack, component), *(part for part in roles if not part.absent)]
    return [part for part in there if part and runtime_of(stack, part) == runtime]


def _logs_of_several(stack: Stack, component: str | None) -> dict[str, str]:
    """Whose logs are read together: those that the cause is about first, each once."""
    own = _service(stack, component)
    services = [] if own in BLANKS else [own]
    services += [part.service for part in _neighbours(stack, component, "compose")]
    units = [f"-u {word(part.unit)}" for part in _neighbours(stack, component, "systemd")]
    files = [word(file, keep="*?[]") for part in _neighbours(stack, component, "process") for file in _log_files(part)]
    return {
        "services": " ".join(map(word, dict.fromkeys(services))) or "SERVICE",
        "units": " ".join(dict.fromkeys(units)) or "-u UNIT",
        "logs": " ".join(dict.fromkeys(files)) or "LOG_FILE",
    }


def _log_files(part: Part) -> tuple[str, ...]:
    return part.process.log_files or getattr(part, "log_files", ())


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
        found[f"{prefix}find_process"] = find = _find_process(part.process) if part else "echo PID"
        found[f"{prefix}process"] = "PID" if find == "echo PID" else f'"$({find})"'
        files = _log_files(part) if part else ()
        found[f"{prefix}log_files"] = " ".join(word(file, keep="*?[]") for file in files) or "LOG_FILE"
    return found


def _find_process(process: Process) -> str:
    """What prints its number: that in the pid file, or of whoever listens on the port; nothing where there is none."""
    if process.pid_file:
        return f"head -n 1 {word(process.pid_file)}"
    if process.port:
        return f"sudo ss -Hltnp 'sport = :{process.port}' | grep -oE 'pid=[0-9]+' | head -n 1 | cut -d= -f2"
    return "echo PID"


def _in_postgres(stack: Stack) -> str:
    """What a command of the database's own tools begins with, so that it runs beside the server, as its superuser."""
    postgres = stack.postgres
    match runtime_of(stack, postgres):
        case "compose":
            return f"{stack.compose} exec -T {word(postgres.service)}"
        case "systemd" | "process":
            return f"sudo -u postgres env PGPORT={postgres.port}"
        case _:
            return f"env PGHOST={word(postgres.host)} PGPORT={postgres.port} PGCONNECT_TIMEOUT=5"


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


def _address_of(stack: Stack, component: str | None) -> str:
    """Where the component is asked; of one that has no address of its own, the frontend's."""
    part = part_behind(stack, component)
    if isinstance(part, Postgres):
        return f"[{part.host}]:{part.port}" if ":" in part.host else f"{part.host}:{part.port}"
    return _authority(part.url if isinstance(part, Backend | Frontend) else stack.frontend.url)


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
