"""What can be told of an issued token without keeping it: its form, its times, its signature, and the clocks."""

from datetime import datetime

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import CouldNotCheck

CUT_SECONDS = 2.0  # two Date headers, each cut to whole seconds and half a round trip old


class IssuedToken(Fact, frozen=True, kw_only=True):
    """The form and the times of the token that the login issued; no other claim of it.

    parts: the pieces between dots; a JWT has three.
    readable: header and claims are JSON objects.
    odd_times: time claims that are no numbers; `millisecond_times`: those that count milliseconds.
    clock: whose now the ages refer to: "backend" (its Date header) or "ours".
    starts_in_seconds: until nbf; negative: it has begun. lifetime_seconds: exp after iat, or after now without iat.
    issuer_behind_seconds: how far the issuer's clock is behind the one that the health check shows; None: not known.
    """

    parts: int
    readable: bool = False
    algorithm: str = ""
    type: str = ""
    allowed: tuple[str, ...] = ()
    odd_times: tuple[str, ...] = ()
    millisecond_times: tuple[str, ...] = ()
    clock: str = ""
    issued_at: datetime | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    age_seconds: float | None = None
    starts_in_seconds: float | None = None
    expires_in_seconds: float | None = None
    lifetime_seconds: float | None = None
    issuer_behind_seconds: float | None = None

    def inconclusive_reason(self) -> str | None:
        return None if self.parts else "no token was looked at"

    @property
    def malformed(self) -> str | None:
        """Why this is no JWT of the expected kind, as words after "issued token"."""
        if self.parts == 5:
            return "is an encrypted JWT, which only its receiver can read (5 parts)"
        if self.parts != 3:
            return f"is not a JWT: it has {self.parts} part{'s' if self.parts > 1 else ''} instead of 3"
        if not self.readable:
            return "is not a JWT: its header or its claims are no JSON object"
        if self.algorithm not in self.allowed:
            return f"names the algorithm {self.algorithm[:20]!r}; allowed: {', '.join(self.allowed)}"
        return None

    def time_problems(self, longest_hours: float, leeway_seconds: float) -> tuple[str, ...]:
        """What is wrong with its times, as words after "issued token", worst first.

        Raises CouldNotCheck when there are no claims to be read.
        """
        if not self.readable:
            raise CouldNotCheck("the issued token is not a JWT", root="issued_token")
        problems = [f"has {name} in milliseconds instead of seconds" for name in self.millisecond_times]
        problems += [f"has {'an' if name[0] in 'ei' else 'a'} {name} that is no number" for name in self.odd_times]
        behind = self.issuer_behind_seconds or 0.0
        if abs(behind) > leeway_seconds + CUT_SECONDS:
            side = "behind" if behind > 0 else "ahead of"
            problems.append(f"was issued by a clock that is {span(abs(behind))} {side} the backend's")
        if self.starts_in_seconds is not None and self.starts_in_seconds > leeway_seconds:
            problems.append(f"is not valid for another {span(self.starts_in_seconds)}")
        if self.expires_in_seconds is None:
            if "exp" not in self.odd_times:
                problems.append("never expires: it has no exp")
            return tuple(problems)
        lifetime = self.lifetime_seconds or 0.0
        if self.expires_in_seconds <= 0:
            problems.append(f"had expired {span(-self.expires_in_seconds)} before it was issued")
        elif lifetime <= 0:
            problems.append("expires before it is issued: exp is not after iat")
        elif lifetime > longest_hours * 3600 and "exp" not in self.millisecond_times:
            problems.append(f"has a lifetime of {span(lifetime)}, which exceeds {longest_hours:g} h")
        return tuple(problems)

    def fault(self, longest_hours: float, leeway_seconds: float) -> str:
        """The side of this fact at which to read on: form or times are wrong; empty where neither is."""
        if self.malformed:
            return "issued_token"
        return "issued_token.times" if self.readable and self.time_problems(longest_hours, leeway_seconds) else ""

    @property
    def evidence(self) -> dict[str, str | int | float]:
        values = {
            "iat": self.issued_at.isoformat() if self.issued_at else None,
            "nbf": self.not_before.isoformat() if self.not_before else None,
            "exp": self.expires_at.isoformat() if self.expires_at else None,
            "lifetime seconds": self.lifetime_seconds,
            "issuer's clock behind, seconds": self.issuer_behind_seconds,
            "judged by the clock of": self.clock or None,
        }
        return {name: value for name, value in values.items() if value is not None}


def span(seconds: float) -> str:
    """A duration in the unit that people would use."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class TokenSignature(Fact, frozen=True, kw_only=True):
    """Whether the issued token's signature verifies with the secret that stands in `source`."""

    verified: bool
    algorithm: str
    source: str

    def inconclusive_reason(self) -> str | None:
        return None if self.algorithm and self.source else "no signature was looked at"


class JwtSecret(Fact, frozen=True, kw_only=True):
    """What can be said of the backend's signing secret without saying it.

    source: where it was looked for. token: stands for the value, equal only for equal secrets of one installation.
    quoted: the quotes in the file belong to the value: None when nothing proves it either way.
    in_quotes: the file writes it in quotes. unresolved: it holds a ${...} or $(...) that nobody filled in.
    well_known: it is a value from public documentation and boilerplates. monotonous: it has too few different signs.
    needed_bytes: what `algorithm` needs.
    """

    variable: str
    source: str
    present: bool = False
    empty: bool = False
    blank: bool = False
    in_quotes: bool = False
    quoted: bool | None = False
    unresolved: bool = False
    well_known: bool = False
    monotonous: bool = False
    bytes: int = 0
    needed_bytes: int = 0
    algorithm: str = ""
    token: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.variable and self.source else "no secret was looked for"

    @property
    def unset(self) -> str | None:
        """Why there is no usable secret, as words after its name.

        Raises CouldNotCheck when only a token could tell whose the quotes around it are.
        """
        if not self.present:
            return f"is missing from {self.source}"
        if self.empty:
            return f"is empty in {self.source}"
        if self.blank:
            return f"is blank in {self.source}"
        if self.unresolved:
            return f"holds an unresolved ${{...}} in {self.source}"
        if self.quoted is None:
            raise CouldNotCheck(
                f"{self.variable} stands in quotes in {self.source}, and only a token that it signed tells whether "
                "they belong to the value",
                root="token_signature",
            )
        if self.quoted:
            return f"is quoted by mistake in {self.source}: the quotes are part of it"
        return None

    @property
    def evidence(self) -> dict[str, str | int]:
        looked: dict[str, str | int] = {"looked in": self.source, "bytes": self.bytes}
        return looked | ({"value": self.token} if self.token else {})

    @property
    def guessable(self) -> str | None:
        """Why anybody could guess it, as words after its name; raises CouldNotCheck when there is no value."""
        self._there()
        if self.well_known:
            return "is a well-known default"
        return "repeats a few signs and can be guessed" if self.monotonous else None

    @property
    def missing_bytes(self) -> int:
        """How many bytes it is too short; raises CouldNotCheck when there is no value."""
        self._there()
        if not self.needed_bytes:
            raise CouldNotCheck("nobody said how long the secret must be")
        return max(0, self.needed_bytes - self.bytes)

    def _there(self) -> None:
        if not self.present or self.empty or self.blank or self.unresolved:
            raise CouldNotCheck(f"{self.variable} is not set", root="jwt_secret")


class SecretCopy(Struct, frozen=True, kw_only=True):
    """One place that holds the signing secret. group: equal for equal values; 0: it is missing or empty there."""

    place: str
    group: int
    filed: bool = False


class JwtSecretCopies(Fact, frozen=True, kw_only=True):
    """The places that hold the signing secret, containers first, and which of them agree."""

    variable: str
    copies: tuple[SecretCopy, ...]

    def inconclusive_reason(self) -> str | None:
        return None if any(copy.group for copy in self.copies) else "no copy of the secret was looked at"

    @property
    def difference(self) -> str | None:
        """How they differ, as words after the variable's name; None: all are the same."""
        running = {copy.group for copy in self.copies if not copy.filed}
        if 0 in running:
            return "is missing in some of the backend's containers"
        if len(running) > 1:
            return f"differs between the backend's containers ({len(running)} values)"
        for copy in self.copies:
            if copy.filed and not copy.group:
                return f"is missing or empty in {copy.place}, which the next start reads"
            if copy.filed and copy.group not in running:
                return f"differs between the backend and {copy.place}"
        return None

    @property
    def evidence(self) -> dict[str, str]:
        shown = self.copies if len(self.copies) <= 6 else (*self.copies[:5], self.copies[-1])
        return {copy.place: f"value {copy.group}" if copy.group else "missing or empty" for copy in shown}


class Clock(Struct, frozen=True, kw_only=True):
    """One clock against ours: positive is ahead of us. `component` is the part that keeps it."""

    component: str
    ahead_seconds: float
    uncertain_seconds: float = 0.0

    @property
    def surely_off_seconds(self) -> float:
        """By how much it is off even if the measurement erred in its favour."""
        return max(0.0, abs(self.ahead_seconds) - self.uncertain_seconds)


class Clocks(Fact, frozen=True, kw_only=True):
    """The stack's clocks, each compared with the clock of the machine that looks.

    host: whose clock ours is: "local" when the checks run on the stack's own host. missing: clocks that nobody told.
    """

    host: str
    clocks: tuple[Clock, ...]
    missing: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.clocks else "no clock of the stack could be read"

    @property
    def worst(self) -> Clock:
        return max(self.clocks, key=lambda clock: clock.surely_off_seconds)

    def disagreement(self, limit_seconds: float) -> tuple[str, str] | None:
        """The component whose clock is off, and the words for it; None: all agree within the limit.

        When several clocks are off by the same amount, they agree with one another, and the odd one out is ours.
        """
        off = [clock for clock in self.clocks if clock.surely_off_seconds > limit_seconds]
        if not off:
            return None
        worst = self.worst
        together = all(abs(clock.ahead_seconds - worst.ahead_seconds) <= limit_seconds for clock in self.clocks)
        if len(self.clocks) > 1 and together:
            side = "behind" if worst.ahead_seconds > 0 else "ahead of"
            return "host", f"this host's clock is {span(abs(worst.ahead_seconds))} {side} all others"
        side = "ahead of" if worst.ahead_seconds > 0 else "behind"
        return worst.component, f"clock of {worst.component} is {span(abs(worst.ahead_seconds))} {side} this host's"

    @property
    def evidence(self) -> dict[str, float]:
        return {f"{clock.component} ahead, seconds": round(clock.ahead_seconds, 1) for clock in self.clocks}
