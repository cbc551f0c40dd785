"""What is known about the WebSocket: how its handshake ended, whether it answers a ping, how long it stays open.

outcome       what happened to the handshake
open          101, and everything that belongs to it
status        an HTTP answer that is not 101
accept        101 with a wrong or missing Sec-WebSocket-Accept
upgrade       101 without the two upgrade headers
subprotocol   101, but none, or another one, of the offered subprotocols
negotiation   101 with an extension that was not offered
eof           closed without an answer
reset         reset before an answer, or in the middle of it
garbled       something answers, but not with HTTP
timeout, refused, unresolved, unreachable, tls      as in facts/http.py
"""

from oncall.facts import Fact
from oncall.facts.http import Exchange
from oncall.finding import CouldNotCheck, Layer, Manner

STATUS = {
    400: "400: bad request",
    401: "401: not authorized",
    403: "403: forbidden",
    404: "404: no such path",
    405: "405: this path takes no GET",
    407: "407: a proxy wants a login",
    426: "426: it saw no upgrade request",
    429: "429: too many connections or requests",
    500: "500: it crashed on the handshake",
    502: "502: nothing answers behind the proxy",
    503: "503: overloaded or shutting down",
    504: "504: what is behind the proxy is too slow",
}
CLOSE = {
    1000: "normal",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no reason given",
    1006: "without a close frame",
    1008: "policy",
    1009: "message too big",
    1011: "server error",
    1012: "service restart",
    1013: "try again later",
    1015: "TLS failure",
}


def close_words(code: int) -> str:
    """A close code with its meaning: "1008: policy"."""
    if code == 1006:
        return CLOSE[code]
    return f"{code}: {CLOSE[code]}" if code in CLOSE else str(code)


class Handshake(Fact, frozen=True, kw_only=True):
    """One handshake, and what came right after it.

    address: without the query, which may carry the token. status: of the HTTP answer, 0 when none came.
    html: the answer is a page. accept: "wrong" or "missing" when Sec-WebSocket-Accept was.
    close_code: of a socket that was closed right after the handshake; 1006 when no close frame came.
    first_answer: what came after the first message: "" (none awaited), "right", "other" or "none".
    blames: the component that the health body accused when it was asked just before.
    page_status: of the frontend's page, of a handshake that went through the frontend. another_site: that page is one
    that servers make of themselves, so whoever answers there is not ours. straight: what became of the one
    that went past the frontend, where no token was to be had and the two ought to be alike; else empty.
    """

    address: str
    at: str
    outcome: str
    detail: str = ""
    status: int = 0
    html: bool = False
    accept: str = ""
    location: str = ""
    seconds: float = 0.0
    allowed_seconds: float = 0.0
    waiting_for: str = ""
    with_token: bool = False
    with_origin: bool = False
    close_code: int | None = None
    close_reason: str = ""
    first_answer: str = ""
    blames: str | None = None
    page_status: int = 0
    another_site: bool = False
    straight: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome and self.at else "no handshake was tried"

    @property
    def succeeded(self) -> bool:
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """What went wrong, as words after "websocket"; None: it opened and stayed open."""
        if self.outcome == "open":
            if self.close_code is not None:
                return f"opens and is closed at once ({close_words(self.close_code)})"
            return {
                "none": "opens but does not answer the first message",
                "other": "opens but answers the first message with something else",
            }.get(self.first_answer)
        return self._refusal

    @property
    def beside(self) -> str:
        """What the direct one came to, of a handshake that went through the proxy."""
        if not self.straight:
            return "direct works, proxy does not"
        return f"without a token the direct {self.straight}; by proxy"

    @property
    def layer(self) -> Layer:
        """How far it got; the outcomes of its own are answers."""
        if self.outcome in ("open", "status", "accept", "upgrade", "subprotocol", "negotiation"):
            return "correct"
        return Exchange(outcome=self.outcome, waiting_for=self.waiting_for).layer

    @property
    def manner(self) -> Manner | None:
        if self.outcome == "open" and self.close_code is None and self.first_answer == "none":
            return "silent"
        status = self.status if self.outcome == "status" else 0
        return Exchange(outcome=self.outcome, waiting_for=self.waiting_for, status=status).manner

    @property
    def accuses(self) -> str | None:
        """Whom a failure of the direct handshake accuses: a token that is refused was issued by the login."""
        return "auth" if self.status == 401 and self.with_token else self.blames

    @property
    def root(self) -> str:
        """The fact that tells the story of a failure through the proxy nearer to its cause, if that one fails too: a
        proxy that answers its page in the same way, another site in its place, a replica that knows another secret."""
        if self.status and self.status == self.page_status:
            return "frontend_page"
        if self.another_site and (self.html or 300 <= self.status < 500):
            return "frontend_page"
        if self.status >= 500 or not self.status:
            return "public_api"  # the proxy reaches no backend, whatever it is asked for
        return "jwt_secret_copies" if self.status == 401 and self.with_token else ""

    @property
    def _refusal(self) -> str:
        if self.outcome == "status":
            if self.html and 200 <= self.status < 300:
                return f"handshake is answered {self.status} with an HTML page"
            if 300 <= self.status < 400:
                return f"handshake is redirected ({self.status}), which browsers do not follow"
            return f"handshake is answered {STATUS.get(self.status, str(self.status))}"
        words = {
            "accept": f"handshake is answered 101 with a {self.accept} Sec-WebSocket-Accept",
            "upgrade": "handshake is answered 101 without the upgrade headers",
            "subprotocol": "agrees to none of the offered subprotocols",
            "negotiation": "answers with an extension that was not offered",
            "eof": "handshake ends without an answer: the connection is closed",
            "reset": f"handshake is reset by {self.at}",
            "garbled": f"handshake on {self.at} is answered, but not with HTTP",
        }
        # The other outcomes are those of any request.
        plain = Exchange(
            at=self.at,
            outcome=self.outcome,
            detail=self.detail,
            allowed_seconds=self.allowed_seconds,
            waiting_for=self.waiting_for,
        )
        return words.get(self.outcome) or plain.problem or self.outcome

    @property
    def evidence(self) -> dict[str, str | int | float | bool]:
        values = {
            "address": self.address,
            "status": self.status or None,
            "seconds": round(self.seconds, 3),
            "token sent": self.with_token,
            "origin sent": self.with_origin,
            "redirected to": self.location or None,
            "close reason": self.close_reason or None,
            "detail": self.detail or None,
        }
        return {name: value for name, value in values.items() if value is not None}


class WebSocketPing(Fact, frozen=True, kw_only=True):
    """A ping on the open socket. kind: "frame" or "message". close_code: it was closed instead of answered."""

    kind: str
    answered: bool
    seconds: float
    close_code: int | None = None

    def inconclusive_reason(self) -> str | None:
        return None if self.kind and (self.answered or self.seconds > 0) else "no ping was sent"

    def problem(self, limit_seconds: float) -> str | None:
        """What is wrong, as words after "websocket"; None: answered in time."""
        if self.close_code is not None:
            return f"is closed when it is pinged ({close_words(self.close_code)})"
        if not self.answered:
            return f"does not answer a ping within {self.seconds:.1f} s"
        return f"answers a ping only after {self.seconds:.1f} s" if self.seconds > limit_seconds else None


class WebSocketHold(Fact, frozen=True, kw_only=True):
    """A socket held open and idle, as a browser tab would, through the proxy where there is one.

    close_code: how the other side ended it; None: it was still open when the time was over.
    heartbeats: messages of the server that were answered meanwhile.
    """

    address: str
    through_proxy: bool
    wanted_seconds: float
    held_seconds: float
    close_code: int | None = None
    close_reason: str = ""
    heartbeats: int = 0

    def inconclusive_reason(self) -> str | None:
        return None if self.address and self.wanted_seconds > 0 else "no socket was held open"

    @property
    def stayed_open(self) -> bool:
        if self.close_code is None and self.held_seconds < self.wanted_seconds:
            raise CouldNotCheck(f"the socket was watched for {self.held_seconds:.0f} s only")
        return self.close_code is None

    @property
    def problem(self) -> str:
        """How it ended, as words after "websocket"."""
        after = f"after {self.held_seconds:.0f} s idle"
        return f"is closed {after} ({close_words(self.close_code or 1006)})"


class StrangerSocket(Fact, frozen=True, kw_only=True):
    """How a socket with a made-up token was received.

    sent_in: where the token goes: "query", "message". let_in: it was answered as a user's, or stayed open. how: what
    happened to it, as words after "websocket".
    """

    address: str
    sent_in: str
    how: str
    let_in: bool = False

    def inconclusive_reason(self) -> str | None:
        return None if self.address and self.how else "no made-up token was sent"
