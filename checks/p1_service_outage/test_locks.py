"""P1 Service outage: a table that somebody keeps locked."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("table-locked"), pytest.mark.component("postgres")]


def test_no_table_is_locked(table_locks, limits, finding):
    """Whoever needs one table waits: pages hang, or nothing can be saved."""
    held = table_locks.held_over(limits.query_blocked_seconds)
    assert not held, finding(
        f"the table {held[0].table} is locked by {held[0].holder}",
        evidence={
            "holder pid": held[0].pid or None,
            "held for at least": f"{held[0].seconds:.0f} s",
            "sessions that wait": held[0].waiting,
            "keeps out": "readers and writers" if held[0].readers_wait else "writers",
            "state": held[0].state,
            "its last statement": held[0].query,
            "further tables": ", ".join(one.table for one in held[1:6]),
        },
        component="postgres",
        layer="answers",
        statement=held[0].statement,
        speaker="server",
        corroboration="pg_locks",
    )
