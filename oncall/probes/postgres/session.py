"""One connection to the database for all probes: they ask, and a thread of its own puts the queries one after another.

Every query is one round trip in a read-only transaction of its own that carries its guards as SET LOCAL, so that
nothing stays behind in a session, which a pooler may hand to the application next.

What comes back is bounded in bytes, rows and time (postgres_wire.py), and typed (postgres_rows.py): whoever asks names
the record that each row becomes.
"""

import contextlib
import itertools
import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Generic

from msgspec import Struct

from oncall.finding import CouldNotCheck
from oncall.gate.sql_text import error_text
from oncall.probes.postgres.rows import Foreign, Record, records
from oncall.probes.postgres.wire import MOST_BYTES, DeadlineNetwork, Flood, Late, Lost, Patience, Refused, Table

log = logging.getLogger(__name__)

BUDGET_SECONDS = 4.0  # for all queries, counted from the attempt to connect
STATEMENT_SECONDS = 1.0
SILENCE_SECONDS = 1.5  # the server's own timeout would have answered by then: it is frozen, or the network is gone
GUARDS = (
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '1s'; SET LOCAL lock_timeout = '200ms'; "
    "SET LOCAL idle_in_transaction_session_timeout = '3s'; "
)
OURS = "/* oncall */"  # in each query, so that our own are told from the stack's
LOST = ("57P01", "57P02", "57P03", "08000", "08003", "08006")
FOREIGN = "the answer is not one of PostgreSQL's"


class QueryFailed(Exception):
    """A query brought no rows; the message is a sentence.

    sqlstate: empty when the server did not say one. message: the server's own, without values.
    silent: no answer came at all.
    """

    def __init__(self, sentence: str, sqlstate: str = "", message: str = "", silent: bool = False) -> None:
        super().__init__(sentence)
        self.sqlstate, self.message, self.silent = sqlstate, message, silent

    @property
    def blindness(self) -> CouldNotCheck:
        """What a probe raises to which this is no answer; a silence is told by the fact of the simplest query."""
        return CouldNotCheck(str(self), root="database_answer" if self.silent else "")


class Answer(Struct, Generic[Record], frozen=True):
    """The rows of one query. asked_at: our clock when it was sent; seconds: the round trip."""

    rows: list[Record]
    asked_at: float
    seconds: float


class Reply(Struct, frozen=True):
    """What the server sent for one query, as it was sent."""

    table: Table
    asked_at: float
    seconds: float


class One(Struct, frozen=True):
    """The row of `SELECT 1 AS one`."""

    one: int


@dataclass(order=True)
class Job:
    """One query in the queue: vital ones first, otherwise as they came."""

    rank: int
    number: int
    sql: str = field(compare=False)
    params: tuple[object, ...] | None = field(compare=False, default=None)
    begun: threading.Event = field(compare=False, default_factory=threading.Event)
    done: threading.Event = field(compare=False, default_factory=threading.Event)
    reply: Reply | None = field(compare=False, default=None)
    problem: QueryFailed | None = field(compare=False, default=None)

    def settle(self, reply: Reply | None = None, problem: QueryFailed | None = None) -> None:
        self.reply, self.problem = reply, problem
        self.begun.set()
        self.done.set()


class Session:
    """The open connection. Only its own thread touches it, so that a hang there never holds up whoever asks."""

    def __init__(self, wire: DeadlineNetwork, began: float, schema: str = "") -> None:
        self.user, self.dbname, self.version = wire.user, wire.dbname, wire.version
        self._wire = wire
        self._guards = GUARDS + (f"SET LOCAL search_path TO {quoted(schema)}; " if schema else "")
        self._ends = began + BUDGET_SECONDS
        self._lost = ""
        self._silent = False
        self._numbers = itertools.count()
        self._jobs: queue.PriorityQueue[Job] = queue.PriorityQueue()
        self._thread = threading.Thread(target=self._work, name="database session", daemon=True)
        self._thread.start()

    def rows(
        self, kind: type[Record], sql: str, params: tuple[object, ...] | None = None, *, vital: bool = False,
        grant: str = "",
    ) -> list[Record]:  # fmt: skip
        """A query's rows, each as a record of this kind.

        params: for its %s places; without them a % needs no doubling.
        grant: what the account lacks when the server answers "permission denied": "pg_monitor".
        Raises CouldNotCheck with the reason when there are none, or when they are of another kind.
        """
        try:
            return self.ask(kind, sql, params, vital=vital).rows
        except QueryFailed as problem:
            if problem.sqlstate == "42501" and grant:
                raise CouldNotCheck(lacks(self.user, grant)) from None
            raise problem.blindness from None

    def row(
        self, kind: type[Record], sql: str, params: tuple[object, ...] | None = None, *, vital: bool = False
    ) -> Record:
        """As rows(), of a query that always has exactly one."""
        rows = self.rows(kind, sql, params, vital=vital)
        if len(rows) != 1:
            raise CouldNotCheck(f"{FOREIGN}: {len(rows)} rows for one")
        return rows[0]

    def ask(
        self, kind: type[Record], sql: str, params: tuple[object, ...] | None = None, *, vital: bool = False
    ) -> Answer[Record]:
        """As rows(), with the time it took; raises QueryFailed, for probes to which an SQLSTATE is an answer."""
        if self._lost:
            raise QueryFailed(self._lost, silent=self._silent)
        job = Job(0 if vital else 1, next(self._numbers), sql, params)
        self._jobs.put(job)
        if not job.begun.wait(max(0.0, self._ends - time.monotonic())):
            raise QueryFailed(f"the {BUDGET_SECONDS:g} s for all queries were over before this one was asked")
        job.done.wait(2 * SILENCE_SECONDS + 0.5)  # the session's own thread ends each query before that
        if job.reply is None:
            raise job.problem or QueryFailed("the query brought no answer", silent=True)
        try:
            return Answer(records(kind, job.reply.table), job.reply.asked_at, job.reply.seconds)
        except Foreign as error:
            raise QueryFailed(f"{FOREIGN}: {error}") from None

    def close(self) -> None:
        """Close the connection; a query that runs is given a moment, then it is cut off."""
        self._jobs.put(Job(-1, 0, ""))
        self._thread.join(0.1)
        if self._thread.is_alive():
            self._wire.shut()

    def _lose(self, reason: str, *, silent: bool = False) -> None:
        """Nothing more can come: whoever waits in the queue is told at once."""
        self._lost, self._silent = self._lost or reason, self._silent or silent
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job.rank < 0:
                    self._jobs.put(job)
                    break
                job.settle(problem=QueryFailed(self._lost, silent=self._silent))
        self._wire.close()  # what libpq holds of an unfinished answer is freed now

    def _work(self) -> None:
        while (job := self._jobs.get()).rank >= 0:
            if self._lost:
                job.settle(problem=QueryFailed(self._lost, silent=self._silent))
            elif time.monotonic() < self._ends:
                self._put(job)
        if not self._lost:
            self._wire.close()

    def _put(self, job: Job) -> None:
        job.begun.set()
        asked_at, began = time.time(), time.perf_counter()
        try:
            table = self._execute(job)
        except Refused as error:
            job.settle(problem=self._refused(error, time.perf_counter() - began))
        except Late:
            self._lose(
                "the database stopped answering in the middle of a query",
                silent=True,
            )
            job.settle(problem=QueryFailed(self._lost, silent=True))
        except Flood:
            self._lose(f"the database sends more than any answer holds, over {MOST_BYTES >> 20} MiB or without an end")
            job.settle(problem=QueryFailed(self._lost))
        except Lost as error:
            self._lose(f"the connection was lost in the middle of a query: {error_text(str(error), 160)}")
            job.settle(problem=QueryFailed(self._lost))
        else:
            job.settle(Reply(table, asked_at, time.perf_counter() - began))

    def _execute(self, job: Job) -> Table:
        marked = job.sql.replace("SELECT ", f"SELECT {OURS} ", 1)
        if job.params is not None:
            marked %= tuple(self._wire.literal(value) for value in job.params)
        return self._wire.ask(f"{self._guards}{marked}; COMMIT", Patience(SILENCE_SECONDS))

    def _refused(self, error: Refused, seconds: float) -> QueryFailed:
        """An error of the server as a sentence; the one place where this is decided."""
        sqlstate, message = error.sqlstate, error_text(error.message, 160)
        if sqlstate in LOST or self._wire.closed:
            self._lose(f"the connection was lost in the middle of a query: {message}")
            return QueryFailed(self._lost, sqlstate, message)
        if self._wire.in_transaction:
            try:
                self._wire.ask("ROLLBACK", Patience(SILENCE_SECONDS))
            except (Refused, Late, Flood, Lost):
                self._lose("the connection was lost after a query that failed")
        if sqlstate == "57014":
            return QueryFailed(f"the query was stopped after {seconds:.1f} s (statement timeout)", sqlstate, message)
        if sqlstate == "55P03":
            return QueryFailed("what the query reads is locked: no access within 200 ms", sqlstate, message)
        if sqlstate == "42501":
            return QueryFailed(f"the role {self.user} lacks a privilege: {message}", sqlstate, message)
        return QueryFailed(f"the query failed: SQLSTATE {sqlstate}: {message}", sqlstate, message)


def quoted(name: str) -> str:
    """A name as SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def lacks(user: str, grant: str) -> str:
    """The sentence for a missing privilege; grant: "pg_monitor", "SELECT (id) ON users"."""
    return f"the role {user} lacks a privilege: GRANT {grant} TO {user}"
