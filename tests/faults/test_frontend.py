"""Every way to break frontend turns exactly the right checks red."""

import pytest

from tests.faults.of import of


@pytest.mark.parametrize("fault", of("frontend"))
def test_fault_shows_exactly_its_lists(shows_exactly_its_lists, fault):
    """Exit 1; what must fail fails, what cannot look is unknown, and nothing else is touched."""
    shows_exactly_its_lists(fault)
