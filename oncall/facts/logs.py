"""What the last lines of the containers' logs say: known signatures with their meaning, and bursts of errors."""

from datetime import datetime
from hashlib import blake2b

from msgspec import Struct

from oncall.facts import Fact, Several
from oncall.finding import Manner, Speaker

NEARER = {
    "no-secret": "jwt_secret",
    "failed-migration": "migrations",
    "damaged-data": "page_checksums",
    "old-mount": "data_volume",
}


class LogSign(Struct, frozen=True, kw_only=True):
    """One signature in a service's log.

    meaning: words after "log of backend: ". blames: the component that the line itself accuses; empty: nobody else.
    count: how many lines hold it; `line` is the newest of them, without personal data, at most 200 characters.
    since: when the unbroken series of such lines began that the first one belongs to, lines too old to count included.
    setting: the writer asks at a wrong place: an old address, a name of nobody, its own localhost.
    speaker: "peer" where the writer tells of another part what it has met there.
    """

    name: str
    meaning: str
    count: int
    blames: str = ""
    first: datetime | None = None
    last: datetime | None = None
    line: str = ""
    since: datetime | None = None
    setting: bool = False
    speaker: Speaker = "log line"


class ContainerLog(Fact, frozen=True, kw_only=True):
    """The newest lines of all containers of one service.

    containers: how many logs were read; a service that has written nothing since its start is evidence too.
    cut: older lines were left out, because there were too many or too long ones.
    signs: what counts, worst first; past: what is over: too old, from before the last start, or part of a start-up.
    """

    service: str
    containers: int
    lines_read: int = 0
    bytes_read: int = 0
    cut: bool = False
    started_at: datetime | None = None
    signs: tuple[LogSign, ...] = ()
    past: tuple[LogSign, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "no container's log was read"

    @property
    def symptom(self) -> str:
        """The worst sign, as a finding's one line."""
        return f"log of {self.service}: {self.signs[0].meaning[:70]}" if self.signs else ""

    @property
    def statement(self) -> str:
        """The newest line of the worst sign."""
        return self.signs[0].line if self.signs else ""

    @property
    def speaker(self) -> Speaker:
        """Whose words they are: the writer's own, or a peer's about the part that it accuses."""
        return self.signs[0].speaker if self.signs else ""

    @property
    def manner(self) -> Manner:
        """A wrong setting of the writer's own, or a line that tells of something."""
        return "config" if self.signs and self.signs[0].setting else "log evidence"

    @property
    def root(self) -> str:
        """The fact that tells the same story nearer to its cause, where a line has one."""
        return NEARER.get(self.signs[0].name, "") if self.signs else ""

    @property
    def blames(self) -> str | None:
        """The component that the worst sign accuses."""
        return (self.signs[0].blames or None) if self.signs else None

    @property
    def evidence(self) -> dict[str, str | int]:
        return {f"{sign.count} x {sign.meaning}": f"{_clock(sign.last)}{sign.line}" for sign in self.signs[:5]} | {
            "lines read": self.lines_read
        }


class Lines(Struct, frozen=True, kw_only=True):
    """How many lines are alike. count: without those that runs of this suite may have caused (`own`). line: the newest,
    at most 200 characters, without personal data.
    """

    count: int
    own: int = 0
    first: datetime | None = None
    last: datetime | None = None
    line: str = ""


class ErrorKind(Lines, frozen=True, kw_only=True):
    """Errors of one kind in a log."""

    name: str
    words: str


class Errors(Fact, frozen=True, kw_only=True):
    """Errors in the logs of one part's containers within the last minutes."""

    containers: int
    minutes: float
    lines_read: int = 0

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "no container's log was read"


class ErrorLog(Errors, frozen=True, kw_only=True):
    """Errors of the backend around one subject, counted by kind, most first."""

    service: str
    kinds: tuple[ErrorKind, ...] = ()

    @property
    def most(self) -> int:
        return self.kinds[0].count if self.kinds else 0

    @property
    def symptom(self) -> str:
        """The most frequent kind, as a finding's one line."""
        if not self.kinds:
            return ""
        return f"{self.kinds[0].count} {self.kinds[0].words} within {self.minutes:g} min"

    @property
    def evidence(self) -> dict[str, str | int]:
        counts: dict[str, str | int] = {kind.words: kind.count for kind in self.kinds[:5]}
        last = self.kinds[0] if self.kinds else None
        return counts | ({"last line": f"{_clock(last.last)}{last.line}"} if last else {})


class AuthenticationLog(ErrorLog, frozen=True, kw_only=True):
    """Errors around logins and tokens."""


class SocketLog(ErrorLog, frozen=True, kw_only=True):
    """Errors around WebSockets."""


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M:%S} UTC " if at else ""


class ErrorTemplate(Lines, frozen=True, kw_only=True):
    """Lines of level error or worse that are alike but for numbers, names and values.

    new: whether good runs that are kept have read this part's log, and none has met it.
    """

    template: str
    new: bool = False

    @property
    def key(self) -> str:
        """What it is called where runs are kept, which hold no text of a log."""
        return key_of(self.template)


def key_of(template: str) -> str:
    """16 hexadecimal digits."""
    return blake2b(template.encode(errors="replace"), digest_size=8).hexdigest()


class ErrorBursts(Errors, frozen=True, kw_only=True):
    """The errors in one component's log, by template, most first; known signatures left out."""

    component: str
    templates: tuple[ErrorTemplate, ...] = ()

    def bursts(self, least: int, least_new: int) -> tuple[ErrorTemplate, ...]:
        """Those of which there are so many; of a new one fewer lines will do."""
        return tuple(one for one in self.templates if one.count >= (least_new if one.new else least))

    def symptom(self, least: int, least_new: int) -> str:
        """The most frequent one, as a finding's one line."""
        worst = self.bursts(least, least_new)[0]
        count = f"{worst.count} times within {self.minutes:g} min"
        return f"log of {self.component}: {count}{', and in no good run before' * worst.new}: {worst.line[:90]}"

    def evidence(self, least: int, least_new: int) -> dict[str, str | int]:
        found: dict[str, str | int] = {
            f"{one.count} x {'new: ' * one.new}{one.template[:80]}": f"{_clock(one.last)}{one.line}"
            for one in self.bursts(least, least_new)[:5]
        }
        return found | {"lines read": self.lines_read}


class UndeclaredErrorBursts(Several, frozen=True, kw_only=True):
    """The same of every service that no component names. in_project: its containers, declared ones too."""

    in_project: int
    parts: tuple[ErrorBursts, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.in_project else "no container of the project was looked at"
