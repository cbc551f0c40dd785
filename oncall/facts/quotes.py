"""What parts wrote into their logs while our own requests to them failed."""

from msgspec import Struct

from oncall.facts import Fact


class Quote(Struct, frozen=True, kw_only=True):
    """The most telling line of level error or worse that a part wrote while a request of ours failed there.

    line: at most 200 characters, without personal data; of a stack trace the exception.
    meaning: what a known signature makes of it; empty: none knows it.
    """

    component: str
    line: str
    meaning: str = ""

    @property
    def symptom(self) -> str:
        """Its meaning as one line, as the check of the log says it; empty where no signature knows the line."""
        return f"log of {self.component}: {self.meaning[:70]}" if self.meaning else ""


class FailedRequestLogs(Fact, frozen=True, kw_only=True):
    """The logs of all whose addresses answered a request of ours with a server error, or not at all.

    failed: how many requests did. unseen: component -> why its log could not be read.
    """

    failed: int
    quotes: tuple[Quote, ...] = ()
    unseen: dict[str, str] = {}

    def inconclusive_reason(self) -> str | None:
        return None if self.failed else "no request of this run failed"
