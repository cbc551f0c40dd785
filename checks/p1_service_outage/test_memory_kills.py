"""P1 Service outage: the kernel killed something for lack of memory."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("out-of-memory")]


def test_nothing_was_killed_for_memory(oom_kills, limits, finding):
    """A service died all of a sudden, without a word in its log."""
    killed = oom_kills.recent(limits.recent_minutes)
    assert not killed, finding(
        f"{killed[0].victim} was killed for lack of memory",
        evidence=oom_kills.evidence,
        component=killed[0].component,
        layer="runs" if killed[0].down else "log_evidence",
        corroboration=oom_kills.corroboration(killed[0]),
    )
