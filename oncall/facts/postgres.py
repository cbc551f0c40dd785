"""What is known about the database server: can it be reached, does it let us in, does it answer, is it whole."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import Layer, Manner

Outcome = Literal["", "accepted", "rejected", "refused", "timeout", "unresolved", "unreachable", "closed", "garbled"]

RoleState = Literal["", "primary", "standby", "starting up", "shutting down", "recovering", "not accepting connections"]

SAID = {
    "refused": "connection refused at {address} (nothing listening)",
    "timeout": "{address} did not answer within {seconds:.1f} s",
    "unresolved": "the name of {address} does not resolve",
    "unreachable": "no route to {address}",
    "closed": "{address} closed the connection without an answer",
    "garbled": "what answers at {address} is not PostgreSQL",
}


class DatabaseConnection(Fact, frozen=True, kw_only=True):
    """How the attempt to connect ended.

    outcome: "accepted" lets us in, "rejected" is a server's own refusal with an SQLSTATE; the others never spoke
        PostgreSQL to us.
    sqlstate: of the refusal, as told by its words; empty when they were not understood.
    looked_at: when the attempt began, by our clock.
    """

    address: str
    outcome: Outcome
    sqlstate: str = ""
    message: str = ""
    seconds: float = 0.0
    looked_at: datetime | None = None

    @property
    def answered(self) -> bool:
        """Whether a database server spoke, however unkindly."""
        return self.outcome in ("accepted", "rejected")

    @property
    def layer(self) -> Layer:
        return "reachable" if self.outcome in ("refused", "unresolved", "unreachable") else "answers"

    @property
    def manner(self) -> Manner | None:
        return {"timeout": "silent", "refused": "refused"}.get(self.outcome)  # type: ignore[return-value]  # both are

    @property
    def sentence(self) -> str:
        template = SAID.get(self.outcome, "{address} answered")
        return template.format(address=self.address, seconds=self.seconds)

    def inconclusive_reason(self) -> str | None:
        if self.outcome:
            return None
        return f"the connection to the database could not be tried: {self.message or 'no reason is known'}"


class DataOrigin(Struct, frozen=True, kw_only=True):
    """What the engine tells of the data of a server that refuses our login.

    role_missing: its log says that our role does not exist: these are other data than ours.
    volume, created_at: what the data is on, and since when there is such a volume, by the engine's clock.
    unused: older volumes of the project that none of its containers has mounted.
    """

    role_missing: bool = False
    volume: str = ""
    created_at: datetime | None = None
    unused: tuple[str, ...] = ()


class DatabaseLogin(Fact, frozen=True, kw_only=True):
    """How the server took our account: "accepted" or "refused", with the refusal's SQLSTATE."""

    user: str
    outcome: Literal["", "accepted", "refused"]
    sqlstate: str = ""
    message: str = ""
    origin: DataOrigin | None = None

    @property
    def statement(self) -> str:
        """The server's own words: what it says in its log, where it tells a stranger less."""
        missing = self.origin and self.origin.role_missing
        return f'role "{self.user}" does not exist' if missing else self.message

    @property
    def symptom(self) -> str:
        told = f"the database refuses the login of {self.user}"
        if not self.origin or not self.origin.role_missing:
            return told
        told = f"{told}: its data has no such role"
        return f"{told}, and an older volume is unused: {self.origin.unused[0]}" if self.origin.unused else told

    @property
    def evidence(self) -> dict[str, str]:
        found = {"sqlstate": self.sqlstate, "said": self.message}
        if not self.origin or not self.origin.role_missing:
            return found
        created = self.origin.created_at
        at = f", created {created:%Y-%m-%d %H:%M:%S} UTC" if created else ""
        found |= {"log": self.statement, "data volume": f"{self.origin.volume}{at}" if self.origin.volume else ""}
        return found | {"older volumes of this project, unused": ", ".join(self.origin.unused[:5])}

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome else "no login to the database was tried"


class DatabaseRole(Fact, frozen=True, kw_only=True):
    """What the server is at the moment: the primary, a standby, or on its way up or down."""

    state: RoleState
    message: str = ""
    version: str = ""
    started_at: datetime | None = None
    up_seconds: float | None = None

    @property
    def layer(self) -> Layer:
        return "correct" if self.state == "standby" else "runs"

    def inconclusive_reason(self) -> str | None:
        return None if self.state else "the server did not say what it is"


class DatabaseAnswer(Fact, frozen=True, kw_only=True):
    """The time of one SELECT 1 on the open connection."""

    seconds: float
    timed_out: bool = False

    def inconclusive_reason(self) -> str | None:
        return None if self.seconds > 0 else "SELECT 1 was not asked"


class DatabaseWrites(Fact, frozen=True, kw_only=True):
    """Whether new sessions of this database begin read-only.

    set_by: where the setting comes from, as pg_settings words it ("default", "configuration file", "database").
    read_only_writers: other roles that may write into a table here, and are read-only by a setting of their own. A
        role for reports has no such right; a superuser who protects himself in this way is left out.
    """

    default_read_only: bool
    set_by: str
    read_only_writers: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.set_by else "default_transaction_read_only was not read"

    @property
    def read_only(self) -> str | None:
        """Whose new sessions cannot write, as the beginning of a sentence; None: everybody's can."""
        if self.default_read_only:
            return "new sessions of the database"
        return f"new sessions of the role {', '.join(self.read_only_writers)}" if self.read_only_writers else None


class SlotHolder(Struct, frozen=True, kw_only=True):
    """Sessions that look alike: where they come from, and how many there are."""

    application: str
    user: str
    client: str
    state: str
    count: int


class ConnectionSlots(Fact, frozen=True, kw_only=True):
    """The server's connection slots, without the one that we hold.

    limit: max_connections less what is reserved.
    refused: our connection found no free slot; the rest is known then only where the server's container may be asked.
    scope: what is full when refused: "server", or the role or database whose own limit is reached.
    full: roles and databases whose own CONNECTION LIMIT is reached, as "role app (20 of 20)".
    """

    limit: int = 0
    used: int = 0
    free: int = 0
    by_state: dict[str, int]
    holders: tuple[SlotHolder, ...] = ()
    full: tuple[str, ...] = ()
    refused: bool = False
    scope: str = ""
    message: str = ""

    @property
    def symptom(self) -> str:
        if self.refused:
            return f"no connection slot is free{f' for {self.scope}' if self.scope else ''}{self._taker}"
        if self.full:
            return f"the connection limit is reached for {self.full[0]}"
        return f"only {self.free} of {self.limit} connection slots are free{self._taker}"

    @property
    def _taker(self) -> str:
        """ ": 58 of 60 held by reporting-cron", when one holder has more than half of them."""
        counts: dict[str, int] = {}
        for one in self.holders:
            name = one.application or (f"user {one.user}" if one.user else "")
            counts[name] = counts.get(name, 0) + one.count
        name = max(counts, key=lambda one: counts[one], default="")
        return f": {counts[name]} of {self.limit} held by {name}" if name and 2 * counts[name] > self.limit > 0 else ""

    @property
    def evidence(self) -> dict[str, str | int]:
        """Who holds the slots: by state, and the largest holders by name."""
        found: dict[str, str | int] = {"message": self.message} if self.message else {}
        found |= {"limit": self.limit, **self.by_state} if self.limit else {}
        for number, holder in enumerate(self.holders[:3], 1):
            words = (holder.application or "no application name", holder.user, holder.client, holder.state)
            found[f"holder {number}"] = f"{holder.count} x {' '.join(word for word in words if word)}"
        return found | ({"full": ", ".join(self.full[:5])} if self.full else {})

    def inconclusive_reason(self) -> str | None:
        return None if self.limit or self.refused else "no connection slot was counted"


class DatabaseClock(Fact, frozen=True, kw_only=True):
    """The database's clock against ours, at half the round trip; positive when the database is ahead."""

    offset_seconds: float
    round_trip_seconds: float

    def inconclusive_reason(self) -> str | None:
        return None if self.round_trip_seconds > 0 else "the database's clock was not read"


class DamagedDatabase(Struct, frozen=True, kw_only=True):
    """A database whose pages failed their checksums; `shared objects` stands for what belongs to all of them."""

    database: str
    failures: int
    last: datetime | None = None


class PageChecksums(Fact, frozen=True, kw_only=True):
    """Checksum failures that the server has counted, over all databases."""

    databases_seen: int
    damaged: tuple[DamagedDatabase, ...] = ()

    @property
    def failures(self) -> int:
        return sum(database.failures for database in self.damaged)

    def inconclusive_reason(self) -> str | None:
        return None if self.databases_seen else "no database's checksum counter was read"


class LogLine(Struct, frozen=True, kw_only=True):
    """A line of the server's log, cut to its first 200 characters."""

    file: str
    text: str


class CorruptionLog(Fact, frozen=True, kw_only=True):
    """Signs of corruption in the newest part of the server's log; they do not age.

    first, last: of the lines that have a time in UTC.
    """

    files: tuple[str, ...]
    lines_read: int
    count: int = 0
    lines: tuple[LogLine, ...] = ()
    first: datetime | None = None
    last: datetime | None = None

    def inconclusive_reason(self) -> str | None:
        return None if self.lines_read else "the database's log is empty"
