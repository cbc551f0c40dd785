"""A stack that was started: its parts, and everything that can be done to them from outside."""

import http.client
import json
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from stack import postgres, processes, template
from stack.ports import other
from stack.state import ROOT, Home, StackError, read_env, write_env
from stack.target import toml

ADDRESS_SPACE = 4 << 30  # of a part, in bytes: one that leaks shall not take the machine with it
PARTS = ("postgres", "backend", "frontend")


class Running:
    """The handle on a running stack.

    >>> stack.kill("backend")
    >>> stack.restart("backend", JWT_SECRET="changeme")
    >>> stack.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    >>> stack.edit_target("limits.query_mean_seconds", 0.001)
    """

    def __init__(self, home: Home, state: dict[str, Any]) -> None:
        self.home = home
        self.state = state
        self.ports: dict[str, int] = state["ports"]
        self.server = postgres.Server(home, Path(state["run"]), self.ports["postgres"])

    # ---- places

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.server.data

    @property
    def page(self) -> Path:
        """The built page."""
        return self.home.page

    @property
    def scratch(self) -> Path:
        """A folder for whatever a fault needs; heal removes it."""
        folder = self.home.path / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def log(self, part: str) -> Path:
        return self.home.log(part)

    # ---- processes

    def process(self, part: str) -> psutil.Process:
        """The living process of a part or helper."""
        if found := processes.find(self.state["processes"].get(part)):
            return found
        raise StackError(f"{part} is not running")

    def pid(self, part: str) -> int:
        return self.process(part).pid

    def lives(self, part: str) -> bool:
        return processes.find(self.state["processes"].get(part)) is not None

    def kill(self, part: str, number: int = signal.SIGKILL, wait: bool = True) -> None:
        """Send a signal; with SIGKILL wait until the process is gone."""
        process = self.process(part)
        process.send_signal(number)
        if wait and number == signal.SIGKILL:
            processes.wait_gone([process], 5)

    def pause(self, part: str) -> None:
        """The process stays, its ports accept, nothing answers. PostgreSQL's sessions are paused with it."""
        family = [self.process(part), *self.process(part).children(recursive=True)]
        for process in family:
            with suppress(*processes.GONE):
                process.send_signal(signal.SIGSTOP)

    def stop(self, part: str) -> None:
        """As an operator would: gracefully."""
        if part == "postgres":
            self.server.stop(self.state["processes"][part])
        elif self.lives(part):
            processes.end([self.process(part)])
            self.home.pid_file(part).unlink(missing_ok=True)

    def start(self, part: str, wait: bool = True, **environment: str | None) -> None:
        """Start a part with what its env file says; `environment` is for this start only (None leaves a name out)."""
        if part == "postgres":
            record = self.server.start()
        else:
            env = {name: value for name, value in (self.env(part) | environment).items() if value is not None}
            record = processes.spawn(
                [sys.executable, "-m", f"stack.{part}"],
                mark=self.home.path,
                log=self.log(f"{part}.out") if part == "backend" else self.log(part),
                env=env,
                cwd=ROOT,
            )
            self.home.pid_file(part).write_text(f"{record['pid']}\n")
            psutil.Process(record["pid"]).rlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        self.remember(part, record)
        if wait:
            self.wait_healthy(part)

    def restart(self, part: str, wait: bool = True, **changes: str | None) -> None:
        """Change the part's env file as a deploy would do (None removes a name), stop the part, start it again."""
        if changes:
            self.edit_env(part, **changes)
        self.stop(part)
        self.start(part, wait=wait)

    def helper(self, name: str, command: Sequence[str], ready: str = "ready", patience: float = 10.0) -> psutil.Process:
        """Start a process that lives until heal or down; wait until it has printed a line holding `ready`.

        `python` as the first word is this interpreter; the process starts in the checkout. `ready=""`: do not wait.
        """
        if name in self.state["processes"]:
            raise StackError(f"a helper named {name} runs already")
        words = [sys.executable if command[0] == "python" else command[0], *command[1:]]
        log = self.log(f"helper-{name}")
        log.unlink(missing_ok=True)  # an earlier one of that name was ready too
        record = processes.spawn(words, mark=self.home.path, log=log, env={}, cwd=ROOT)
        self.remember(name, record)
        until = time.monotonic() + patience
        while ready and ready not in log.read_text(errors="replace"):
            if processes.find(record) is None or time.monotonic() > until:
                raise StackError(f"the helper {name} did not get ready: {postgres.last_lines(log)}")
            time.sleep(0.02)
        return self.process(name)

    def remember(self, name: str, record: dict[str, Any]) -> None:
        self.state["processes"][name] = record
        self.save()

    def at_heal(self, *command: str) -> None:
        """A command that heal and down run first: what undoes a fault that is no process and no file of ours."""
        self.state["undo"].insert(0, list(command))
        self.save()

    def save(self) -> None:
        self.home.write(self.state)

    def free_port(self) -> int:
        return other(self.ports.values())

    # ---- configuration

    def env(self, part: str) -> dict[str, str]:
        """What the part's env file says now."""
        return read_env(self.home.env_file(part))

    def edit_env(self, part: str, **changes: str | None) -> None:
        """Change the part's env file and nothing else: the running process keeps what it was started with."""
        values = {name: value for name, value in (self.env(part) | changes).items() if value is not None}
        write_env(self.home.env_file(part), values)

    def edit_secrets(self, **changes: str | None) -> None:
        """Change what the diagnosis is told: the account, its password, the database password, the metrics token."""
        values = {name: value for name, value in (read_env(self.home.secrets) | changes).items() if value is not None}
        write_env(self.home.secrets, values)

    @property
    def secrets(self) -> dict[str, str]:
        return read_env(self.home.secrets)

    @property
    def target(self) -> dict[str, Any]:
        """What the target file says now, as tables in tables; to change it use edit_target."""
        return json.loads(json.dumps(self.state["target"]))

    def edit_target(self, key: str, value: Any) -> None:
        """`edit_target("limits.health_seconds", 0.001)`; None removes the key."""
        *tables, last = key.split(".")
        table = self.state["target"]
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
        self.save()
        self.write_target()

    def write_target(self) -> None:
        new = self.home.target.with_suffix(".new")
        new.write_text("# Written by `python -m stack up`.\n" + toml(self.state["target"]))
        new.replace(self.home.target)

    # ---- the database

    def sql(
        self, query: str, values: Sequence[Any] | None = None, *, owner: bool = False, dbname: str = "motel"
    ) -> Any:
        """Run SQL as superuser (or as the application's role); rows, or None when there are none to fetch."""
        with self.session(owner=owner, dbname=dbname) as session:
            cursor = session.execute(query.encode() if values is None else query, values)  # type: ignore[call-overload]
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else None

    def session(self, *, owner: bool = False, dbname: str = "motel") -> psycopg.Connection[Any]:
        session = self.server.connect(dbname)
        if owner:
            session.execute(f"SET SESSION AUTHORIZATION {postgres.OWNER}")
        return session

    def hold_session(
        self, *statements: str, count: int = 1, role: str = "motel", name: str = "session", wait_for_all: bool = True
    ) -> None:
        """A helper that opens `count` sessions, runs the statements in each and keeps them open until heal.

        Roles: motel (the application), oncall (the probe), postgres (superuser). With wait_for_all=False the last
        statement may hang (waiting for a lock, sleeping): it is started, not waited for.
        """
        orders = {
            "address": self.address(role),
            "statements": list(statements),
            "count": count,
            "wait": wait_for_all,
        }
        file = self.scratch / f"{name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(orders))
        self.helper(name, ["python", "-m", "stack.faults.tools.sessions", str(file)], patience=20)

    def address(self, role: str = "motel", port: int | None = None) -> str:
        """How a role connects: motel (the application's), oncall (the probe's), postgres (by the private socket)."""
        if role == "postgres":
            return f"host={self.server.run} port={self.server.port} user=postgres dbname=motel"
        name = {"motel": "APP_DB_PASSWORD", "oncall": "ONCALL_DB_PASSWORD"}[role]
        password = self.state["passwords"][name]
        return f"postgresql://{role}:{quote(password, safe='')}@127.0.0.1:{port or self.server.port}/motel"

    def reload_postgres(self) -> None:
        """pg_hba.conf and postgresql.conf are read again."""
        self.process("postgres").send_signal(signal.SIGHUP)
        time.sleep(0.2)

    def pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.server.tool("pg_ctl", *arguments, "-D", str(self.data))

    def backup(self, name: str | None = None) -> Path:
        file = self.home.backups / (name or time.strftime("motel-%Y%m%dT%H%M%SZ.dump", time.gmtime()))
        self.server.backup(file)
        return file

    # ---- waiting

    def ask(
        self, path: str, *, port: int | None = None, body: Any = None, headers: dict[str, str] | None = None,
        timeout: float = 3.0,
    ) -> tuple[int, bytes]:  # fmt: skip
        """One request to the backend (or another port): status and body. Raises OSError when there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.ports["backend"], timeout=timeout)
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, None if body is None else json.dumps(body), headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer: {error!r}") from error
        finally:
            connection.close()

    def token(self) -> str:
        """The probe account's token."""
        known = self.secrets
        body = {"username": known["ONCALL_ACCOUNT"], "password": known["ONCALL_PASSWORD"]}
        status, answer = self.ask("/api/auth/login", body=body, timeout=10)
        if status != 200:
            raise StackError(f"the probe account cannot log in: status {status}")
        return json.loads(answer)["token"]

    def wait(self, true: Callable[[], Any], what: str, patience: float = 10.0) -> None:
        """Wait until something is so; say what was waited for when it never is."""
        until = time.monotonic() + patience
        while not true():
            if time.monotonic() > until:
                raise StackError(f"{what}: this did not happen within {patience:g} s")
            time.sleep(0.03)

    def problem(self, part: str) -> str | None:
        """Why a part is not healthy, in a few words."""
        if not self.lives(part):
            return "not running"
        if self.process(part).status() == psutil.STATUS_STOPPED:
            return "stopped by a signal"
        if part == "postgres":
            return None if self.server.is_ready() else "accepts no connection"
        if part not in PARTS:
            return None
        path = "/health" if part == "backend" else "/"
        try:
            status, body = self.ask(path, port=self.ports[part])
        except OSError as error:
            return f"does not answer on port {self.ports[part]} ({error})"
        return None if status == 200 else f"answers {status}: {body[:200].decode(errors='replace')}"

    def wait_healthy(self, part: str, patience: float = 30.0) -> None:
        until = time.monotonic() + patience
        while reason := self.problem(part):
            if not self.lives(part) or time.monotonic() > until:
                out = self.log("backend.out")
                log = out if part == "backend" and out.exists() and out.stat().st_size else self.log(part)
                raise StackError(f"{part} did not start ({reason}): {postgres.last_lines(log)}")
            time.sleep(0.03)


def new_secrets() -> dict[str, str]:
    """Passwords as people make them: the characters that break a URL are in."""
    return {
        "ONCALL_ACCOUNT": template.PROBE_ACCOUNT,
        "ONCALL_PASSWORD": "probe@" + secrets.token_urlsafe(15),
        "ONCALL_DB_PASSWORD": "look:only@" + secrets.token_urlsafe(12) + "/%41",
        "METRICS_TOKEN": secrets.token_urlsafe(24),
        "APP_DB_PASSWORD": "p@ss:w/rd?#&%20'\" \\$" + secrets.token_urlsafe(12),
        "JWT_SECRET": secrets.token_urlsafe(48),
    }


def undo(state: dict[str, Any]) -> None:
    for command in state.get("undo", []):
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=10, check=False)
    state["undo"] = []


def copy(source: Path, target: Path) -> None:
    """A file or a folder, replaced."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        shutil.copy2(source, target)
