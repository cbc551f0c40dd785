"""What is known about the accounts table and about Prisma's migrations."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from oncall.facts import Fact


class AccountsTable(Fact, frozen=True, kw_only=True):
    """What one row's read of the accounts table brought.

    elsewhere: a schema, not searched by our account, that has a table of this name.
    """

    table: str
    outcome: Literal["", "read", "missing", "empty", "damaged"]
    sqlstate: str = ""
    message: str = ""
    elsewhere: str = ""

    @property
    def symptom(self) -> str:
        said = {"missing": "does not exist", "empty": "has no rows", "damaged": "cannot be read: its data is damaged"}
        return f"the accounts table {self.table} {said.get(self.outcome, 'was read')}"

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome else "the accounts table was not read"


class FailedMigration(Struct, frozen=True, kw_only=True):
    """A migration that began and neither finished nor was rolled back; reason: the first telling line of its log."""

    name: str
    age_seconds: float
    steps: int = 0
    reason: str = ""


class Applied(Struct, frozen=True, kw_only=True):
    """A migration that finished, with the SHA-256 of its script as it was then."""

    name: str
    checksum: str


class MigrationTimes(Struct, frozen=True, kw_only=True):
    """When one row's migration began, finished and was rolled back, by the database's clock; None: it was not."""

    name: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    rolled_back_at: datetime | None = None


class Migrations(Fact, frozen=True, kw_only=True):
    """What the migrations table says.

    exists: whether there is such a table.
    running: names begun less than ten minutes ago while somebody holds the migration lock.
    newest: the rows that were begun last, newest first, at most twenty.
    """

    table: str
    exists: bool
    rows: int = 0
    failed: tuple[FailedMigration, ...] = ()
    running: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()
    newest: tuple[MigrationTimes, ...] = ()

    def inconclusive_reason(self) -> str | None:
        if not self.table:
            return "the migrations table was not looked for"
        return f"the migrations table {self.table} is empty" if self.exists and not self.rows else None


class MigrationLock(Fact, frozen=True, kw_only=True):
    """Who holds Prisma's advisory lock.

    locks_seen: all locks that were looked through; our own look holds one at least.
    seconds: since the holder's present state began. waiting: how many wait for the lock.
    """

    locks_seen: int
    holder_pid: int | None = None
    holder: str = ""
    state: str = ""
    seconds: float = 0.0
    waiting: int = 0

    def inconclusive_reason(self) -> str | None:
        return None if self.locks_seen else "no lock was looked at"


class MigrationDrift(Fact, frozen=True, kw_only=True):
    """The migrations folder against what the database says is applied.

    pending: in the folder, not applied. foreign: applied, not in the folder. edited: changed after it was applied.
    """

    folder: str
    in_folder: int
    applied: int
    pending: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def symptom(self) -> str:
        parts = [
            f"{len(names)} {word}"
            for names, word in (
                (self.pending, "not applied"),
                (self.edited, "edited after it was applied"),
                (self.foreign, "applied but not in the folder"),
            )
            if names
        ]
        return f"of {self.in_folder} migrations: {', '.join(parts)}" if parts else "all migrations are applied"

    def inconclusive_reason(self) -> str | None:
        return None if self.in_folder else f"the migrations folder {self.folder} holds no migration"
