"""The playbook's database commands, typed into a real server: Compose is replaced by its shortest stand-in."""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from oncall.playbook import fill, parse
from oncall.target.schema import Host, Stack
from tests.probes.postgres_server import postgres

PAGE = parse((Path(__file__).parent.parent / "PLAYBOOK.md").read_text("utf-8"))
ASKS = re.compile(r"\b(psql|pg_dump|pg_restore|pg_amcheck)\b")
STEPS = [
    pytest.param(step, id=f"{section.id}-{number}")
    for section in PAGE.sections
    for number, step in enumerate(section.recovery, 1)
    if ASKS.search(step.command) and "pg_promote" not in step.command  # only a standby can be promoted
]
TO_FILL_IN = {
    "YOUR_CONDITION": "project_id = 1",
    "'PID'": "'0'",
    "TABLE_NAME": "tasks",
    "ROLE_NAME": "postgres",
    "COLUMN_NAME": "project_id",
    "INDEX_NAME": "tasks_pkey",
    "COLLATION_NAME": 'pg_catalog."C"',
}


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run("CREATE TABLE tasks (id int PRIMARY KEY, project_id int)", "INSERT INTO tasks VALUES (1, 1)")
        yield running


@pytest.fixture
def typed(server, tmp_path):
    """Type a step's command where `docker-compose exec SERVICE` means this server, and the rest of Compose nothing."""
    compose = tmp_path / "bin" / "docker-compose"
    compose.parent.mkdir()
    compose.write_text('#!/bin/sh\n[ "$1" = exec ] || exit 0\nshift\n[ "$1" = -T ] && shift\nshift\nexec "$@"\n')
    compose.chmod(0o755)
    path = f"{compose.parent}:{server.programs}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PGHOST": "127.0.0.1", "PGPORT": str(server.port)}
    stack = Stack(host=Host(backup_file=f"{tmp_path}/*.dump"))

    def type_(step):
        command = fill(step, stack).command
        for blank, word in TO_FILL_IN.items():
            command = command.replace(blank, word)
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return type_


def step(section, words):
    return next(step for step in PAGE.section(section).recovery if words in step.command)


@pytest.mark.parametrize("step_", STEPS)
def test_the_server_understands_every_command(typed, step_):
    """No column that was renamed, no option that does not exist, nothing that hangs."""
    typed(step("restore-backup", "pg_dump"))
    done = typed(step_)

    assert (done.returncode, "ERROR" in done.stderr) == (0, False), done.stderr


def test_a_read_only_database_is_healed(typed, server):
    """The session that takes it back is read-only itself, unless it says otherwise first."""
    server.run("ALTER DATABASE motel SET default_transaction_read_only = on", dbname="postgres")
    typed(step("database-down", "RESET default_transaction_read_only"))

    server.run("INSERT INTO tasks VALUES (2, 2)")


def test_idle_sessions_are_ended_only_when_they_are_old(typed, server):
    """A session that was just used keeps its slot."""
    with server.connect() as fresh:
        typed(step("database-down", "pg_terminate_backend"))

        assert fresh.execute("SELECT 1").fetchone() == (1,)


def test_prismas_lock_is_found_and_its_holder_ended(typed, server):
    """The number is the one that Prisma really takes."""
    with server.connect() as stuck:
        stuck.execute("SELECT pg_advisory_lock(72707369)")
        assert "72707369" in step("migrations", "pg_terminate_backend").command
        typed(step("migrations", "pg_terminate_backend"))

        with pytest.raises(psycopg.OperationalError):
            stuck.execute("SELECT 1")


def test_a_backup_brings_lost_rows_back(typed, server):
    """What the playbook dumps, the playbook restores."""
    typed(step("restore-backup", "pg_dump"))
    server.run("DELETE FROM tasks")
    done = typed(step("restore-backup", "--clean"))

    with server.connect() as session:
        assert (done.returncode, session.execute("SELECT count(*) FROM tasks WHERE id = 1").fetchone()) == (0, (1,))
