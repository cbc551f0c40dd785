"""One connection to the database for all probes: they ask, and a thread of its own puts the queries one after another.

Every query is one round trip in a read-only transaction of its own that carries its guards as SET LOCAL, so that
nothing stays behind in a session, which a pooler may hand to the application next.
"""

import contextlib
import itertools
import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from oncall.finding import CouldNotCheck

if TYPE_CHECKING:
    import psycopg

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
Row = dict[str, Any]


class QueryTrouble(Exception):
    """A query brought no rows; the message is a sentence.

    sqlstate: empty when the server did not say one. silent: no answer came at all.
    """

    def __init__(self, sentence: str, sqlstate: str = "", message: str = "", silent: bool = False) -> None:
        super().__init__(sentence)
        self.sqlstate, self.message, self.silent = sqlstate, message, silent


class Answer(Struct, frozen=True):
    """The rows of one query. asked_at: our clock when it was sent; seconds: the round trip."""

    rows: list[Row]
    asked_at: float
    seconds: float


@dataclass(order=True)
class Job:
    """One query in the queue: vital ones first, otherwise as they came."""

    rank: int
    number: int
    sql: str = field(compare=False)
    params: tuple[object, ...] | None = field(compare=False, default=None)
    begun: threading.Event = field(compare=False, default_factory=threading.Event)
    done: threading.Event = field(compare=False, default_factory=threading.Event)
    answer: Answer | None = field(compare=False, default=None)
    trouble: QueryTrouble | None = field(compare=False, default=None)

    def settle(self, answer: Answer | None = None, trouble: QueryTrouble | None = None) -> None:
        self.answer, self.trouble = answer, trouble
        self.begun.set()
        self.done.set()


class Session:
    """The open connection. Only its own thread touches it, so that a hang there never holds up whoever asks."""

    def __init__(
        self, connection: "psycopg.Connection[Row]", errors: tuple[type[Exception], ...], began: float, schema: str = ""
    ) -> None:
        self.user = connection.info.user
        self.dbname = connection.info.dbname
        self.version = connection.info.server_version  # 180006
        self._connection = connection
        self._errors: tuple[type[Exception], ...] = (*errors, UnicodeError)
        self._guards = GUARDS + (f"SET LOCAL search_path TO {quoted(schema)}; " if schema else "")
        self._ends = began + BUDGET_SECONDS
        self._lost = ""
        self._silent = False
        self._numbers = itertools.count()
        self._jobs: queue.PriorityQueue[Job] = queue.PriorityQueue()
        threading.Thread(target=self._work, name="database session", daemon=True).start()

    def rows(
        self, sql: str, params: tuple[object, ...] | None = None, *, vital: bool = False, grant: str = ""
    ) -> list[Row]:
        """A query's rows.

        params: for its %s places; without them a % needs no doubling.
        grant: what the account lacks when the server answers "permission denied": "pg_monitor".
        Raises CouldNotCheck with the reason when there are none.
        """
        try:
            return self.ask(sql, params, vital=vital).rows
        except QueryTrouble as trouble:
            if trouble.sqlstate == "42501" and grant:
                raise CouldNotCheck(lacks(self.user, grant)) from None
            raise CouldNotCheck(str(trouble)) from None

    def ask(self, sql: str, params: tuple[object, ...] | None = None, *, vital: bool = False) -> Answer:
        """As rows(), with the time it took; raises QueryTrouble, for probes to which an SQLSTATE is an answer."""
        if self._lost:
            raise QueryTrouble(self._lost, silent=self._silent)
        job = Job(0 if vital else 1, next(self._numbers), sql, params)
        self._jobs.put(job)
        if not job.begun.wait(max(0.0, self._ends - time.monotonic())):
            raise QueryTrouble(f"the {BUDGET_SECONDS:g} s for all queries were over before this one was asked")
        if not job.done.wait(SILENCE_SECONDS):
            self._silent = True  # also for those that wait in the queue: to them the server says as little
            self._lose("the database stopped answering in the middle of a query (see test_database_answers_in_time)")
            raise QueryTrouble(self._lost, silent=True)
        if job.answer is None:
            raise job.trouble or QueryTrouble("the query brought no answer")
        return job.answer

    def close(self) -> None:
        """Close the connection after the query that runs, if any."""
        self._jobs.put(Job(-1, 0, ""))

    def _lose(self, reason: str) -> None:
        """Nothing more can come: whoever waits in the queue is told at once."""
        self._lost = self._lost or reason
        with contextlib.suppress(queue.Empty):
            while True:
                self._jobs.get_nowait().settle(trouble=QueryTrouble(self._lost, silent=self._silent))

    def _work(self) -> None:
        while (job := self._jobs.get()).rank >= 0:
            if self._lost:
                job.settle(trouble=QueryTrouble(self._lost, silent=self._silent))
            elif time.monotonic() < self._ends:
                self._put(job)
        with contextlib.suppress(*self._errors):
            self._connection.close()

    def _put(self, job: Job) -> None:
        job.begun.set()
        asked_at, began = time.time(), time.perf_counter()
        try:
            rows = self._execute(job)
        except self._errors as error:
            trouble = self._trouble(error, time.perf_counter() - began)
            job.settle(trouble=trouble)
        else:
            job.settle(Answer(rows, asked_at, time.perf_counter() - began))

    def _execute(self, job: Job) -> list[Row]:
        rows: list[Row] = []
        with self._connection.cursor() as cursor:
            marked = job.sql.replace("SELECT ", f"SELECT {OURS} ", 1)
            cursor.execute(f"{self._guards}{marked}; COMMIT".encode(), job.params)
            while True:
                if cursor.description is not None:
                    rows = cursor.fetchall()
                if not cursor.nextset():
                    return rows

    def _trouble(self, error: Exception, seconds: float) -> QueryTrouble:
        """An exception of the client library as a sentence; the one place where this is decided."""
        sqlstate = getattr(error, "sqlstate", None) or ""
        message = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
        message = message.partition("\n")[0][:160]
        if self._connection.closed or sqlstate in LOST:
            self._lose(f"the connection was lost in the middle of a query: {message}")
            return QueryTrouble(self._lost, sqlstate, message)
        with contextlib.suppress(*self._errors):
            self._connection.rollback()
        if sqlstate == "57014":
            return QueryTrouble(f"the query was stopped after {seconds:.1f} s (statement timeout)", sqlstate, message)
        if sqlstate == "55P03":
            return QueryTrouble("what the query reads is locked: no access within 200 ms", sqlstate, message)
        if sqlstate == "42501":
            return QueryTrouble(f"the role {self.user} lacks a privilege: {message}", sqlstate, message)
        words = f"SQLSTATE {sqlstate}: {message}" if sqlstate else message
        return QueryTrouble(f"the query failed: {words}", sqlstate, message)


def quoted(name: str) -> str:
    """A name as SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def lacks(user: str, grant: str) -> str:
    """The sentence for a missing privilege; grant: "pg_monitor", "SELECT (id) ON users"."""
    return f"the role {user} lacks a privilege: GRANT {grant} TO {user}"
