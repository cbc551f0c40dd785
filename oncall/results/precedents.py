"""Errors that stand in a log while all is well: what a run leaves for later ones, and what they make of it. Pure.

An error is old that a good run has met. A run is good for a log in which it found neither a burst nor anything new, and
it is asked only when it began an hour ago or earlier: the first minutes of an incident are no precedent of the next.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from oncall.facts import Fact
from oncall.facts.logs import ErrorBursts, UndeclaredErrorBursts
from oncall.results.comparison import Result

SETTLED = timedelta(hours=1)  # four times `recent_minutes`: no line of then counts now


def quiet_errors(facts: Iterable[Fact], least: int, least_new: int) -> dict[str, tuple[str, ...]]:
    """The keys of the errors in each log that shows nothing to judge, by component.

    least, least_new: lines of one error, and of a new one, that are a finding.
    """
    logs: list[ErrorBursts] = []
    for fact in facts:
        if isinstance(fact, ErrorBursts):
            logs.append(fact)
        elif isinstance(fact, UndeclaredErrorBursts):
            logs += fact.parts
    return {
        log.component: tuple(sorted(one.key for one in log.templates))
        for log in logs
        if not log.bursts(least, least_new)
    }


def known_errors(runs: Iterable[Result], now: datetime) -> Mapping[str, frozenset[str]]:
    """What these runs have met, by component."""
    known: dict[str, frozenset[str]] = {}
    for run in runs:
        if now - run.started >= SETTLED:
            for component, keys in run.errors.items():
                known[component] = known.get(component, frozenset()) | set(keys)
    return known
