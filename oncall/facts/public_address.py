"""What the public address makes of requests that the API itself serves: a user's token, and one visitor among many."""

from oncall.facts import Fact
from oncall.facts.http import Exchange, Value, told
from oncall.facts.logs import Lines
from oncall.facts.public_api import GATEWAY
from oncall.finding import Layer, Manner

TURNED_AWAY = (429, 503)  # RFC 6585, 4; nginx answers 503 where limit_req_status says nothing else


class PublicTokenUse(Fact, frozen=True, kw_only=True):
    """How a protected path receives, through the public address, the token that it accepts when it is asked straight.

    carrier: what carries the token: "Authorization header", "cookie session". shown_by: why that address is known to
    lead to the API. login_page: it shows the page that asks for a password.
    """

    path: str
    carrier: str
    direct: Exchange
    public: Exchange
    accepted: tuple[int, ...]
    refused: tuple[int, ...]
    login_page: bool = False
    shown_by: str = ""

    def inconclusive_reason(self) -> str | None:
        return self.public.inconclusive_reason()

    @property
    def problem(self) -> str | None:
        """What happened to the token on its way, as a sentence; None: it is accepted there, too."""
        public = self.public
        if public.answered and public.status in self.accepted and not self.login_page:
            return None
        if not public.answered:
            return f"direct works, proxy does not: {self.path} {public.problem}"
        if self.login_page or public.status in (401, 403, *self.refused) or 300 <= public.status < 400:
            return (
                f"token is accepted straight and refused by proxy ({public.status}): "
                f"its {self.carrier} is lost or changed on the way"
            )
        return f"direct works, proxy does not: {self.path} {public.answer} to a token"

    @property
    def outage(self) -> bool:
        """Whether the proxy gets no answer for users, whatever they ask for."""
        return self.public.status in GATEWAY

    @property
    def layer(self) -> Layer:
        return self.public.layer

    @property
    def manner(self) -> Manner | None:
        return self.public.manner or ("wrong answer" if self.public.answered else None)

    @property
    def evidence(self) -> dict[str, Value]:
        return told(
            direct=f"{self.direct.address} {self.direct.answer}",
            proxy=f"{self.public.address} {self.public.problem or self.public.answer}",
            known_by=self.shown_by,
        )


class PublicLimit(Fact, frozen=True, kw_only=True):
    """Whether a rate limit at the public address turns away whoever comes.

    turned_away: the lines in which its log tells of that, without our own requests. path, exchange: what we asked there
    ourselves, once the log told; empty: it told nothing of a login or the API.
    """

    component: str
    containers: int
    minutes: float
    lines_read: int = 0
    turned_away: Lines = Lines(count=0)
    path: str = ""
    exchange: Exchange = Exchange()

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "no container's log was read"

    @property
    def problem(self) -> str | None:
        """Who is turned away, as words after the component's name; None: nobody, or others alone."""
        if self.exchange.status not in TURNED_AWAY:
            return None
        others = f"{self.turned_away.count} more within {self.minutes:g} min"
        return f"turns visitors away by a rate limit: {self.path} {self.exchange.answer}, {others}"

    @property
    def evidence(self) -> dict[str, Value]:
        return told(
            address=self.exchange.address,
            status=self.exchange.status,
            last_line=self.turned_away.line,
            lines_read=self.lines_read,
        )
