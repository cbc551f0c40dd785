"""P4 Upkeep: the library that puts text into order is another one."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("collation"), pytest.mark.component("postgres")]


def test_collations_are_those_of_the_indexes(collations, finding):
    """A search misses a row that is there, a list is in a wrong order, or a name exists twice."""
    changed = collations.changed
    assert not changed, finding(
        f"collation version mismatch: the {changed[0].name} was built with {changed[0].recorded}, "
        f"the library is {changed[0].actual}",
        evidence=collations.evidence,
        component="postgres",
        layer="config",
        manner="config",
        statement=f"{changed[0].name}: recorded version {changed[0].recorded}, actual version {changed[0].actual}",
        speaker="server",
        corroboration="the server's own catalogue",
    )
