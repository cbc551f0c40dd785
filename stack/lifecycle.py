"""Up, heal, down: a stack's whole life."""

import random
import shutil
import signal
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack import ports, postgres, processes, template
from stack.frontend import build
from stack.handle import PARTS
from stack.running import Running, copy, new_secrets, undo
from stack.state import Home, StackError, write_env
from stack.target import describe

Tell = Callable[[str], None]
KEPT = ("oncall.toml", "oncall.env", "backend.env", "frontend.env", "page", "tls", "backups")
ARE = dict(zip(PARTS, ("PostgreSQL 18", "API and WebSocket", "page and reverse proxy"), strict=True))
BACKUP_EVERY = 20 * 3600.0


def up(home: Home, tell: Tell) -> Running:
    """A healthy stack, started or already there."""
    state = home.read()
    if state is None:
        _refuse_foreign(home)
    elif state.get("phase") != "up":
        down(home, lambda text: None, keep_lock=True)
    else:
        stack = Running(home, state)
        sick = [part for part in PARTS if stack.problem(part)]
        if not sick and not state["broken"]:
            if _fresh_backup(stack):
                _use_it(stack)
            tell("already up")
            return stack
        tell(f"healing: {', '.join(state['broken'] or sick)}")
        return heal(home, tell)
    return _start_new(home, tell)


def _start_new(home: Home, tell: Tell, again: bool = True) -> Running:
    postgres.wheel()
    known = new_secrets()
    state: dict[str, Any] = {
        "phase": "starting",
        "processes": {},
        "undo": [],
        "broken": [],
        "passwords": {name: known[name] for name in ("APP_DB_PASSWORD", "ONCALL_DB_PASSWORD", "ONCALL_PASSWORD")},
        "target": {},
    }
    home.create()
    try:
        _claim(home, state)
        stack = Running(home, state)
        _write_configuration(stack, known)
        stack.server.prepare()
        _start_parts(stack, tell)
        _fresh_backup(stack)
        _use_it(stack)
        for name in KEPT:
            copy(home.path / name, home.pristine / name)
        state["phase"] = "up"
        stack.save()
    except (StackError, OSError) as error:
        state["phase"] = "failed"
        _end_all(home, state)
        if again and not all(map(ports.is_free, state.get("ports", {}).values())):
            tell("somebody else took one of the ports meanwhile: starting again on others")
            down(home, lambda text: None, keep_lock=True)
            return _start_new(home, tell, again=False)
        with suppress(OSError):
            home.write(state)
        if isinstance(error, StackError):
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise StackError(f"the stack could not be started: {error.strerror or error}{where}") from error
    except BaseException:
        down(home, lambda text: None, keep_lock=True)
        raise
    return stack


def _claim(home: Home, state: dict[str, Any]) -> None:
    """Ports, and the private folder that claims them; two stacks that chose at the same moment both choose again."""
    while True:
        chosen = ports.choose(postgres.claimed_ports())
        run = postgres.new_run_folder(chosen.values())
        state.update(ports=chosen, run=str(run))
        home.write(state)
        run.mkdir(mode=0o700)
        (run / "home").write_text(str(home.path))
        if not postgres.claimed_ports(but=run) & set(chosen.values()):
            return
        shutil.rmtree(run)
        time.sleep(random.uniform(0, 0.2))


def heal(home: Home, tell: Tell) -> Running:
    """Every part new, from pristine data and configuration, on the same ports."""
    state = _must_be_up(home)
    stack = Running(home, state)
    _end_all(home, state)
    for name in KEPT:
        copy(home.pristine / name, home.path / name)
    state["target"] = tomllib.loads((home.pristine / "oncall.toml").read_text())
    shutil.rmtree(home.path / "scratch", ignore_errors=True)
    shutil.rmtree(home.logs, ignore_errors=True)
    home.logs.mkdir(mode=0o700)
    stack.save()
    _start_parts(stack, tell)
    _fresh_backup(stack)
    _use_it(stack)
    state["broken"] = []
    stack.save()
    return stack


def down(home: Home, tell: Tell, keep_lock: bool = False) -> None:
    """End every process, remove every folder; whatever happened before."""
    try:
        state = home.read() or {}
    except StackError:
        state = {}
        if not home.file.is_file():
            raise
    entries = {entry.name for entry in home.path.iterdir()} if home.path.is_dir() else set()
    known = home.file.name in entries or entries == {"state.new"}
    _end_all(home, state)
    for run in _runs(home, state):
        shutil.rmtree(run, ignore_errors=True)
    if not home.path.is_dir():
        tell("there is no stack")
        return
    if known:
        for entry in home.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
    elif entries:
        raise StackError(f"{home.path} is not a stack's state folder: nothing was removed")
    if not keep_lock:
        with suppress(OSError):
            home.path.rmdir()
    tell("down" if known else "there is no stack")


def running(home: Home) -> Running:
    return Running(home, _must_be_up(home))


def status(home: Home) -> list[str]:
    """A line a part."""
    state = home.read()
    if state is None:
        return []
    if "ports" not in state:
        return ["a start that did not get far: DOWN"]
    stack = Running(home, state)
    lines = []
    for part in PARTS:
        reason = stack.problem(part)
        pid = f"pid {stack.pid(part)}" if stack.lives(part) else ""
        verdict = "DOWN" if reason else "up"
        lines.append(f"{part:9} {verdict:5} 127.0.0.1:{stack.ports[part]:<6} {pid:12} {reason or ARE[part]}")
    helpers = [name for name in state["processes"] if name not in PARTS and stack.lives(name)]
    lines.extend(f"{name:9} helper process of a fault, pid {stack.pid(name)}" for name in helpers)
    if state["broken"]:
        lines.append(f"broken by {', '.join(state['broken'])}")
    return lines


def _must_be_up(home: Home) -> dict[str, Any]:
    state = home.read()
    if state is None or state.get("phase") != "up":
        raise StackError("the stack is not up: run `python -m stack up`")
    return state


def _refuse_foreign(home: Home) -> None:
    if home.path.is_dir() and any(home.path.iterdir()):
        raise StackError(f"{home.path} holds other files: name an empty or new folder in STACK_HOME")


def _write_configuration(stack: Running, known: dict[str, str]) -> None:
    """Everything that a team would have in its repository and its vault."""
    home, at = stack.home, stack.ports
    shown = ("ONCALL_ACCOUNT", "ONCALL_PASSWORD", "ONCALL_DB_PASSWORD", "METRICS_TOKEN")
    write_env(home.secrets, {name: known[name] for name in shown})
    password = quote(known["APP_DB_PASSWORD"], safe="")
    write_env(
        home.env_file("backend"),
        {
            "DATABASE_URL": f"postgresql://{postgres.OWNER}:{password}@127.0.0.1:{at['postgres']}/{postgres.DATABASE}",
            "JWT_SECRET": known["JWT_SECRET"],
            "METRICS_TOKEN": known["METRICS_TOKEN"],
            "PORT": str(at["backend"]),
            "LOG_FILE": str(home.log("backend")),
            "MEMORY_LIMIT_MB": "512",
        },
    )
    write_env(
        home.env_file("frontend"),
        {
            "PAGE": str(home.page),
            "UPSTREAM": f"http://127.0.0.1:{at['backend']}",
            "PORT": str(at["frontend"]),
            "TLS_PORT": str(at["tls"]),
            "TLS_CERTIFICATE": str(home.tls / "frontend.pem"),
            "TLS_KEY": str(home.tls / "frontend.key"),
        },
    )
    build.build(home.page)
    certify(home.tls)
    stack.state["target"] = describe(home, stack.server, at)
    stack.write_target()
    stack.save()


def certify(folder: Path) -> None:
    """A private authority, and a certificate of it that is good for a year."""
    import datetime

    import trustme

    authority = trustme.CA(organization_name="Motel")
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365)
    certificate = authority.issue_cert("localhost", "127.0.0.1", not_after=end)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(folder / "frontend.pem", append=number > 0)
    key = folder / "frontend.key"
    key.touch(mode=0o600)
    certificate.private_key_pem.write_to_path(key)


def _start_parts(stack: Running, tell: Tell) -> None:
    """The slow starters first; the backend needs no database to start."""
    stack.start("backend", wait=False)
    stack.start("frontend", wait=False)
    server = stack.server
    template.restore(server, tell, lambda record: stack.remember("postgres", record))
    with suppress(OSError):
        server.log.unlink(missing_ok=True)
    stack.start("postgres", wait=False)
    server.wait_ready(stack.state["processes"]["postgres"])
    template.personalise(server, stack.state["passwords"])
    for part in PARTS:
        stack.wait_healthy(part)


def _fresh_backup(stack: Running) -> bool:
    """Last night's backup; its reading of every table is not traffic, so the counters start anew."""
    newest = max((file.stat().st_mtime for file in stack.home.backups.glob("*.dump")), default=0.0)
    if time.time() - newest < BACKUP_EVERY:
        return False
    stack.backup()
    stack.sql(template.FRESH_STATISTICS)
    return True


def _use_it(stack: Running) -> None:
    """A little traffic, so that the counters have something to tell."""
    bearer = {"Authorization": f"Bearer {stack.token()}"}
    for number in range(6):
        for path in ("/api/suites", f"/api/tasks?suite={3 + 30 * number}"):
            status, _ = stack.ask(path, port=stack.ports["frontend"], headers=bearer, timeout=10)
            if status != 200:
                said = postgres.last_lines(stack.log("backend"))
                raise StackError(f"the backend answers {path} with {status}: {said}")


def _end_all(home: Home, state: dict[str, Any]) -> None:
    """Parts, helpers, and whatever else carries our mark; PostgreSQL gets the time to tidy up."""
    undo(state)
    places = [*_runs(home, state), home.path / "postgres"]
    servers = {process.pid: process for process in processes.stragglers(None, places)}
    if server := processes.find(state.get("processes", {}).get("postgres")):
        servers[server.pid] = server
    recorded = [processes.find(record) for record in state.get("processes", {}).values()]
    others = [process for process in (*recorded, *processes.stragglers(home.path)) if process]
    processes.end((process for process in others if process.pid not in servers), signal.SIGKILL)
    processes.end(servers.values(), signal.SIGQUIT, 1.5)
    for folder in places:
        processes.forget_shared_memory(folder)
        processes.forget_shared_memory(folder / "data")
    state["processes"] = {}


def _runs(home: Home, state: dict[str, Any]) -> list[Path]:
    """The private folder, also one that was never written down."""
    written = [Path(state["run"])] if "run" in state else []
    return sorted({*written, *postgres.run_folders(home)})
