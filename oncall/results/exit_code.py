"""The exit code of a run.

0  healthy                                    4  the target file cannot be read (raised long before)
1  FAILED, UNKNOWN or ERROR                   5  every selected check was skipped, or none was selected
2  interrupted with something unanswered      6  healthy, but the report could not be written
"""

from collections.abc import Iterable

from oncall.verdict import SEVERITIES, Severity, Verdict

HEALTHY, SICK, INTERRUPTED, NOTHING_LOOKED_AT, NOT_WRITTEN = 0, 1, 2, 5, 6


def exit_code(
    pytest_says: int,
    verdicts: Iterable[Verdict],
    *,
    fail_on: Severity,
    interrupted: bool,
    not_written: bool,
    others_failed: bool = False,
) -> int:
    """Pytest's own code, corrected by what it cannot know.

    fail_on: FAILED and UNKNOWN of a lesser severity than this do not count; ERROR always does.
    others_failed: a test that is no check, and so has no severity, has failed.
    """
    verdicts = list(verdicts)
    if interrupted and any(verdict.outcome == "unknown" for verdict in verdicts):
        return INTERRUPTED
    if pytest_says == SICK:
        bar = SEVERITIES.index(fail_on)
        sick = [verdict for verdict in verdicts if verdict.outcome in ("failed", "unknown", "error")]
        counts = any(verdict.outcome == "error" or SEVERITIES.index(verdict.severity) <= bar for verdict in sick)
        if counts or others_failed or not sick:
            return SICK
        pytest_says = HEALTHY
    if pytest_says == HEALTHY and verdicts and all(verdict.outcome == "skipped" for verdict in verdicts):
        return NOTHING_LOOKED_AT
    return NOT_WRITTEN if pytest_says == HEALTHY and not_written else pytest_says
