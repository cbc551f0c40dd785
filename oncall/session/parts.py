"""A check that is judged once for each part that only the run finds out: one test for pytest, a verdict for each part.

    @pytest.mark.each("undeclared_service")
    def test_undeclared_services_run(undeclared_service, limits, finding): ...

The probe's fact is a `Several`; the check is called with one of its parts at a time. The test fails once, by the first
part that fails, or else by the first one that could not be looked at. Without a part it is an ordinary passed test.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from oncall.facts import Fact, Several
from oncall.finding import CouldNotCheck, Finding
from oncall.probing.plausible import parts_named

FOUND: "pytest.StashKey[Finding]" = pytest.StashKey()
PARTS: "pytest.StashKey[list[Judged]]" = pytest.StashKey()
Ended = CouldNotCheck | AssertionError | None


class Judged(Struct, frozen=True):
    """How the check ended for one part. error: what it raised; found: the finding of a failed assertion."""

    component: str
    error: Ended
    found: Finding | None = None


def forget(item: pytest.Item) -> None:
    """Nothing has been found yet."""
    if FOUND in item.stash:
        del item.stash[FOUND]


def fact_of(item: pytest.Item) -> str:
    """The probe whose parts a check judges one by one; empty for an ordinary check."""
    mark = item.get_closest_marker("each")
    return str(mark.args[0]) if mark and mark.args else ""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call the check for each part, whatever became of the one before."""
    name = fact_of(pyfuncitem)
    if not name:
        return None
    fact = pyfuncitem.funcargs.get(name)
    if not isinstance(fact, Several):
        raise TypeError(f"each({name!r}): the check must name this probe, and its fact must be a Several")
    judged = pyfuncitem.stash[PARTS] = []
    for one in _each(pyfuncitem, fact, name):
        if any(one.component == other.component for other in judged):
            raise ValueError(f"{name} has two parts that are called {one.component}")
        judged.append(one)
    worst = min(judged, key=lambda one: (one.found is None, one.error is None), default=None)
    if worst and worst.error:
        raise worst.error
    return True


def _each(item: pytest.Function, fact: Several, name: str) -> Iterator[Judged]:
    given: dict[str, Any] = {argument: item.funcargs[argument] for argument in item._fixtureinfo.argnames}
    for part in fact.each():
        forget(item)
        error: Ended = None
        try:
            item.obj(**given | {name: part})
        except (CouldNotCheck, AssertionError) as ended:
            error = ended
            if isinstance(ended, AssertionError) and FOUND not in item.stash:
                raise  # an assertion without a finding is a bug of the check
        yield Judged(part.component, error, item.stash.get(FOUND, None) if isinstance(error, AssertionError) else None)
    for component, reason in fact.unseen.items():
        yield Judged(component, CouldNotCheck(reason))


def named(item: pytest.Item) -> set[str]:
    """The parts that the facts name on which a check stands: also those that nobody declared."""
    facts = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Fact)]
    return {name for fact in facts for name in parts_named(fact)}
