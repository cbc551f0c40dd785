"""A PostgreSQL connection through libpq whose every byte is counted before libpq sees it.

libpq keeps whatever a server sends until its answer is complete: endless rows, notices or settings would fill the
memory. So its socket is taken from below it: the descriptor that libpq holds becomes one end of a socket pair, and
the bytes are carried between that pair and the server by whoever waits for an answer, up to a bound and a time.
TLS passes through unseen.

This is the one place that knows psycopg. It works through `psycopg.generators`, which releases the interpreter while
libpq is at work: a server may ask for any number of rounds of the password's hash, and set any number of settings.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from oncall.probing.libraries import IMPORTING

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

MOST_BYTES = 8 << 20  # of one connection: a healthy stack's answers to all our queries are below a tenth of that
MOST_BYTES_BEFORE = 128 << 10  # before it is ready for a query: most of it are certificates
MOST_ROUNDS = 1_000_000  # of the password's hash in a proof by SCRAM, about a second of work; usual are 4096
MOST_ROWS = 20_000  # of one answer
MOST_COLUMNS = 100
MOST_RESULTS = 20  # of one query: each statement of it brings one
CHUNK = 1 << 16
SLICE_SECONDS = 0.05

Cells = tuple[bytes | None, ...]


class Late(Exception):
    """Nothing, or not all of it, came in time."""


class Flood(Exception):
    """More came than any answer to our queries can hold."""


class Unconnected(Exception):
    """There is no connection, in libpq's or the server's words. received: bytes that the server had sent by then.

    number: the errno with which the kernel refused, where it was asked; else 0.
    """

    def __init__(self, text: str, received: int = 0, number: int = 0) -> None:
        super().__init__(text)
        self.text, self.received, self.number = text, received, number


class Lost(Exception):
    """The connection broke in the middle of a query."""


class Refused(Exception):
    """The server answered a query with an error: its SQLSTATE and its message, one line, not yet masked."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate, self.message = sqlstate, message


class Table(Struct, frozen=True):
    """The rows of one answer as the server wrote them: text, or None for NULL."""

    names: tuple[str, ...] = ()
    rows: tuple[Cells, ...] = ()


class Patience:
    """Seconds that may be spent on waiting for the server.

    Only waiting uses them up, in slices, so that a thread of ours which gets no processor is not taken for a silent
    server; twice as much is the end in any case.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self._ends = time.monotonic() + 2 * seconds

    def wait(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Wait for one of the descriptors, a slice at most; raises Late when there is no patience left."""
        if self.left <= 0 or time.monotonic() > self._ends:
            raise Late
        poll = select.poll()
        for descriptor, events in wanted:
            poll.register(descriptor, events)
        length, began = min(self.left, SLICE_SECONDS), time.monotonic()
        poll.poll(length * 1000)
        self.left -= min(length, time.monotonic() - began)


class Carrier:
    """Stands between libpq and the server, and counts. One thread at a time; shut() may come from any."""

    def __init__(self) -> None:
        self.received = 0
        self.most = MOST_BYTES_BEFORE
        self._outer: socket.socket | None = None  # the server
        self._ours: socket.socket | None = None  # of the pair; libpq has the other end
        self._theirs: tuple[int, int] | None = None
        self._down: bytes = b""  # on its way to libpq
        self._up: bytes = b""  # on its way to the server
        self._before: bytes = b""  # the end of what came before it was ready for a query

    def adopt(self, descriptor: int, patience: Patience, *, connecting: bool) -> None:
        """Take over libpq's socket, unless that is done: it opens a new one when it tries again without TLS.

        connecting: whether the kernel is still at work on it. Raises Unconnected with its errno when that fails.
        """
        if self._theirs == _identity(descriptor):
            return
        self.close()
        self._outer = socket.socket(fileno=os.dup(descriptor))
        self._outer.setblocking(False)
        if connecting:
            poll = select.poll()
            poll.register(self._outer, select.POLLOUT)
            while not poll.poll(0):
                patience.wait([(self._outer.fileno(), select.POLLOUT)])
            if number := self._outer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise Unconnected(os.strerror(number), number=number)
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._ours.setblocking(False)
            theirs.setblocking(False)
            os.dup2(theirs.fileno(), descriptor, inheritable=False)
        self._theirs = _identity(descriptor)

    @property
    def adopted(self) -> bool:
        return self._theirs is not None

    def carry(self, patience: Patience) -> None:
        """Carry bytes both ways until libpq has something new to read. Raises Late and Flood."""
        while not self._carried():
            assert self._outer is not None and self._ours is not None  # noqa: S101 PT018  after adopt()
            outer = select.POLLIN | (select.POLLOUT if self._up else 0)
            patience.wait([(self._outer.fileno(), outer), (self._ours.fileno(), select.POLLIN)])

    def _carried(self) -> bool:
        """Move what can be moved now; whether libpq has got something, be it the end."""
        if self._outer is None or self._ours is None:
            return True
        with contextlib.suppress(BlockingIOError):
            self._up += self._ours.recv(CHUNK)
        try:
            while self._up:
                self._up = self._up[self._outer.send(self._up) :]
        except BlockingIOError:
            pass
        except OSError:  # the server is gone: what it said before that can still be read
            self._up = b""
        if not self._down:
            try:
                self._down = self._outer.recv(CHUNK)
            except BlockingIOError:
                return False
            except OSError:
                self._down = b""
            if not self._down:
                with contextlib.suppress(OSError):
                    self._ours.shutdown(socket.SHUT_WR)
                return True
            self.received += len(self._down)
            if self.received > self.most:
                raise Flood
            if self.most == MOST_BYTES_BEFORE:
                self._hold_rounds(self._down)
        with contextlib.suppress(BlockingIOError):
            self._down = self._down[self._ours.send(self._down) :]
        return True

    def _hold_rounds(self, data: bytes) -> None:
        """Refuse a proof that takes long to make: libpq knows no bound, and cannot be interrupted."""
        self._before = (self._before + data)[-1000:]
        rounds = self._before.rpartition(b",i=")[2][:10]
        if len(rounds) >= len(str(MOST_ROUNDS)) and rounds.isdigit() and int(rounds) > MOST_ROUNDS:
            raise Unconnected(f"received invalid proof: it asks for {int(rounds)} rounds", self.received)

    def shut(self) -> None:
        """Whoever waits for the server learns that it is over."""
        outer = self._outer
        if outer is not None:
            with contextlib.suppress(OSError):
                outer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close both sides after the last words of libpq, if any."""
        if self._ours is not None:
            with contextlib.suppress(OSError, Flood):
                self._carried()
        for one in (self._ours, self._outer):
            if one is not None:
                one.close()
        self._ours = self._outer = self._theirs = None
        self._down = self._up = b""


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def library() -> ModuleType:
    """psycopg, imported: before any clock begins that is to measure the server."""
    with IMPORTING:
        import psycopg

    return psycopg


def connect(parameters: Mapping[str, str], patience: Patience) -> "DeadlineNetwork":
    """A connection to one address (libpq's `hostaddr`, or the folder of a socket).

    Raises Unconnected, Late, Flood.
    """
    psycopg = library()
    wait, ready = psycopg.waiting.Wait, psycopg.waiting.Ready
    with contextlib.ExitStack() as opened:
        carrier = Carrier()
        opened.callback(carrier.close)
        try:
            steps = psycopg.generators.connect(psycopg.conninfo.make_conninfo("", **parameters))
            opened.callback(steps.close)
            descriptor, wanted = next(steps)
            while True:
                carrier.adopt(descriptor, patience, connecting=wanted == wait.W)
                if wanted == wait.R:
                    carrier.carry(patience)
                descriptor, wanted = steps.send(ready(wanted))
        except StopIteration as done:
            carrier.most = carrier.received + MOST_BYTES
            opened.pop_all()
            return DeadlineNetwork(done.value, carrier, psycopg)
        except psycopg.Error as error:
            raise Unconnected(str(error), carrier.received) from None
        except Late:
            came = "the connection was accepted, then nothing came" if carrier.adopted else "no answer to the request"
            raise Late(came) from None
        except UnicodeError:
            raise Unconnected("invalid message: it is not UTF-8", carrier.received) from None


class DeadlineNetwork:
    """The open connection: one query at a time, by one thread."""

    def __init__(self, connection: "PGconn", carrier: Carrier, psycopg: Any) -> None:
        self._connection, self._carrier, self._psycopg, self._pq = connection, carrier, psycopg, psycopg.pq
        self.user = connection.user.decode("utf-8", "replace")
        self.dbname = connection.db.decode("utf-8", "replace")
        self.version = connection.server_version  # 180006

    def literal(self, value: object) -> str:
        """A value as SQL writes it."""
        if isinstance(value, int):
            return str(value)
        return bytes(self._pq.Escaping(self._connection).escape_literal(str(value).encode())).decode()

    def ask(self, sql: str, patience: Patience) -> Table:
        """The last table that the statements bring; an empty one when they bring none.

        Raises Refused when the server answers with an error, and Late, Flood or Lost when the connection is of no
        further use.
        """
        try:
            results = self._results(sql.encode("utf-8", "replace"), patience)
        except self._psycopg.Error as error:
            raise Lost(str(error)) from None
        table = Table()
        for result in results:
            if result.status == self._pq.ExecStatus.FATAL_ERROR:
                raise self._refusal(result)
            if result.status == self._pq.ExecStatus.TUPLES_OK:
                table = _table(result)
        return table

    def _results(self, sql: bytes, patience: Patience) -> "list[PGresult]":
        connection = self._connection
        results: list[PGresult] = []
        connection.send_query(sql)
        connection.flush()
        while (result := self._result(patience)) is not None:
            results.append(result)
            if len(results) > MOST_RESULTS:
                raise Flood
        return results

    def _result(self, patience: Patience) -> "PGresult | None":
        steps = self._psycopg.generators.fetch(self._connection)
        try:
            next(steps)
            while True:
                self._carrier.carry(patience)
                steps.send(self._psycopg.waiting.Ready.R)
                while self._connection.notifies():  # nobody listens: they would only fill the memory
                    pass
        except StopIteration as done:
            return cast("PGresult | None", done.value)
        finally:
            steps.close()

    def _refusal(self, result: "PGresult") -> Exception:
        field = self._pq.DiagnosticField
        sqlstate, said = (result.error_field(one) or b"" for one in (field.SQLSTATE, field.MESSAGE_PRIMARY))
        message = said[:4000].decode("utf-8", "replace").partition("\n")[0]
        if not sqlstate:  # libpq's own words: the server has not spoken
            return Lost(result.get_error_message()[:4000].partition("\n")[0])
        return Refused(sqlstate[:5].decode("ascii", "replace"), message)

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.transaction_status != self._pq.TransactionStatus.IDLE)

    @property
    def closed(self) -> bool:
        return bool(self._connection.status == self._pq.ConnStatus.BAD)

    def shut(self) -> None:
        """End the query that runs, from another thread."""
        self._carrier.shut()

    def close(self) -> None:
        """Say goodbye, and close."""
        self._connection.finish()
        self._carrier.close()


def _table(result: "PGresult") -> Table:
    if result.ntuples > MOST_ROWS or result.nfields > MOST_COLUMNS:
        raise Flood
    columns = range(result.nfields)
    return Table(
        tuple((result.fname(column) or b"").decode("utf-8", "replace") for column in columns),
        tuple(tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)),
    )
