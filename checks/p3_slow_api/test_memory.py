"""P3 Slow API responses: the backend is short of memory."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("backend-memory"), pytest.mark.component("backend")]


def test_backend_memory_is_under_its_limit(health_memory, limits, finding):
    """Answers get slower and slower until the backend restarts."""
    assert health_memory.percent <= limits.health_memory_percent, finding(
        f"{finding.name('backend')} uses {health_memory.percent:.0f} % of its memory",
        evidence={"used": health_memory.used, "limit": health_memory.limit},
        component="backend",
        layer="fast",
        root="health_checks" if health_memory.judged else "",
    )
