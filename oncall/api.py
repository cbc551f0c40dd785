"""What a suite of your own may import; docs/extending.md shows how. Everything else may change in any release.

    from oncall.api import CouldNotCheck, Fact, NotPart, Part, client, kind, probe

EVERY_PROBE: the plugins that bring the shipped probes, for `pytest_plugins` in a conftest.py.
Hooks: `pytest_oncall_run(run)` gets the finished run; see `oncall.session.hooks`.
"""

from oncall.facts import Fact, Several
from oncall.finding import CouldNotCheck, Finding, NotPart
from oncall.probes import EVERY_PROBE
from oncall.probing.register import client, probe
from oncall.results.record import RunRecord
from oncall.target.kinds import kind
from oncall.target.schema import Part

__all__ = [
    "EVERY_PROBE",
    "CouldNotCheck",
    "Fact",
    "Finding",
    "NotPart",
    "Part",
    "RunRecord",
    "Several",
    "client",
    "kind",
    "probe",
]
