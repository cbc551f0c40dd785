"""Ways to damage the data on disk."""

import os
from contextlib import suppress
from pathlib import Path

import psycopg

from stack.faults import fault
from stack.faults.expected.container_failures import LOG_FILE, of
from stack.faults.expected.database_failures import ACCOUNTS, BACKEND_BLIND, CHECKSUMS, LOG, PROBE_LOGIN
from stack.running import Running
from stack.state import StackError

PAGE = 8192


@fault("postgres-page-damaged", component="postgres", cause_class="data corruption", must_fail=[CHECKSUMS, LOG])
def postgres_page_damaged(stack: Running) -> None:
    """The disk lost a page of a table: one byte of it is not what was written."""
    file = path(stack, "tasks")
    stack.stop("postgres")
    flip(file, pages=[file.stat().st_size // PAGE - 1])
    stack.start("postgres")
    read(stack, "SELECT count(title) FROM tasks")


@fault("postgres-shared-page-damaged", component="postgres", cause_class="data corruption",
       must_fail=[CHECKSUMS, LOG])  # fmt: skip
def postgres_shared_page_damaged(stack: Running) -> None:
    """The disk lost a page of a table that all databases share."""
    file = path(stack, "pg_shdescription")
    stack.stop("postgres")
    flip(file, pages=[0])
    stack.start("postgres")
    read(stack, "SELECT count(description) FROM pg_shdescription")


@fault(
    "postgres-accounts-damaged",
    component="postgres",
    cause_class="data corruption",
    must_fail=[CHECKSUMS, LOG, ACCOUNTS, PROBE_LOGIN],
    unknown=BACKEND_BLIND,
)
def postgres_accounts_damaged(stack: Running) -> None:
    """The disk lost every page of the accounts table."""
    file = path(stack, "users")
    stack.stop("postgres")
    flip(file, pages=range(file.stat().st_size // PAGE))
    stack.start("postgres")
    read(stack, "SELECT count(email) FROM users")


@fault(
    "postgres-accounts-file-gone",
    component="postgres",
    cause_class="data corruption",
    must_fail=[LOG, ACCOUNTS, PROBE_LOGIN],
    unknown=BACKEND_BLIND,
)
def postgres_accounts_file_gone(stack: Running) -> None:
    """After a repair of the filesystem the accounts table's file is gone."""
    file = path(stack, "users")
    stack.stop("postgres")
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    stack.start("postgres")
    read(stack, "SELECT count(email) FROM users")


@fault("postgres-file-cut-short", component="postgres", cause_class="data corruption", must_fail=[LOG])
def postgres_file_cut_short(stack: Running) -> None:
    """After a repair of the filesystem a table's file is shorter than its indexes say."""
    file = path(stack, "tasks")
    stack.stop("postgres")
    os.truncate(file, file.stat().st_size - 20 * PAGE)
    stack.start("postgres")
    read(stack, "SET enable_seqscan = off; SELECT title FROM tasks WHERE id = (SELECT max(id) FROM tasks)")


@fault("postgres-checksums-off", component="postgres", cause_class="misconfiguration", unknown=[CHECKSUMS])
def postgres_checksums_off(stack: Running) -> None:
    """The database was made without page checksums: damage cannot be seen."""
    stack.stop("postgres")
    stack.server.tool("pg_checksums", "--disable", "--no-sync", "-D", str(stack.data))
    stack.start("postgres")


@fault(
    "postgres-log-gone",
    component="postgres",
    cause_class="deleted log",
    must_fail=of("postgres", LOG_FILE),
    unknown=[LOG, "test_log_shows_no_fatal_error[postgres]", "test_log_shows_no_burst_of_errors[postgres]"],
)
def postgres_log_gone(stack: Running) -> None:
    """The database's log is not where it is looked for."""
    stack.log("postgres").unlink()


def path(stack: Running, table: str) -> Path:
    """A table's file, everything written to it."""
    stack.sql("CHECKPOINT")
    return stack.data / stack.sql("SELECT pg_relation_filepath(%s)", (table,))[0][0]


def flip(file: Path, pages: "range | list[int]") -> None:
    """Change one byte of each page, where the rows are."""
    with file.open("r+b") as data:
        for page in pages:
            place = page * PAGE + PAGE - 100
            data.seek(place)
            byte = data.read(1)[0]
            data.seek(place)
            data.write(bytes([byte ^ 0xFF]))


def read(stack: Running, statement: str) -> None:
    """As the application comes upon it: the query fails, the server counts and logs."""
    with suppress(psycopg.Error):
        stack.sql(statement)
        raise StackError("the damage went unnoticed")
