"""Servers that speak PostgreSQL's protocol and mean no good, on loopback; each keeps what it was sent."""

import base64
import contextlib
import socket
import struct
import threading
import time

SSL, GSS = 80877103, 80877104
CHUNK = 1 << 16
DRIP_SECONDS = 0.05


def message(kind, body=b"", length=None):
    """A message of the protocol; length: what it claims to hold, when that is a lie."""
    return kind + struct.pack("!i", (len(body) if length is None else length) + 4) + body


def asks(code, more=b""):
    return message(b"R", struct.pack("!i", code) + more)


def fields(**named):
    """A notice or an error: S, C, M and so on."""
    return b"".join(name.encode() + value + b"\0" for name, value in named.items()) + b"\0"


def columns(*names):
    return message(
        b"T",
        struct.pack("!h", len(names))
        + b"".join(n + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for n in names),
    )


def row(*values):
    cells = (struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values)
    return message(b"D", struct.pack("!h", len(values)) + b"".join(cells))


def done(tag=b"SELECT 1"):
    return message(b"C", tag + b"\0")


READY = message(b"Z", b"I")
WELCOME = asks(0) + message(b"S", b"server_version\x0018.0\0") + message(b"K", b"12345678") + READY
BEGUN = done(b"BEGIN") + done(b"SET") * 3


class Talk:
    """One client's connection: what it said, and a way to answer."""

    def __init__(self, connection, heard):
        self.connection, self.heard = connection, heard

    def hear(self):
        data = self.connection.recv(CHUNK)
        if not data:
            raise ConnectionError
        self.heard.append(data)
        return data

    def say(self, *messages):
        self.connection.sendall(b"".join(messages))

    def flood(self, unit):
        """The same for ever, as fast as it goes; a function is asked for each block."""
        block = None if callable(unit) else unit * max(1, CHUNK * 4 // len(unit))
        while True:
            self.connection.sendall(unit() if block is None else block)

    def drip(self, data):
        for number in range(len(data)):
            self.connection.sendall(data[number : number + 1])
            time.sleep(DRIP_SECONDS)

    def let_in(self):
        self.say(WELCOME)
        self.hear()

    def answer(self, *messages):
        """What a query brings, before it is over."""
        self.say(BEGUN, *messages)


def counted(template):
    """Blocks of messages that differ from each other."""
    number = iter(range(10**12))
    return lambda: b"".join(template(next(number)) for _ in range(2000))


# Before the client is let in


def clear_text(talk):
    talk.say(asks(3))
    talk.hear()
    talk.say(WELCOME)
    talk.hear()


def md5(talk):
    talk.say(asks(5, b"salt"))
    talk.hear()


def gss(talk):
    talk.say(asks(7))
    talk.hear()


def rounds(talk):
    """A proof by SCRAM that takes an hour to make."""
    talk.say(asks(10, b"SCRAM-SHA-256\0\0"))
    nonce = talk.hear().split(b"r=")[1]
    talk.say(asks(11, b"r=" + nonce + b"x,s=" + base64.b64encode(b"0123456789abcdef") + b",i=2000000000"))
    talk.hear()


def endless_settings_before(talk):
    talk.say(asks(0))
    talk.flood(counted(lambda n: message(b"S", b"a%d\0" % n + b"x" * 200 + b"\0")))


def endless_small_settings_before(talk):
    """libpq looks through all of them for each new one."""
    block = b"".join(message(b"S", b"%x\0\0" % n) for n in range(300_000))
    talk.say(asks(0))
    talk.flood(block)


def endless_notices_before(talk):
    talk.say(asks(0))
    talk.flood(message(b"N", fields(S=b"NOTICE", C=b"00000", M=b"n" * 5000)))


def giant_notice_before(talk):
    talk.say(asks(0), message(b"N", length=1 << 30))
    talk.flood(b"x" * CHUNK)


def drip_before(talk):
    talk.drip(asks(0) + message(b"S", b"a\0" + b"b" * 1000 + b"\0"))


# In answer to a query


def endless_rows(talk):
    talk.let_in()
    talk.answer(columns(b"one"))
    talk.flood(row(b"1"))


def endless_empty_rows(talk):
    talk.let_in()
    talk.answer(columns())
    talk.flood(row())


def giant_row(talk):
    talk.let_in()
    talk.answer(columns(b"one"), message(b"D", struct.pack("!hi", 1, (1 << 30) - 10), length=1 << 30))
    talk.flood(b"x" * CHUNK)


def claimed_row(talk):
    """A length that is only claimed."""
    talk.let_in()
    talk.answer(columns(b"one"), message(b"D", b"\0\1", length=(1 << 30) + 7))
    talk.hear()


def giant_error(talk):
    talk.let_in()
    talk.answer(message(b"E", b"SERROR\0C42P01\0M", length=(1 << 31) - 9))
    talk.flood(b"x" * CHUNK)


def endless_notices(talk):
    talk.let_in()
    talk.answer()
    talk.flood(message(b"N", fields(S=b"NOTICE", C=b"00000", M=b"n" * 100)))


def endless_settings(talk):
    block = b"".join(message(b"S", b"%x\0\0" % n) for n in range(300_000))
    talk.let_in()
    talk.answer()
    talk.flood(block)


def endless_notifications(talk):
    talk.let_in()
    talk.answer()
    talk.flood(message(b"A", struct.pack("!i", 1) + b"a\0\0"))


def endless_results(talk):
    talk.let_in()
    talk.flood(done(b""))


def endless_copy(talk):
    talk.let_in()
    talk.answer(message(b"H", b"\0\0\0"))
    talk.flood(message(b"d", b"x" * 1000))


def many_columns(talk):
    talk.let_in()
    talk.answer(columns(*[b"c"] * 20000))
    talk.flood(row(*[None] * 20000))


def drip(talk):
    talk.let_in()
    talk.drip(BEGUN + columns(b"one") + row(b"x" * 10000))


def silence(talk):
    talk.let_in()
    talk.hear()


def rubbish(talk):
    """Bytes that mean nothing, in frames that are right."""
    talk.let_in()
    while True:
        talk.say(message(b"D", b"\xff" * 50), message(b"T", b"\xff" * 9), READY)
        talk.hear()


BEFORE = (
    *(
        clear_text,
        md5,
        gss,
        rounds,
        endless_settings_before,
        endless_small_settings_before,
        endless_notices_before,
        giant_notice_before,
        drip_before,
    ),
)
DURING = (
    *(endless_rows, endless_empty_rows, giant_row, claimed_row, giant_error, endless_notices, endless_settings),
    *(endless_notifications, endless_results, endless_copy, many_columns, drip, silence, rubbish),
)


@contextlib.contextmanager
def hostile(talking):
    """A server that treats each client so; yields its port and the list of all that it was sent."""
    heard = []

    def serve(connection):
        with connection, contextlib.suppress(OSError, IndexError):
            talk = Talk(connection, heard)
            while struct.unpack("!i", talk.hear()[4:8])[0] in (SSL, GSS):
                talk.say(b"N")
            talking(talk)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], heard
