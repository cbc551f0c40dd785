"""What is known about the statements that the database runs: their averages, and what runs at this moment."""

from collections.abc import Iterable

from msgspec import Struct

from oncall.facts import Fact


class Statement(Struct, frozen=True, kw_only=True):
    """A statement as pg_stat_statements counts it; its text without literals, cut to 200 characters."""

    calls: int
    mean_seconds: float
    max_seconds: float
    query: str
    plan: str = ""

    @property
    def told(self) -> str:
        """ "2.31 s x 40: SELECT * FROM tasks WHERE id = ?" """
        return f"{self.mean_seconds:.2f} s x {self.calls}: {self.query or '(text not shown)'}"


class Statements(Fact, frozen=True, kw_only=True):
    """This database's statements, slowest average first; those that were called often enough are all among them.

    tracked: how many are counted, our own left out.
    """

    version: str
    tracked: int
    slowest: tuple[Statement, ...] = ()

    def slow(self, seconds: float, calls: int) -> tuple[Statement, ...]:
        """Those with an average above `seconds` over at least so many calls, slowest first."""
        found = [one for one in self.slowest if one.calls >= calls and one.mean_seconds > seconds]
        return tuple(sorted(found, key=lambda one: -one.mean_seconds))

    def inconclusive_reason(self) -> str | None:
        return None if self.tracked else "pg_stat_statements has counted no statement of this database yet"


class Session(Struct, frozen=True, kw_only=True):
    """One session of this database. seconds: since its statement began, or since it fell idle in its transaction."""

    pid: int
    user: str
    application: str
    client: str
    state: str
    seconds: float
    query: str

    @property
    def name(self) -> str:
        who = " ".join(word for word in (self.application or self.user, self.client and f"from {self.client}") if word)
        return f"pid {self.pid} ({who})" if who else f"pid {self.pid}"

    @property
    def told(self) -> str:
        """ "pid 257 (nightly-report), idle in transaction for 41 s: LOCK TABLE tasks" """
        state = f"{self.state} for {self.seconds:.0f} s" if self.state != "active" else f"{self.seconds:.0f} s"
        return f"{self.name}, {state}: {self.query or '(text not shown)'}"


class Blocked(Struct, frozen=True, kw_only=True):
    """A session that waits for a lock, and the session at the end of the queue that holds things up.

    root: None when a prepared transaction holds the lock, or the holder went away meanwhile.
    """

    waiting: Session
    root: Session | None = None
    root_name: str


class Sessions(Fact, frozen=True, kw_only=True):
    """This database's sessions at one moment, longest first.

    seen: all client sessions, our own included.
    running: at work, not waiting for a lock. idle: idle in an open transaction. blocked: waiting for a lock.
    """

    seen: int
    running: tuple[Session, ...] = ()
    idle: tuple[Session, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    def running_over(self, seconds: float) -> tuple[Session, ...]:
        return tuple(session for session in self.running if session.seconds > seconds)

    def idle_over(self, seconds: float) -> tuple[Session, ...]:
        return tuple(session for session in self.idle if session.seconds > seconds)

    def blocked_over(self, seconds: float) -> tuple[Blocked, ...]:
        return tuple(one for one in self.blocked if one.waiting.seconds > seconds)

    @staticmethod
    def holders(blocked: Iterable[Blocked]) -> tuple[tuple[int, str], ...]:
        """Who holds the locks that these wait for, each once and numbered."""
        names = dict.fromkeys(one.root.told if one.root else one.root_name for one in blocked)
        return tuple(enumerate(names, 1))

    def inconclusive_reason(self) -> str | None:
        return None if self.seen else "no session of the database was seen"
