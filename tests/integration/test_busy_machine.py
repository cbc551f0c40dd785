"""A busy machine is no broken stack: ten processes compute beside it, and nothing is said of the stack."""

import pytest

from bench import busy, steadiness


@pytest.mark.alone
def test_healthy_stack_beside_ten_busy_processes(home):
    """Two runs, the first without byte code: what could not be judged is unknown, with this machine named."""
    with steadiness.busy(busy.PROCESSES):
        rows = [busy.run(home.target, number, without_byte_code=number == 1) for number in (1, 2)]

    assert not [each for row in rows for each in row.wrong], "\n".join(map(str, rows))
