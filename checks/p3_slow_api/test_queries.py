"""P3 Slow API responses: slow and stuck queries."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("slow-query"), pytest.mark.component("postgres")]


def test_no_query_is_slow_on_average(statements, limits, finding):
    """Certain pages are always slow."""
    slow = statements.slow(limits.query_mean_seconds, limits.query_calls)
    assert not slow, finding(
        f"a query takes {slow[0].mean_seconds:.1f} s on average",
        evidence={"slow queries": len(slow)}
        | {f"query {place}": one.told for place, one in enumerate(slow[:5], 1)}
        | ({"plan of query 1": slow[0].plan} if slow[0].plan else {}),
        component="postgres",
        layer="fast",
    )


def test_no_query_runs_for_long(sessions, limits, finding):
    """One page never comes back, and the processor is busy."""
    long = sessions.running_over(limits.query_running_seconds)
    assert not long, finding(
        f"a query has been running for {long[0].seconds:.0f} s",
        evidence={"pid": long[0].pid} | {f"query {place}": one.told for place, one in enumerate(long[:5], 1)},
        component="postgres",
        layer="fast",
    )


def test_no_session_is_blocked(sessions, limits, finding):
    """Saving hangs, for some records or for everybody."""
    blocked = sessions.blocked_over(limits.query_blocked_seconds)
    assert not blocked, finding(
        f"a session waits for a lock that {blocked[0].root_name} holds",
        evidence={"waiting sessions": len(blocked)}
        | ({"holder pid": blocked[0].root.pid} if blocked[0].root else {})
        | {f"waiting {place}": one.waiting.told for place, one in enumerate(blocked[:3], 1)}
        | {"held by" if place == 1 else f"held by ({place})": said for place, said in sessions.holders(blocked[:3])},
        component="postgres",
        layer="fast",
    )


def test_no_transaction_is_left_idle(sessions, limits, finding):
    """Saving hangs now and then, and tables grow without reason."""
    idle = sessions.idle_over(limits.idle_in_transaction_seconds)
    assert not idle, finding(
        f"a transaction has been left idle for {idle[0].seconds:.0f} s",
        evidence={"pid": idle[0].pid} | {f"session {place}": one.told for place, one in enumerate(idle[:5], 1)},
        component="postgres",
        layer="fast",
    )
