"""Checks whose facts have arrived are judged first, so bad news is on the screen while slow looks still run."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oncall.finding import CouldNotCheck, NotPart
from oncall.probing.answers import Answers
from oncall.probing.register import PROBES, parameters


def probes_of(item: pytest.Item) -> list[str]:
    """The probes that a check names; a fixture of somebody else's that happens to have a probe's name is none."""
    info = getattr(item, "_fixtureinfo", None)  # pytest tells in no public place whose fixture a name stands for
    definitions = info.name2fixturedefs if info else {}
    return [name for name, found in definitions.items() if name in PROBES and hasattr(found[-1].func, "answers_for")]


class LazyNextItem:
    """The next item, chosen only when pytest asks for it: at the end of the one before.

    pytest wants to know an item's successor to decide which fixtures to keep. It asks by calling `listchain`,
    after the verdict before has been reported; so that is the moment to choose, and to wait if nothing is ready.

    idle: called whenever nothing is.
    """

    def __init__(self, waiting: list[pytest.Item], runner: Answers, idle: Callable[[], None]):
        self.waiting, self.runner, self.idle = waiting, runner, idle
        self.chosen: pytest.Item | None = None
        self.waited = 0.0

    def __bool__(self) -> bool:
        return bool(self.waiting) or self.chosen is not None

    def listchain(self) -> list[Any]:
        return self.choose().listchain()

    def choose(self) -> pytest.Item:
        started = time.monotonic()
        while self.chosen is None:
            ready = next((item for item in self.waiting if self._ready(item)), None)
            if ready is not None:
                self.waiting.remove(ready)
                self.chosen = ready
            else:
                self.idle()
                self.runner.pause()
        self.waited += time.monotonic() - started
        return self.chosen

    def _ready(self, item: pytest.Item) -> bool:
        return all(self.runner.ready(name, parameters(item)) for name in probes_of(item))


def run_checks(session: pytest.Session, runner: Answers, idle: Callable[[], None]) -> None:
    """Run every item once, in the order in which its facts arrive; stops where pytest's own loop would."""
    for item, after in _pairs(list(session.items), runner, idle):
        item.stash[WAITED] = after
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after if after else None)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    _look_back(runner)


def _look_back(runner: Answers) -> None:
    """What was written while our requests failed, of which there are no more now; where nothing was asked, nothing."""
    if not runner.interrupted and runner.noted("project") and runner.noted("ledger"):
        with contextlib.suppress(CouldNotCheck, NotPart):
            runner.answer("failed_request_logs", {})


WAITED: "pytest.StashKey[LazyNextItem]" = pytest.StashKey()


def _pairs(
    waiting: list[pytest.Item], runner: Answers, idle: Callable[[], None]
) -> Iterator[tuple[pytest.Item, LazyNextItem]]:
    upcoming = LazyNextItem(waiting, runner, idle)
    while upcoming:
        item, upcoming = upcoming.choose(), LazyNextItem(waiting, runner, idle)
        yield item, upcoming
