"""P3 Slow API responses: some requests fail, and only a log says so."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("error-burst")]


def test_log_shows_no_burst_of_errors(service, error_bursts, limits, finding):
    """One feature fails for those who use it, and all else works."""
    bursts = error_bursts.bursts(limits.log_burst, limits.log_new_error)
    assert not bursts, finding(
        error_bursts.symptom(limits.log_burst, limits.log_new_error),
        evidence=error_bursts.evidence(limits.log_burst, limits.log_new_error),
        component=service,
        layer="log_evidence",
        manner="log evidence",
        statement=bursts[0].line,
        speaker="log line",
    )


@pytest.mark.each("undeclared_error_bursts")
def test_logs_of_undeclared_services_show_no_burst_of_errors(undeclared_error_bursts, limits, finding):
    """A part that nobody watches fails at some of its work, again and again."""
    bursts = undeclared_error_bursts.bursts(limits.log_burst, limits.log_new_error)
    assert not bursts, finding(
        undeclared_error_bursts.symptom(limits.log_burst, limits.log_new_error),
        evidence=undeclared_error_bursts.evidence(limits.log_burst, limits.log_new_error),
        component=undeclared_error_bursts.component,
        layer="log_evidence",
        manner="log evidence",
        statement=bursts[0].line,
        speaker="log line",
    )
