"""A log says something that it has never said in a good run: seen by the run after, though it is no burst."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stack.faults.embedded.logs import say
from tests.integration.playbook_runs import Runs

CHECK = "test_log_shows_no_burst_of_errors[backend]"
NEW = "mail {number}: the template invoice.html has no field total"
NIGHT = timedelta(hours=8)


@pytest.mark.stack
def test_an_error_that_no_good_night_has_met_is_a_finding(patient, tmp_path):
    """Four lines of it: too few for a burst. Without a kept run nothing is called new, and nor is it an hour later."""
    runs = Runs(tmp_path)
    kept = (
        "--run-name=nightly",
        f"--html={tmp_path}/nightly.html",
        f"--override-ini=oncall_report={tmp_path}/night.html",
    )
    first = runs(patient.home.target, *kept)
    assert first.code == 0, first.screen
    say(patient, "backend", *({"message": NEW.format(number=number)} for number in range(4)))

    assert runs(patient.home.target, *kept).verdicts[CHECK]["outcome"] == "passed"
    for file in tmp_path.glob("nightly-*.json"):
        aged(file)
    again = runs(patient.home.target, *kept)

    assert again.code == 1, again.screen
    assert [cause["component"] for cause in again.causes] == ["backend"]
    assert again.verdicts[CHECK]["symptom"].startswith(
        "log of backend: 4 times within 15 min, and in no good run before"
    )


def aged(file):
    """As if that run had been in the night; the second one, which met the lines, is gone."""
    result = json.loads(file.read_text())
    if result["errors"]["backend"]:
        file.unlink()
        return
    started = datetime.fromisoformat(result["started"]) - NIGHT
    file.write_text(json.dumps(result | {"started": started.astimezone(UTC).isoformat()}))
    file.rename(file.with_name(f"nightly-{started:%Y-%m-%dT%H%M%SZ}.json"))
