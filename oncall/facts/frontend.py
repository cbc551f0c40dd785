"""What the frontend serves: its page, what the page names, and the certificates in front of it all."""

from datetime import datetime

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.http import Exchange, Value, told
from oncall.finding import TIMED, CouldNotCheck, Layer, Manner

GATEWAY = {502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Timeout"}


class Named(Struct, frozen=True, kw_only=True):
    """Something that a page or a stylesheet names. kind: script, stylesheet, image, icon, font, manifest."""

    kind: str
    url: str


class Page(Fact, frozen=True, kw_only=True):
    """The frontend's page as a browser gets it, before any script runs.

    looks_like: what error page it is, in words; empty when it is none that we know.
    text_length: visible characters; elements: tags inside the body.
    fingerprint: of the body, so that the same page in a script's place is recognised.
    named: what the page names on its own site; `elsewhere` counts the rest.
    moved_key: the key of the target file that says where the page is, when its own server answers at another address.
    roots, origins: what its own text calls: first steps of paths ("/api"), and origins ("https://api.example").
    insecure: http:// addresses that it names, when it came by https itself.
    policies: its Content-Security-Policies, from the header and its meta elements. cache_control: the header.
    """

    exchange: Exchange
    title: str = ""
    looks_like: str = ""
    text_length: int = 0
    elements: int = 0
    fingerprint: str = ""
    named: tuple[Named, ...] = ()
    elsewhere: int = 0
    moved_key: str = ""
    roots: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    cache_control: str = ""

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def problem(self) -> str | None:
        """What is wrong with the page, as words after "frontend"; None: it is a page."""
        exchange = self.exchange
        if exchange.problem:
            return exchange.problem
        if exchange.status in GATEWAY:
            return f"answers {GATEWAY[exchange.status]}: a gateway error"
        if exchange.status != 200:
            return f"{exchange.answer} instead of its page{self._mend}"
        if exchange.endless:
            return exchange.endless
        if not exchange.length:
            return "answers with an empty page"
        if exchange.media_type not in ("text/html", "application/xhtml+xml"):
            return f"answers with {exchange.media_type[:40] or 'no content type'} instead of text/html"
        if self.looks_like:
            return f"serves {self.looks_like} instead of its page"
        if not self.elements and not self.text_length and not self.named:
            return "serves a page without any content"
        return None

    @property
    def _mend(self) -> str:
        return f": set {self.moved_key} if people open that" if self.moved_key else ""

    @property
    def layer(self) -> Layer:
        return self.exchange.layer

    @property
    def manner(self) -> Manner | None:
        """Whatever else comes in the place of a page is a wrong answer."""
        return self.exchange.manner or (None if self.exchange.problem else "wrong answer")

    @property
    def evidence(self) -> dict[str, Value]:
        return self.exchange.evidence | told(bytes=self.exchange.length, title=self.title[:80])


class Asset(Struct, frozen=True, kw_only=True):
    """One thing that was asked for. `problem` is what is wrong with it, as words after its address; empty: nothing."""

    kind: str
    url: str
    path: str
    status: int
    content_type: str
    length: int
    seconds: float
    problem: str = ""
    manner: Manner | None = None
    at: str = ""


class Assets(Fact, frozen=True, kw_only=True):
    """What the page names, each asked for once. `unasked`: how many were left out for lack of time.

    css_names: what the stylesheets name in turn. roots, origins: what the scripts call, as in Page.
    """

    page: str
    assets: tuple[Asset, ...]
    unasked: int = 0
    css_names: tuple[Named, ...] = ()
    roots: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        if any(asset.status or asset.problem for asset in self.assets):
            return None
        return "nothing that the page names was asked for"

    @property
    def broken(self) -> tuple[Asset, ...]:
        """Those with a problem; what is not there at all before what is merely odd."""
        return tuple(sorted((a for a in self.assets if a.problem), key=lambda a: a.status == 200))

    @property
    def complete(self) -> bool:
        """Whether none has a problem; raises CouldNotCheck when that is only known of a part of them."""
        if not self.broken and self.unasked:
            asked = len(self.assets)
            raise CouldNotCheck(f"only {asked} of {asked + self.unasked} files of the page could be asked for in time")
        return not self.broken

    @property
    def symptom(self) -> str:
        """The first broken one in words, and how many more there are."""
        first, more = self.broken[0], len(self.broken) - 1
        name = first.path if len(first.path) <= 32 else f"...{first.path[-29:]}"
        return f"{first.kind} {name} {first.problem}" + (f", {more} more" if more else "")

    @property
    def manner(self) -> Manner | None:
        """Of the worst one: whatever is not merely silent or late counts first."""
        return next((one.manner for one in self.broken if one.manner not in TIMED), self.broken[0].manner)

    @property
    def asked(self) -> str:
        """The host:port of the first broken one."""
        return self.broken[0].at

    @property
    def evidence(self) -> dict[str, str]:
        first = {"asset": self.broken[0].url} if self.broken else {}
        return first | {asset.path: asset.problem for asset in self.broken[:5]}


class Certificate(Struct, frozen=True, kw_only=True):
    """One TLS address. `problem` is why its certificate is refused, or why there is none; empty: it is good."""

    address: str
    component: str = "frontend"
    problem: str = ""
    ends: datetime | None = None
    days_left: float | None = None

    @property
    def symptom(self) -> str:
        if self.problem:
            return f"certificate of {self.address} {self.problem}"
        return f"certificate of {self.address} ends in {self.days_left or 0.0:.1f} days"

    @property
    def state(self) -> str:
        return self.problem or (f"good until {self.ends:%Y-%m-%d %H:%M} UTC" if self.ends else "good")


class Certificates(Fact, frozen=True, kw_only=True):
    """Every TLS address of the stack; `unreachable` are those where no certificate could be seen, with the reason."""

    seen: tuple[Certificate, ...]
    unreachable: tuple[Certificate, ...] = ()

    def inconclusive_reason(self) -> str | None:
        if any(certificate.address for certificate in self.seen):
            return None
        if self.unreachable:
            first = self.unreachable[0]
            return f"no certificate could be seen: {first.address} {first.problem}"
        return "no TLS address was looked at"

    def failing(self, days: float) -> tuple[Certificate, ...]:
        """Refused ones first, then those that end within `days`.

        Raises CouldNotCheck when the seen ones are good and some could not be seen.
        """
        refused = [certificate for certificate in self.seen if certificate.problem]
        dated = [one for one in self.seen if not one.problem and one.days_left is not None and one.days_left < days]
        failing = (*refused, *sorted(dated, key=lambda one: one.days_left or 0.0))
        if not failing and self.unreachable:
            first = self.unreachable[0]
            raise CouldNotCheck(f"the certificate of {first.address} could not be seen: it {first.problem}")
        return failing
