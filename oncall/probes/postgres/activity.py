"""Who is connected: the slots that sessions hold, and what the sessions of this database do at this moment."""

import logging

from msgspec import Struct

from oncall.facts.postgres import ConnectionSlots, SlotHolder
from oncall.facts.queries import Blocked, Sessions
from oncall.facts.queries import Session as SessionSeen
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.sql_text import masked
from oncall.probes.postgres.from_inside import asked_inside
from oncall.probes.postgres.server import Attempt, why_not
from oncall.probes.postgres.session import Session, lacks
from oncall.probing.register import probe
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

# Without this privilege the view shows other accounts' sessions, but not what they are and do.
SEES_ALL = "pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"


class Limits(Struct, frozen=True):
    """A row of the query below, as are the further records of this file."""

    sees_all: bool
    slots: int


class Holder(Struct, frozen=True):
    application: str
    user: str
    database: str
    client: str
    state: str
    count: int


class OwnLimit(Struct, frozen=True):
    name: str
    slots: int
    role: str | None
    database: str | None


SLOTS = """current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0)"""
LIMITS = f"SELECT {SEES_ALL} AS sees_all, {SLOTS} AS slots"
HOLDERS = """
    SELECT coalesce(application_name, '') AS application, coalesce(usename, '')::text AS "user",
      coalesce(datname, '')::text AS database, coalesce(host(client_addr), '') AS client,
      coalesce(state, 'starting') AS state, count(*)::int AS count
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC
"""
OWN_LIMITS = """
    SELECT 'role ' || rolname AS name, rolconnlimit AS slots, rolname::text AS role, NULL AS database FROM pg_roles
    WHERE rolconnlimit >= 0 AND rolname <> current_user AND rolcanlogin AND NOT rolsuper
    UNION ALL
    SELECT 'database ' || datname, datconnlimit, NULL, datname::text FROM pg_database
    WHERE datconnlimit >= 0 AND datname = current_database()
"""


# The same from inside the server's container, whichever database it is, when no slot is left for us.
INSIDE = f"""
    SELECT application, "user", client, state, count, {SLOTS} FROM ({HOLDERS}) h LIMIT 50
"""  # noqa: S608  constants


@probe(of="postgres", deadline=8.0)
def connection_slots(stack: Stack, database_attempt: Attempt) -> ConnectionSlots:
    """How many connection slots are left, and who holds the others."""
    failed, session = database_attempt.failure, database_attempt.session
    if failed and failed.sqlstate == "53300":
        return _refused(stack, failed.message)
    if session is None:
        raise why_not(database_attempt)
    general = session.row(Limits, LIMITS, vital=True)
    if not general.sees_all:
        raise CouldNotCheck(lacks(session.user, "pg_monitor"))
    holders = session.rows(Holder, HOLDERS, vital=True)
    own = session.rows(OwnLimit, OWN_LIMITS, vital=True)
    used = sum(row.count for row in holders)
    by_state: dict[str, int] = {}
    for row in holders:
        by_state[row.state] = by_state.get(row.state, 0) + row.count
    log.info("%d of %d connection slots are used", used, general.slots)
    return ConnectionSlots(
        limit=general.slots,
        used=used,
        free=max(0, general.slots - used),
        by_state=by_state,
        holders=tuple(
            SlotHolder(application=row.application, user=row.user, client=row.client, state=row.state, count=row.count)
            for row in holders[:10]
        ),
        full=tuple(_full(own, holders)),
    )


def _refused(stack: Stack, message: str) -> ConnectionSlots:
    """No slot for us: the holders as the server's own container tells them, where it may be asked."""
    try:
        rows = asked_inside(stack, INSIDE, 6)
    except (CouldNotCheck, NotPart) as error:
        log.info("who holds the slots is not known: %s", error)
        rows = []
    holders = tuple(
        SlotHolder(application=row[0][:64], user=row[1][:64], client=row[2][:64], state=row[3][:40], count=int(row[4]))
        for row in rows
        if row[4].isdecimal() and len(row[4]) < 7
    )
    by_state: dict[str, int] = {}
    for one in holders:
        by_state[one.state] = by_state.get(one.state, 0) + one.count
    limit = int(rows[0][5]) if rows and rows[0][5].isdecimal() and len(rows[0][5]) < 7 else 0
    return ConnectionSlots(
        refused=True,
        limit=limit,
        used=sum(by_state.values()),
        by_state=by_state,
        holders=holders[:10],
        scope=_scope(message),
        message=message,
    )


def _scope(message: str) -> str:
    """What is full, in the words of the server's refusal: 'too many connections for role "app"'."""
    return message.partition("too many connections for ")[2].replace('"', "")


def _full(own: list[OwnLimit], holders: list[Holder]) -> list[str]:
    """The roles and the database whose own limit is reached."""
    found = []
    for row in own:
        # A limit of 0 is a decision to let nobody in, not a fault.
        held = sum(one.count for one in holders if (one.user == row.role if row.role else one.database == row.database))
        if row.slots and held >= row.slots:
            found.append(f"{row.name} ({held} of {row.slots})")
    return found


class Active(Struct, frozen=True):
    pid: int
    user: str
    application: str
    client: str
    state: str
    query: str
    ours: bool
    sees_all: bool
    waits: bool
    blockers: tuple[int, ...]
    seconds: float | None


ACTIVITY = f"""
    SELECT a.pid, coalesce(usename, '')::text AS "user", coalesce(application_name, '') AS application,
      coalesce(host(client_addr), '') AS client, coalesce(state, '') AS state, left(coalesce(query, ''), 1000) AS query,
      a.pid = pg_backend_pid() AS ours, {SEES_ALL} AS sees_all,
      coalesce(wait_event_type = 'Lock', false) AS waits,
      to_json(CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{{}}' END)::text AS blockers,
      greatest(0, extract(epoch FROM clock_timestamp() -
        CASE WHEN wait_event_type = 'Lock' THEN coalesce(%s query_start)
             WHEN state LIKE 'idle%%' THEN state_change ELSE query_start END))::float8 AS seconds
    FROM pg_stat_activity a
    WHERE backend_type = 'client backend' AND datname = current_database()
"""  # noqa: S608  constants
WAITSTART = "(SELECT min(l.waitstart) FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted),"


@probe(of="postgres", deadline=4.5)
def sessions(database_session: Session) -> Sessions:
    """What every session of this database does at this moment, and who blocks whom."""
    modern = database_session.version >= 140000
    rows = database_session.rows(Active, ACTIVITY.replace("%s", WAITSTART if modern else "").replace("%%", "%"))
    if rows and not rows[0].sees_all:
        raise CouldNotCheck(lacks(database_session.user, "pg_monitor"))
    others = {row.pid: row for row in rows if not row.ours}
    by_time = sorted(others.values(), key=lambda row: -(row.seconds or 0.0))
    waiting = [row for row in by_time if row.waits]
    log.info("%d sessions seen, %d of them wait for a lock", len(rows), len(waiting))
    return Sessions(
        seen=len(rows),
        running=tuple(_seen(row) for row in [one for one in by_time if one.state == "active" and not one.waits][:20]),
        idle=tuple(_seen(row) for row in [one for one in by_time if one.state.startswith("idle in transaction")][:20]),
        blocked=tuple(_blocked(row, others) for row in waiting[:20]),
    )


def _seen(row: Active) -> SessionSeen:
    return SessionSeen(
        pid=row.pid,
        user=row.user,
        application=row.application,
        client=row.client,
        state=row.state,
        seconds=round(row.seconds or 0.0, 3),
        query=masked(row.query, 120),
    )


def _blocked(row: Active, others: dict[int, Active]) -> Blocked:
    """Follow the queue to the session at its end, the one that does not wait itself."""
    pid, passed = row.pid, set()
    while pid in others and others[pid].blockers and pid not in passed:
        passed.add(pid)
        pid = others[pid].blockers[0]
    if pid == 0:
        return Blocked(waiting=_seen(row), root_name="a prepared transaction")
    if pid in others and pid != row.pid:
        root = _seen(others[pid])
        return Blocked(waiting=_seen(row), root=root, root_name=root.name)
    return Blocked(waiting=_seen(row), root_name=f"pid {pid}" if pid != row.pid else "a session that is gone")
