"""Attack A13 for PostgreSQL: a real server's answers, changed on their way by somebody in the middle."""

import contextlib
import random
import select
import socket
import struct
import threading

import pytest

from oncall.facts import Fact
from oncall.finding import CouldNotCheck
from oncall.target.schema import Auth, Postgres, Stack
from tests.probes.asking import door
from tests.probes.postgres_server import postgres
from tests.probes.test_postgres import NEEDS_A_SESSION, PRISMA

LOOKS = ("database_connection", "database_login", "database_role", "connection_slots", *NEEDS_A_SESSION)
PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}
SEEDS = range(150)
CELLS = (
    *(None, b"", b"t", b"-1", b"0", b"9" * 19, b"9" * 40, b"-" + b"9" * 300, b"1e308", b"NaN", b"-Infinity", b"0x10"),
    *(b"294276-12-31", b"9224318015999", b"-1e11", b"\xff\xfe\x00\x80", b"word", "\u202eword".encode(), b"{1,2}"),
    *(b"[" * 100_000, b"[1, null]", b'["a"]', b'{"a": 1}', b"x" * 100_000, b"\xed\xa0\x80", b"1" + b"0" * 5000, b"1_0"),
    *(b" 5", b"5 ", "٥".encode(), b"+5", b"5.5", b"select 'secret' ", b"$x$ cut", b"primary\nstandby"),
)


def frames(data):
    """The whole messages at the beginning of a stream, and the rest."""
    found = []
    while len(data) >= 5 and len(data) > (length := struct.unpack("!i", data[1:5])[0]):
        found.append((data[:1], data[5 : 1 + length]))
        data = data[1 + length :]
    return found, data


def framed(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class Changer:
    """Changes about one message of a kind in five."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.changed = 0

    def __call__(self, kind, body):
        change = {b"D": self.row, b"T": self.columns, b"E": self.error, b"S": self.setting, b"C": self.tag}.get(kind)
        if change is None or self.chance.random() > 0.2:
            return framed(kind, body)
        self.changed += 1
        return change(body)

    def row(self, body):
        cells, at = [], 2
        for _ in range(struct.unpack("!h", body[:2])[0]):
            length = struct.unpack("!i", body[at : at + 4])[0]
            cells.append(None if length < 0 else body[at + 4 : at + 4 + length])
            at += 4 + max(0, length)
        how = self.chance.choice(("cell", "cell", "cell", "cell", "all", "swap", "none", "twice", "more", "less"))
        if how == "cell" and cells:
            cells[self.chance.randrange(len(cells))] = self.chance.choice(CELLS)
        elif how == "all":
            cells = [self.chance.choice(CELLS) for _ in cells]
        elif how == "swap":
            self.chance.shuffle(cells)
        elif how == "none":
            return b""
        elif how == "more":
            cells.append(b"1")
        elif how == "less":
            cells = cells[:-1]
        parts = (struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell for cell in cells)
        return framed(b"D", struct.pack("!h", len(cells)) + b"".join(parts)) * (50 if how == "twice" else 1)

    def columns(self, body):
        how = self.chance.choice(("name", "none", "same"))
        if how == "none":
            return framed(b"T", b"\0\0")
        name = body[2:].partition(b"\0")[0]
        return framed(b"T", body.replace(name + b"\0", (b"\xff" if how == "name" else b"x") + b"\0", 1))

    def error(self, body):
        return framed(
            b"E", self.chance.choice((b"\0", b"SERROR\0\0", b"C\xff\xff\xff\0M\xff\0\0", b"S\0C\0M\0\0", b"C57P01\0\0"))
        )

    def setting(self, body):
        return framed(
            b"S", body.partition(b"\0")[0] + b"\0" + self.chance.choice((b"", b"rubbish", b"\xff", b"9" * 30)) + b"\0"
        )

    def tag(self, body):
        return self.chance.choice(
            (b"", framed(b"C", b"\xff\0"), framed(b"C", body) * 3, framed(b"N", b"SX\0Mhello\0\0"))
        )


@contextlib.contextmanager
def between(port):
    """A way to the server on which answers are changed; yields its port, and what takes the change."""
    state = {}

    def pump(client):
        with client, socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(OSError):
            client.sendall(b"N") if struct.unpack("!i", client.recv(8)[4:8])[0] == 80877103 else None
            rest = b""
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    if one is client:
                        server.sendall(data)
                        continue
                    found, rest = frames(rest + data)
                    client.sendall(b"".join(state["change"](*frame) for frame in found))

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=pump, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], lambda change: state.update(change=change)


@pytest.fixture(scope="module")
def middle():
    with postgres() as server:
        server.run(
            "CREATE TABLE users (id serial PRIMARY KEY, mail text)",
            "INSERT INTO users (mail) VALUES ('a@example.org')",
            "CREATE TABLE tasks (id serial PRIMARY KEY, owner int REFERENCES users)",
            PRISMA,
            "INSERT INTO _prisma_migrations VALUES ('1', 'x', now(), '01'), ('2', 'x', NULL, '02')",
            "GRANT SELECT ON users, _prisma_migrations TO oncall",
            *["SELECT count(*) FROM users"] * 6,
        )
        with between(server.port) as way:
            yield way


@pytest.mark.parametrize("seed", SEEDS)
def test_changed_answers_are_facts_or_unknown(middle, seed):
    """A probe never crashes on what a server says, and never answers with something else than its fact."""
    port, take = middle
    change = Changer(seed)
    take(change)
    stack = Stack(postgres=Postgres(host="127.0.0.1", port=port), auth=Auth())
    with door(stack, PASSWORD) as answer:
        outcomes = [outcome(answer, name) for name in LOOKS]

    assert change.changed
    assert all(isinstance(one, Fact) or (one and "\n" not in one) for one in outcomes)


def outcome(answer, name):
    """The fact, or the reason for which there is none; whatever else is raised is a bug."""
    try:
        return answer(name)
    except CouldNotCheck as error:
        return str(error)


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_changed_answers_are_no_bug_in_the_suite(middle, database, seed):
    """Nor does a check or a report crash on what became a fact."""
    port, take = middle
    take(Changer(seed))
    run = database(port, auth=True, password="pw-oncall-1").outcome

    assert run.code == 1
    assert not run.checks("error"), run.screen
    assert "INTERNALERROR" not in run.screen


def test_unchanged_answers_are_all_facts(middle):
    """What this file proves is not that everything is unknown."""
    port, take = middle
    take(lambda kind, body: framed(kind, body))
    with door(Stack(postgres=Postgres(host="127.0.0.1", port=port), auth=Auth()), PASSWORD) as answer:
        assert all(isinstance(answer(name), Fact) for name in LOOKS)
