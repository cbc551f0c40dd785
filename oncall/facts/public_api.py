"""What the API answers to somebody without a token: straight, and through the address that browsers use."""

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.http import NEVER_ARRIVED, Exchange, Value, told
from oncall.finding import CouldNotCheck, Layer, Manner

REFUSALS = (401, 403)
GATEWAY = (502, 503, 504)  # what a proxy answers whose upstream fails


class PathAnswer(Struct, frozen=True, kw_only=True):
    """One path, asked without a token.

    problem: why this is no answer of an API that works, as words after the path; empty: it is one, be it a refusal.
    is_page: it is an HTML page.
    """

    path: str
    exchange: Exchange
    problem: str = ""
    is_page: bool = False

    @property
    def name(self) -> str:
        """The path, short enough for a symptom."""
        return self.path if len(self.path) <= 30 else f"...{self.path[-27:]}"

    @property
    def manner(self) -> Manner | None:
        return self.exchange.manner or (None if self.exchange.problem else "wrong answer")

    @property
    def words(self) -> str:
        """What came, as words that follow a name."""
        if self.exchange.problem:
            return self.exchange.problem
        return f"{self.exchange.answer} with {'an HTML page' if self.is_page else self._kind}"

    @property
    def _kind(self) -> str:
        return self.exchange.media_type[:40] or "no content type"

    def differs(self, other: "PathAnswer") -> bool:
        """Whether the other answer is of another kind: by status, where refusals are alike, or by content type."""
        if not other.exchange.answered or _status(self.exchange) != _status(other.exchange):
            return True
        mine, theirs = self.exchange.media_type, other.exchange.media_type
        return bool(mine and theirs and mine != theirs)


def _status(exchange: Exchange) -> int:
    """The status, by its class where its numbers mean the same."""
    if exchange.status in REFUSALS:
        return REFUSALS[0]
    return exchange.status if 400 <= exchange.status < 500 else exchange.status // 100


class ApiAnswers(Fact, frozen=True, kw_only=True):
    """The configured paths, asked straight and without a token, until one works. unasked: for lack of time."""

    answers: tuple[PathAnswer, ...]
    unasked: int = 0

    def inconclusive_reason(self) -> str | None:
        return None if any(one.exchange.outcome for one in self.answers) else "no path of the API was asked"

    @property
    def works(self) -> bool:
        """Whether one of them is answered; raises CouldNotCheck when some were not asked, and the others fail."""
        if any(not one.problem for one in self.answers):
            return True
        if self.unasked:
            raise CouldNotCheck(f"only {len(self.answers)} of {len(self.answers) + self.unasked} paths could be asked")
        return False

    @property
    def worst(self) -> PathAnswer:
        """The first one that fails."""
        return next((one for one in self.answers if one.problem), self.answers[0])

    @property
    def symptom(self) -> str:
        first, others = self.worst, len(self.answers) - 1
        more = f", and {others} more fail{'' if others > 1 else 's'}" if others else ""
        return f"{first.name} {first.problem}{more}"

    @property
    def evidence(self) -> dict[str, Value]:
        return self.worst.exchange.evidence | {one.name: one.problem for one in self.answers[1:5]}


class PublicAnswers(Fact, frozen=True, kw_only=True):
    """The same paths through the public address: pairs of the direct answer and the one that browsers get."""

    base: str
    pairs: tuple[tuple[PathAnswer, PathAnswer], ...]

    def inconclusive_reason(self) -> str | None:
        return None if any(public.exchange.outcome for _, public in self.pairs) else "no path was asked both ways"

    @property
    def different(self) -> tuple[tuple[PathAnswer, PathAnswer], ...]:
        return tuple(pair for pair in self.pairs if pair[0].differs(pair[1]))

    @property
    def forwards(self) -> bool:
        """Whether an answer shows that something behind that address passes such paths on."""
        return any(
            not direct.differs(public)
            or public.exchange.status in GATEWAY
            or public.exchange.outcome not in ("answered", *NEVER_ARRIVED)
            or (public.exchange.answered and not public.is_page and public.exchange.status != 404)
            for direct, public in self.pairs
        )


class PublicApi(Fact, frozen=True, kw_only=True):
    """Whether browsers get what the API answers. shown_by: why that address is known to lead to it, in words."""

    answers: PublicAnswers
    shown_by: str = ""

    def inconclusive_reason(self) -> str | None:
        return self.answers.inconclusive_reason()

    @property
    def problem(self) -> str | None:
        """What browsers get in place of the API's answer, as a sentence; None: the same."""
        if not self.answers.different:
            return None
        direct, public = self.answers.different[0]
        return f"direct works, proxy does not: {direct.name} {public.words}"

    @property
    def _public(self) -> Exchange:
        return self.answers.different[0][1].exchange

    @property
    def layer(self) -> Layer:
        return self._public.layer

    @property
    def manner(self) -> Manner | None:
        return self.answers.different[0][1].manner

    @property
    def at(self) -> str:
        return self._public.at

    @property
    def evidence(self) -> dict[str, Value]:
        direct, public = self.answers.different[0]
        return told(
            direct=f"{direct.exchange.address} {direct.words}",
            proxy=f"{public.exchange.address} {public.words}",
            known_by=self.shown_by,
        )
