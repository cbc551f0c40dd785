"""The run as one object for machines."""

import json

import msgspec

from oncall.reporting.json import document
from oncall.run import Run
from oncall.verdict import ordered
from tests.reporting.runs import ATTACK, HOSTILE, OUTAGE


def test_the_object_names_its_version_and_holds_every_verdict():
    """A reader knows what it reads, and misses nothing."""
    told = document(OUTAGE)

    assert told["version"] == 1
    assert told["stack"] == "motel"
    assert told["started"] == "2026-11-23T20:29:00Z"
    assert told["counts"] == {"failed": 2, "unknown": 3, "error": 1, "accepted": 1, "skipped": 1, "passed": 1}
    assert [one["check"] for one in told["verdicts"]] == [one.check for one in ordered(OUTAGE.verdicts)]
    assert told["verdicts"][0]["evidence"]["listens"] is False


def test_the_object_can_be_read_back_as_a_run():
    """Nothing is lost: two nights can be compared from their files."""
    told = json.loads(json.dumps(document(OUTAGE)))

    assert msgspec.convert(told, Run).of() == OUTAGE.of()


def test_foreign_text_stays_itself():
    """Machines get what was seen, escaped by JSON alone."""
    told = json.loads(json.dumps(document(HOSTILE)))

    assert told["stack"] == ATTACK
