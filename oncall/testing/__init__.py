"""How a suite is tested: the whole of it as a process, one probe in this one, a diagnosis without a stack.

    from oncall.testing import ended, judge, look, run

docs/extending.md shows each of them. No part of `oncall/` may import this room.
"""

from oncall.testing.judging import ended, judge
from oncall.testing.looking import look
from oncall.testing.running import run

__all__ = ["ended", "judge", "look", "run"]
