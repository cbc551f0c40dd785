"""When everything is printed and written: the heartbeat URL is called, and people get a message.

Neither can delay the diagnosis or change the exit code; what goes wrong is told in one line. A replay informs nobody:
it is no run of tonight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

import pytest

from oncall.gate.patterns import Pattern, whole
from oncall.notify import heartbeat, messaging
from oncall.playbook import Playbook
from oncall.results.record import RunRecord

HOST: Pattern[str] = Pattern(r"localhost|\[[0-9a-fA-F:.]+\]|[\w-]+(?:\.[\w-]+)+")
LEAST, SURELY = 8, 20  # characters: a shorter word, or one of letters alone, may be a word of the diagnosis


class AddressError(Exception):
    """An address that was typed cannot be one; one sentence says why, without the address."""


@dataclass(frozen=True)
class Addresses:
    """Whom to inform."""

    ping: str = field(default="", repr=False)
    notify: tuple[str, ...] = field(default=(), repr=False)

    def secrets(self) -> Iterator[str]:
        """What of them must never be shown."""
        for address in filter(None, (self.ping, *self.notify)):
            yield from _secrets(address)


def addresses(ping: str | None, notify: list[str] | None, *places: Mapping[str, str]) -> Addresses:
    """As typed, or else ONCALL_PING and ONCALL_NOTIFY (several, with blanks between them) from the first place.

    Raises AddressError for a typed one that cannot be right; one from elsewhere is told of when it is needed.
    """
    if ping and (wrong := heartbeat.wrong_address(ping)):
        raise AddressError(f"--ping {wrong}")
    for address in notify or ():
        if wrong := messaging.wrong_address(address):
            raise AddressError(f"--notify {wrong}")

    def set_in(name: str) -> str:
        return next((value for place in places if (value := place.get(name, "").strip())), "")

    return Addresses(ping or set_in("ONCALL_PING"), tuple(notify or set_in("ONCALL_NOTIFY").split()))


def _secrets(address: str) -> Iterator[str]:
    """The whole address, its password, and each part that looks like a token: services put them anywhere."""
    yield address
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    user, _, place = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    yield from filter(None, (password, unquote(password)))
    pieces = [name, *re.split(r"[/?&=;]", f"{parts.path}/{parts.query}/{parts.fragment}")]
    if not HOST.fullmatch(place.partition(":")[0] if not place.startswith("[") else place.partition("]")[0] + "]"):
        pieces += [place, *place.split(":")]
    yield from filter(_like_a_token, pieces)


def _like_a_token(piece: str) -> bool:
    return len(piece) >= SURELY or (len(piece) >= LEAST and any(sign.isdigit() for sign in piece))


class Teller(Protocol):
    """Who has the run, and a terminal."""

    run: RunRecord | None
    playbook: Playbook | None

    def tell(self, line: str) -> None:
        """One line of ours."""


class Notifier:
    """Registered beside the publisher; informs when pytest lets go."""

    def __init__(self, config: pytest.Config, publisher: Teller, whom: Addresses):
        self.config, self.publisher, self.whom = config, publisher, whom
        self.session: pytest.Session | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session

    def pytest_unconfigure(self) -> None:
        option, run = self.config.option, self.publisher.run
        if self.session is None or option.collectonly or option.setupplan or option.replay:
            return
        if hasattr(self.config, "workerinput"):
            return
        code = int(self.session.exitstatus)
        for problem in filter(None, self._inform(run, code)):
            self.publisher.tell(f"PROBLEM  {problem}")

    def _inform(self, run: RunRecord | None, code: int) -> Iterator[str]:
        if self.whom.ping:
            yield heartbeat.call(self.whom.ping, code, self._diagnosis(run, code))
        if self.whom.notify and self._worth_a_message(run, code):
            text = self._message(run) if run else self._diagnosis(run, code)
            yield from messaging.send(self.whom.notify, self._title(run, code), text, sick=code != 0)

    def _worth_a_message(self, run: RunRecord | None, code: int) -> bool:
        """With `change`, a sick run without an earlier one counts as changed."""
        if self.config.option.notify_on == "change" and run and run.comparison:
            return bool(run.comparison.new or run.comparison.gone)
        return code != 0

    def _diagnosis(self, run: RunRecord | None, code: int) -> str:
        if run is None:
            return f"No check was run: pytest ended with exit code {code}.\n"
        from oncall.reporting.terminal import report as terminal

        return whole("\n".join(terminal.lines(run, self.publisher.playbook or Playbook())) + "\n")

    def _message(self, run: RunRecord) -> str:
        from oncall.reporting import announcement, changes

        lines = [announcement.incident_channel(run, self.publisher.playbook or Playbook())]
        lines += changes.lines(run.comparison) if run.comparison else []
        return whole("\n".join(lines).replace("@", "(at)"))  # a chat takes @here for a mention

    def _title(self, run: RunRecord | None, code: int) -> str:
        from oncall.reporting import announcement, plain

        words = announcement.headline(run) if run else f"no check was run (exit code {code})"
        return whole(plain.escape_control_chars(f"{run.stack if run else 'pytest-oncall'}: {words}", 200))
