"""What is known about tables that a session keeps locked against others."""

from msgspec import Struct

from oncall.facts import Fact


class TableLock(Struct, frozen=True, kw_only=True):
    """A lock on a table that keeps out everybody else, or everybody who writes.

    mode: as pg_locks names it: "AccessExclusiveLock" keeps out readers as well.
    pid: the session that holds it; 0: a prepared transaction does, which belongs to no session.
    seconds: for how long it has been held at least: since the holder's last statement, or for as long as the longest
        of those that wait. waiting: how many sessions wait for this table.
    """

    table: str
    mode: str
    pid: int
    application: str = ""
    user: str = ""
    client: str = ""
    state: str = ""
    query: str = ""
    seconds: float
    waiting: int = 0

    @property
    def readers_wait(self) -> bool:
        return self.mode == "AccessExclusiveLock"

    @property
    def holder(self) -> str:
        """ "pid 257 (nightly-report, user motel, from 172.18.0.4)" """
        if not self.pid:
            return "a prepared transaction"
        words = (self.application, self.user and f"user {self.user}", self.client and f"from {self.client}")
        who = ", ".join(filter(None, words))
        return f"pid {self.pid} ({who})" if who else f"pid {self.pid}"

    @property
    def statement(self) -> str:
        """ "pg_locks: AccessExclusiveLock on tasks held by pid 257" """
        return f"pg_locks: {self.mode} on {self.table} held by {f'pid {self.pid}' if self.pid else self.holder}"


class TableLocks(Fact, frozen=True, kw_only=True):
    """The tables of this database that a session keeps locked. seen: all relation locks of this moment, our own too."""

    seen: int
    locks: tuple[TableLock, ...] = ()

    def held_over(self, seconds: float) -> tuple[TableLock, ...]:
        """Those held for longer, the one with most sessions waiting first."""
        found = (one for one in self.locks if one.seconds > seconds)
        return tuple(sorted(found, key=lambda one: (-one.waiting, -one.seconds)))

    def inconclusive_reason(self) -> str | None:
        return None if self.seen else "no lock was seen, not even our own"
