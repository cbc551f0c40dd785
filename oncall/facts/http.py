"""One HTTP request as evidence: how it ended, how long each part took, and the words for it at 3 am.

Outcomes, from near to far:
    unresolved    the name has no address
    unreachable   no way to that host
    refused       nothing listens there
    tls           no TLS session: an expired certificate, another name, not TLS at all
    timeout       too slow; `waiting_for` says for what
    reset         the connection was closed before an answer
    garbled       something answers, but not with HTTP
    cut           the answer broke off in the middle
    undecodable   a whole answer, whose body is not what its content-encoding says
    answered      a whole HTTP answer, of any status
"""

from msgspec import Struct

from oncall.finding import Layer, Manner

NEVER_ARRIVED = ("unresolved", "refused", "unreachable", "tls")
Value = str | int | float


def told(**evidence: Value | None) -> dict[str, Value]:
    """Evidence with readable names, without what there is nothing to say of."""
    return {name.replace("_", " "): value for name, value in evidence.items() if value not in (None, "")}


def size(count: int) -> str:
    """A number of bytes as people say it."""
    return f"{count >> 20} MiB" if count >= 1 << 20 and count % (1 << 20) == 0 else f"{count} bytes"


class Phases(Struct, frozen=True, kw_only=True):
    """Where the seconds of a request went; a part that was not reached took none."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    transfer: float = 0.0

    @property
    def slowest(self) -> str:
        """The part that took most, in words."""
        parts = {
            "name resolution": self.dns,
            "connecting": self.connect,
            "TLS": self.tls,
            "first byte": self.first_byte,
            "transfer": self.transfer,
        }
        return max(parts, key=parts.__getitem__)


class Exchange(Struct, frozen=True, kw_only=True):
    """How one request went. `at` is where it was sent (host:port), `status` is 0 when none came.

    length: bytes of the body that came, unpacked. declared_length: what Content-Length promised, packed; 0: nothing.
    read_limit: where we stopped reading, in bytes, of a body that goes on; 0: it was read to its end.
    location: where a redirect leads, without a query. circle: the paths that its redirects go round, if they do.
    dead_end: what is wrong where they end, on the same host, as words after "which"; empty: nothing, or not asked.
    """

    address: str = ""
    at: str = ""
    outcome: str = ""
    detail: str = ""
    status: int = 0
    seconds: float = 0.0
    allowed_seconds: float = 0.0
    waiting_for: str = ""
    phases: Phases = Phases()
    content_type: str = ""
    length: int = 0
    declared_length: int = 0
    read_limit: int = 0
    packed: bool = False
    location: str = ""
    circle: tuple[str, ...] = ()
    dead_end: str = ""

    @property
    def answered(self) -> bool:
        return self.outcome == "answered"

    @property
    def layer(self) -> Layer:
        """How far the request got."""
        if self.outcome in NEVER_ARRIVED or (self.outcome == "timeout" and self.waiting_for in ("name", "connection")):
            return "reachable"
        return "correct" if self.outcome in ("answered", "undecodable") else "answers"

    @property
    def manner(self) -> Manner | None:
        """What the other side did, where it did not answer well; None: not one of those."""
        if self.outcome == "timeout":
            return "late" if self.waiting_for == "rest" else "silent"
        if self.outcome == "refused":
            return "refused"
        if self.outcome in ("tls", "garbled", "undecodable"):
            return "wrong answer"
        if self.outcome in ("reset", "cut") or self.status >= 500:
            return "error answer"
        return None

    @property
    def endless(self) -> str | None:
        """Why the body was not read to its end, as words that follow a name; None: it was, or it is merely large."""
        if not self.read_limit or (self.declared_length > self.read_limit and not self.packed):
            return None
        bound = size(self.read_limit)
        if self.packed:
            return f"sends a compressed body that unpacks to more than {bound}: cut there"
        return f"sends a body that does not end: cut at {bound}"

    @property
    def answer(self) -> str:
        """The status as words that follow a name, with where a redirect leads."""
        if self.circle:
            return f"redirects in a circle ({self.status}): {' -> '.join(self.circle)}"
        to = f" to {self.location}" if self.location else ""
        return f"answers {self.status}{to}" + (f", which {self.dead_end}" if self.dead_end else "")

    @property
    def _arrived(self) -> str:
        """How much of the body came, as words that end a sentence; empty where none did."""
        if self.declared_length > self.length:
            return f": {self.length} of {self.declared_length} bytes came"
        return f": {size(self.length)} came" if self.length else ""

    @property
    def blames(self) -> str | None:
        """A name without an address and an address without a way to it accuse the network."""
        return "network" if self.outcome in ("unresolved", "unreachable") else None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def problem(self) -> str | None:
        """What went wrong on the way, as words that follow a name: "backend refuses connections on ..."."""
        within = f"within {self.allowed_seconds:.3g} s"
        if self.outcome == "timeout":
            return {
                "name": f"has a host name that does not resolve {within}",
                "connection": f"does not accept a connection on {self.at} {within}",
                "tls": f"accepted the connection but did not finish TLS {within}",
                "rest": f"began to answer but did not finish {within}{self._arrived}",
            }.get(self.waiting_for, f"accepted the connection but did not answer {within}")
        return {
            "answered": None,
            "unresolved": f"has a host name that does not resolve: {self.at}",
            "refused": f"refuses connections on {self.at}",
            "unreachable": f"cannot be reached on {self.at}: {self.detail}",
            "tls": f"fails TLS on {self.at}: {self.detail}",
            "reset": f"closed the connection on {self.at} without an answer",
            "cut": f"broke off in the middle of its answer{self._arrived}",
            "undecodable": f"marks its answer as {self.detail}, which it is not: no browser can read it",
            "garbled": f"answers on {self.at}, but not with HTTP",
        }.get(self.outcome, f"gave no answer ({self.outcome})")

    @property
    def evidence(self) -> dict[str, Value]:
        return told(
            address=self.address,
            status=self.status or None,
            seconds=round(self.seconds, 3),
            mostly=self.phases.slowest if self.answered else None,
            content_type=self.content_type,
            detail=self.detail,
            location=self.location,
        )

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome and self.at else "nothing was asked: the record of this request is empty"
