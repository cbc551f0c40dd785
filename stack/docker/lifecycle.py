"""Up, heal, down of the stack under Compose: as the embedded stack's, with containers."""

import hashlib
import json
import secrets
import shlex
import shutil
import tomllib
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack import lifecycle, postgres, template
from stack.docker import compose, engine, image
from stack.docker.running import OURS, DockerStack, problem
from stack.docker.target import describe
from stack.frontend import build
from stack.handle import PARTS
from stack.running import copy, undo
from stack.state import Home, StackError, write_env

Tell = Callable[[str], None]
KEPT = (
    "oncall.toml", "oncall.env", "backend.env", "postgres.env", "compose.env", "override.json", "page", "nginx",
    "initdb", "backups",
)  # fmt: skip
ARE = dict(zip(PARTS, ("PostgreSQL", "API and WebSocket", "page and reverse proxy (nginx)"), strict=True))
INSIDE = "/var/lib/postgresql"  # where the data volume is mounted


def up(home: Home, tell: Tell) -> DockerStack:
    """A healthy stack, started or already there."""
    state = home.read()
    if state is None:
        if home.path.is_dir() and any(home.path.iterdir()):
            raise StackError(f"{home.path} holds other files: name an empty or new folder in STACK_HOME")
    elif state.get("mode") != "docker":
        raise StackError("an embedded stack is there: end it with `python -m stack down`, or name another STACK_HOME")
    elif state.get("phase") != "up":
        down(home, lambda text: None, keep_lock=True)
    else:
        engine.require()
        stack = DockerStack(home, state)
        sick = [part for part in PARTS if stack.problem(part)]
        if not sick and not state["broken"]:
            tell("already up")
            return stack
        tell(f"healing: {', '.join(state['broken'] or sick)}")
        return heal(home, tell)
    return _start_new(home, tell)


def project_of(home: Home) -> str:
    return f"oncall-{hashlib.sha256(str(home.path).encode()).hexdigest()[:8]}"


def _start_new(home: Home, tell: Tell) -> DockerStack:
    engine.require()
    words = compose.command()
    known = new_secrets()
    roles = ("POSTGRES_PASSWORD", "APP_DB_PASSWORD", "ONCALL_DB_PASSWORD", "ONCALL_PASSWORD")
    state: dict[str, Any] = {
        "mode": "docker",
        "phase": "starting",
        "project": project_of(home),
        "compose": words,
        "compose_version": compose.version(words),
        "processes": {},
        "undo": [],
        "broken": [],
        "passwords": {name: known[name] for name in roles},
        "target": {},
    }
    images = image.images(tell)
    state.update(
        images=images,
        data_image=image.data_image(images["postgres"], tell),
        pgdata=_pgdata(images["postgres"]),
    )
    home.create()
    try:
        lifecycle._claim(home, state)
        stack = DockerStack(home, state)
        _write_configuration(stack, known)
        _remove_all(stack.project)  # of a state folder that somebody has deleted
        _start_parts(stack)
        for name in KEPT:
            copy(home.path / name, home.pristine / name)
        state["phase"] = "up"
        stack.save()
    except (StackError, OSError) as error:
        state["phase"] = "failed"
        _remove_all(state["project"])
        with suppress(OSError):
            home.write(state)
        if isinstance(error, StackError):
            raise
        raise StackError(f"the stack could not be started: {error.strerror or error}") from error
    except BaseException:
        down(home, lambda text: None, keep_lock=True)
        raise
    return stack


def heal(home: Home, tell: Tell) -> DockerStack:
    """Every container, network and volume new, from pristine data and configuration, on the same ports."""
    stack = running(home)
    state = stack.state
    undo(state)
    stack.end_helpers()
    engine.require()
    _remove_all(stack.project)
    for name in KEPT:
        copy(home.pristine / name, home.path / name)
    state["target"] = tomllib.loads((home.pristine / "oncall.toml").read_text())
    shutil.rmtree(home.path / "scratch", ignore_errors=True)
    stack.save()
    _start_parts(stack)
    state["broken"] = []
    stack.save()
    return stack


def down(home: Home, tell: Tell, keep_lock: bool = False) -> None:
    """Remove every container, network, volume and file of it; the images stay."""
    try:
        state = home.read() or {}
    except StackError:  # damaged: what is ours is found by its labels
        state = {}
    if state.get("mode", "docker") != "docker":
        raise StackError("an embedded stack is there: end it with `python -m stack down`")
    engine.require()
    if state:
        undo(state)
        home.write(state)
    stack = DockerStack(home, {"ports": {}, "project": project_of(home), "processes": {}, **state})
    stack.end_helpers()
    _remove_all(stack.project)
    lifecycle.down(home, tell, keep_lock)


def running(home: Home) -> DockerStack:
    state = home.read()
    if state is None or state.get("mode") != "docker" or state.get("phase") != "up":
        raise StackError("the stack is not up: run `python -m stack up --docker`")
    return DockerStack(home, state)


def status(home: Home) -> list[str]:
    """A line a container."""
    state = home.read()
    if state is None or "ports" not in state:
        return []
    engine.require()
    stack = DockerStack(home, state)
    lines = []
    for part in PARTS:
        for number, container in enumerate(stack.containers(part) or [""], 1):
            reason = stack.problem(part) if number == 1 else problem(stack.inspect(container)["State"])
            name = part if number == 1 else f"{part} ({number})"
            where = f"127.0.0.1:{state['ports'][part]:<6}" if number == 1 else " " * 16
            verdict = "DOWN" if reason else "up"
            lines.append(f"{name:13} {verdict:5} {where} {container[:12]:13} {reason or ARE[part]}")
    lines.append(f"project {stack.project}, {' '.join(state['compose'])} {state['compose_version']}")
    if state["broken"]:
        lines.append(f"broken by {', '.join(state['broken'])}")
    return lines


def new_secrets() -> dict[str, str]:
    """Passwords with characters that break a URL, without those that env files are read differently for: the two
    generations of Compose do not agree on quotes, dollars, backslashes and `#`."""
    return {
        "ONCALL_ACCOUNT": template.PROBE_ACCOUNT,
        "ONCALL_PASSWORD": "probe@" + secrets.token_urlsafe(15),
        "ONCALL_DB_PASSWORD": "look:only@" + secrets.token_urlsafe(12) + "/%41",
        "METRICS_TOKEN": secrets.token_urlsafe(24),
        "POSTGRES_PASSWORD": "super:user@" + secrets.token_urlsafe(15),
        "APP_DB_PASSWORD": "p@ss:w/rd?&%20" + secrets.token_urlsafe(12),
        "JWT_SECRET": secrets.token_urlsafe(48),
    }


def _pgdata(postgres_image: str) -> str:
    told = engine.docker("image", "inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", postgres_image)
    return next(line.partition("=")[2] for line in told.splitlines() if line.startswith("PGDATA="))


def _write_configuration(stack: DockerStack, known: dict[str, str]) -> None:
    """Everything that a team would have in its repository and its vault."""
    home = stack.home
    shown = ("ONCALL_ACCOUNT", "ONCALL_PASSWORD", "ONCALL_DB_PASSWORD", "METRICS_TOKEN")
    write_env(home.secrets, {name: known[name] for name in shown})
    password = quote(known["APP_DB_PASSWORD"], safe="")
    write_env(
        home.env_file("backend"),
        {
            "DATABASE_URL": f"postgresql://{postgres.OWNER}:{password}@postgres:5432/{postgres.DATABASE}",
            "JWT_SECRET": known["JWT_SECRET"],
            "METRICS_TOKEN": known["METRICS_TOKEN"],
            "HOST": "0.0.0.0",
            "PORT": "3001",
            "MEMORY_LIMIT_MB": "256",
        },
    )
    write_env(
        home.env_file("postgres"),
        {
            "POSTGRES_DB": postgres.DATABASE,
            "POSTGRES_INITDB_ARGS": image.initdb_arguments(),
            **stack.state["passwords"],
        },
    )
    images = {f"{part.upper()}_IMAGE": name for part, name in stack.state["images"].items()}
    published = {f"{part.upper()}_PORT": str(stack.ports[part]) for part in PARTS}
    write_env(stack.variables, {**images, **published, "STACK_FILES": str(home.path), "HEALTH_INTERVAL": "2s"})
    services: dict[str, dict[str, Any]] = {"frontend": {"volumes": [f"{home.page}:/usr/share/nginx/html:ro"]}}
    if stack.state["images"] == image.tags():  # from Debian's packages; the Dockerfile's own bases are not to be had
        for name in ("backend", "frontend"):
            services.setdefault(name, {})["build"] = image.lay_out(name, home.path / "build" / name)
    stack.override.write_text(json.dumps({"services": services}, indent=1))
    for name in ("nginx", "initdb"):
        copy(image.HERE / name, home.path / name)
    build.build(home.page)
    for folder in (home.page, home.path / "nginx", home.path / "initdb"):
        _let_all_read(folder)
    wrapper = home.path / "compose"
    command = shlex.join([*stack.state["compose"], *stack.compose_options])
    wrapper.write_text(f'#!/bin/sh\n# Compose on this stack\'s project\nexec {command} "$@"\n')
    wrapper.chmod(0o700)
    stack.state["target"] = describe(home, stack.project, stack.ports, shlex.quote(str(wrapper)))
    stack.write_target()
    stack.save()


def _let_all_read(folder: Path) -> None:
    """The containers' users are others; the state folder itself stays closed."""
    folder.chmod(0o755)
    for each in folder.rglob("*"):
        each.chmod(0o755 if each.is_dir() else 0o644)


def _start_parts(stack: DockerStack) -> None:
    _restore_volume(stack)
    stack.compose("up", "-d", "--no-build", timeout=120)
    for part in PARTS:
        stack.wait_healthy(part)
    if "backup_file" in stack.state["target"]["host"]:
        lifecycle._fresh_backup(stack)
    lifecycle._use_it(stack)


RESTORE = """
mkdir -p "$place" && cp -a /template/. "$place/" && chown postgres: /to "$place" && chmod 700 "$place" &&
setpriv --reuid=postgres --regid=postgres --init-groups postgres --single -D "$place" motel >/tmp/said 2>&1 ||
{ tail -n 3 /tmp/said >&2; exit 1; }
! grep -E "ERROR|FATAL|PANIC" /tmp/said >&2
"""


def _restore_volume(stack: DockerStack) -> None:
    """The data volume as Compose makes it, and in it a copy of the seeded cluster with this stack's own passwords: set
    by a server without a network, so that nobody is ever refused."""
    labels = {"project": stack.project, "volume": "data", "version": stack.state["compose_version"]}
    words = [word for name, value in labels.items() for word in ("--label", f"com.docker.compose.{name}={value}")]
    engine.docker("volume", "create", *words, stack.volume)
    known = {name: "'" + value.replace("'", "''") + "'" for name, value in stack.state["passwords"].items()}
    account = f"crypt({known['ONCALL_PASSWORD']}, gen_salt('bf', 10))"
    statements = [  # a line each: the single-user server reads no further
        f"ALTER ROLE postgres PASSWORD {known['POSTGRES_PASSWORD']};",
        f"ALTER ROLE {postgres.OWNER} PASSWORD {known['APP_DB_PASSWORD']};",
        f"ALTER ROLE {postgres.PROBE} PASSWORD {known['ONCALL_DB_PASSWORD']};",
        "CREATE EXTENSION pgcrypto;",
        f"UPDATE users SET password_hash = {account} WHERE username = '{template.PROBE_ACCOUNT}';",
        "DROP EXTENSION pgcrypto;",
    ]
    place = f"place=/to{stack.pgdata.removeprefix(INSIDE)}"
    engine.docker(
        "run", "-i", "--rm", "--user", "0", "--network", "none", "--label", f"{OURS}={stack.project}", "-e", place,
        "-v", f"{stack.volume}:/to", "--entrypoint", "sh", stack.state["data_image"], "-c", RESTORE,
        give="\n".join([*statements, ""]).encode(),
    )  # fmt: skip


def _remove_all(project: str) -> None:
    """Whatever carries the project's label, or ours."""
    with ThreadPoolExecutor(8) as pool:
        containers, networks, volumes = _found(project, pool)
        list(pool.map(lambda each: engine.docker("rm", "-f", "-v", each, check=False), containers))
        removals = [pool.submit(_remove_network, each) for each in networks]
        removals += [pool.submit(engine.docker, "volume", "rm", "-f", each, check=False) for each in volumes]
        built = engine.lines("image", "ls", "-q", "--no-trunc", "--filter", f"label={OURS}={project}")
        removals += [pool.submit(engine.docker, "image", "rm", "-f", each, check=False) for each in set(built)]
        for each in removals:
            each.result()
        left = set().union(*_found(project, pool)) if containers or networks or volumes else set()
    if left:
        raise StackError(f"of the project {project} something could not be removed: {', '.join(sorted(left))}")


def _found(project: str, pool: Executor) -> tuple[set[str], set[str], set[str]]:
    """Containers, networks and volumes."""
    labels = (f"label=com.docker.compose.project={project}", f"label={OURS}={project}")
    kinds = (("ps", "-a"), ("network", "ls"), ("volume", "ls"))
    asked = [[pool.submit(engine.lines, *kind, "-q", "--filter", label) for label in labels] for kind in kinds]
    containers, networks, volumes = ({line for each in both for line in each.result()} for both in asked)
    return containers, networks, volumes


def _remove_network(network: str) -> None:
    form = "{{range $id, $_ := .Containers}}{{$id}} {{end}}"
    inside = engine.docker("network", "inspect", "--format", form, network, check=False)
    for container in inside.split():  # somebody else's, connected by hand
        engine.docker("network", "disconnect", "-f", network, container, check=False)
    engine.docker("network", "rm", network, check=False)
