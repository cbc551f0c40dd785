"""What can be done to a running stack of either kind, from outside: helpers, files, SQL, requests."""

import http.client
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg

from stack import postgres, processes
from stack.ports import other
from stack.state import ROOT, Home, StackError, read_env, write_env
from stack.target import toml

PARTS = ("postgres", "backend", "frontend")


class Handle(ABC):
    """The handle on a running stack, as far as both kinds have it; `Running` and `DockerStack` are the two.

    >>> stack.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    >>> stack.edit_target("limits.query_mean_seconds", 0.001)
    """

    def __init__(self, home: Home, state: dict[str, Any]) -> None:
        self.home = home
        self.state = state
        self.ports: dict[str, int] = state["ports"]

    @property
    def scratch(self) -> Path:
        """A folder for whatever a fault needs; heal removes it."""
        folder = self.home.path / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    # ---- processes on this machine

    def process(self, part: str) -> psutil.Process:
        """The living process of that name: a helper, or a part where parts are processes."""
        if found := processes.find(self.state["processes"].get(part)):
            return found
        raise StackError(f"{part} is not running")

    def pid(self, part: str) -> int:
        return self.process(part).pid

    def lives(self, part: str) -> bool:
        return processes.find(self.state["processes"].get(part)) is not None

    def helper(self, name: str, command: Sequence[str], ready: str = "ready", patience: float = 10.0) -> psutil.Process:
        """Start a process that lives until heal or down; wait until it has printed a line holding `ready`.

        `python` as the first word is this interpreter; the process starts in the checkout. `ready=""`: do not wait.
        """
        if name in self.state["processes"]:
            raise StackError(f"a helper named {name} runs already")
        words = [sys.executable if command[0] == "python" else command[0], *command[1:]]
        log = self.home.log(f"helper-{name}")
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
        set_key(self.state["target"], key, value)
        self.save()
        self.write_target()

    def write_target(self) -> None:
        new = self.home.target.with_suffix(".new")
        new.write_text("# Written by `python -m stack up`.\n" + toml(self.state["target"]))
        new.replace(self.home.target)

    # ---- the database

    @abstractmethod
    def session(self, *, owner: bool = False, dbname: str = "motel") -> psycopg.Connection[Any]:
        """A superuser's session, or one as the application's role; raises StackError."""

    @abstractmethod
    def address(self, role: str = "motel", port: int | None = None) -> str:
        """How a role connects: motel (the application's), oncall (the probe's), postgres (the superuser)."""

    def sql(
        self, query: str, values: Sequence[Any] | None = None, *, owner: bool = False, dbname: str = "motel"
    ) -> Any:
        """Run SQL as superuser (or as the application's role); rows, or None when there are none to fetch."""
        with self.session(owner=owner, dbname=dbname) as session:
            asked = query.encode() if values is None else query  # as bytes no % in it is a placeholder
            cursor = session.execute(asked, values)  # type: ignore[call-overload]  # psycopg has no word for "either"
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else None

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

    # ---- asking and waiting

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

    def answer_problem(self, part: str) -> str | None:
        """Why the backend or the frontend does not answer as it should, in a few words."""
        try:
            status, body = self.ask("/health" if part == "backend" else "/", port=self.ports[part])
        except OSError as error:
            return f"does not answer on port {self.ports[part]} ({error})"
        return None if status == 200 else f"answers {status}: {body[:200].decode(errors='replace')}"


def set_key(table: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in tables within tables; None removes it."""
    *tables, last = key.split(".")
    for name in tables:
        table = table.setdefault(name, {})
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value
