"""What browsers alone enforce: content policies, mixed content, origins, and how long they keep a page."""

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.http import Exchange, Value, told

HOUR = 3600


class Blocked(Struct, frozen=True, kw_only=True):
    """Something that the page's own Content-Security-Policy forbids. kind: script, stylesheet, "request"."""

    kind: str
    url: str
    directive: str


class PageRules(Fact, frozen=True, kw_only=True):
    """What a browser would refuse of a page that came whole.

    blocked: by its own Content-Security-Policy. insecure: http:// addresses that an https page names.
    unreachable: origins that its scripts call, and that are none of this stack's: "http://localhost:9999".
    at: the host:port that served it.
    """

    page: str
    at: str
    blocked: tuple[Blocked, ...] = ()
    insecure: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.page else "no page was read"

    @property
    def blocked_symptom(self) -> str:
        first, more = self.blocked[0], len(self.blocked) - 1
        return f"Content-Security-Policy blocks the page's own {first.kind} {first.url[-60:]}" + _more(more)

    @property
    def blocked_evidence(self) -> dict[str, Value]:
        return told(page=self.page) | {one.url[:100]: one.directive[:150] for one in self.blocked[:5]}

    @property
    def insecure_symptom(self) -> str:
        return f"https page loads {self.insecure[0][:80]} without TLS" + _more(len(self.insecure) - 1)

    @property
    def unreachable_symptom(self) -> str:
        where = self.unreachable[0]
        return f"page calls {where}, which users cannot reach or no part has" + _more(len(self.unreachable) - 1)


class PageKeeping(Fact, frozen=True, kw_only=True):
    """How long browsers keep the page.

    max_age: seconds, of a page that names files by the hash of their content; 0: it is asked for anew.
    """

    page: str
    at: str
    cache_control: str = ""
    max_age: int = 0

    def inconclusive_reason(self) -> str | None:
        return None if self.page else "no page was read"

    @property
    def kept_too_long(self) -> bool:
        return self.max_age > HOUR


class MissingScript(Fact, frozen=True, kw_only=True):
    """How a script is answered that was never there, beside those of the page. as_page: with an HTML page and 2xx."""

    exchange: Exchange
    as_page: bool = False

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()


class OriginUse(Fact, frozen=True, kw_only=True):
    """How requests are answered that carry the page's Origin header, as browsers send it.

    refused: what is refused with it and not without it, as words; empty: nothing.
    exchange: the answer that says so, else the last one.
    """

    origin: str
    exchange: Exchange
    refused: str = ""

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def evidence(self) -> dict[str, Value]:
        return self.exchange.evidence | told(origin=self.origin)


class Preflight(Fact, frozen=True, kw_only=True):
    """How the API answers the question that browsers ask before a page of another origin may send its token.

    problem: what is wrong with the answer, as words after "preflight"; empty: the page may.
    """

    origin: str
    exchange: Exchange
    problem: str = ""

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def evidence(self) -> dict[str, Value]:
        return self.exchange.evidence | told(origin=self.origin)


def _more(count: int) -> str:
    return f", {count} more" if count > 0 else ""
