"""A stack that was started: its parts, and everything that can be done to them from outside."""

import resource
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from stack import postgres, processes, template
from stack.handle import PARTS, Handle
from stack.state import ROOT, Home, StackError

ADDRESS_SPACE = 4 << 30  # of a part, in bytes: one that leaks shall not take the machine with it


class Running(Handle):
    """The handle on a running stack.

    >>> stack.kill("backend")
    >>> stack.restart("backend", JWT_SECRET="changeme")
    >>> stack.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    >>> stack.edit_target("limits.query_mean_seconds", 0.001)
    """

    def __init__(self, home: Home, state: dict[str, Any]) -> None:
        super().__init__(home, state)
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

    def log(self, part: str) -> Path:
        return self.home.log(part)

    # ---- processes

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

    # ---- the database

    def session(self, *, owner: bool = False, dbname: str = "motel") -> psycopg.Connection[Any]:
        session = self.server.connect(dbname)
        if owner:
            session.execute(f"SET SESSION AUTHORIZATION {postgres.OWNER}")
        return session

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

    def problem(self, part: str) -> str | None:
        """Why a part is not healthy, in a few words; of a helper, why it does not run."""
        if not self.lives(part):
            return "not running"
        if self.process(part).status() == psutil.STATUS_STOPPED:
            return "stopped by a signal"
        if part == "postgres":
            return None if self.server.is_ready() else "accepts no connection"
        return self.answer_problem(part) if part in PARTS else None

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
