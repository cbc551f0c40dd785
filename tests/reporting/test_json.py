"""The run as one object for machines."""

import json

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from oncall.probing.snapshot import clean
from oncall.reporting.json import VERSION, document
from oncall.results.comparison import Change, Comparison
from oncall.results.record import RunRecord
from oncall.testing import judge
from oncall.timeline.merge import Event
from oncall.verdict import ordered
from tests import result_schema
from tests.reporting.runs import ATTACK, HEALTHY, HOSTILE, OUTAGE, REACHABLE
from tests.result_files import hold_against_schema, shipped, strict


def test_the_object_names_its_version_and_holds_every_verdict():
    """A reader knows what it reads, and misses nothing."""
    told = document(OUTAGE)

    assert told["version"] == VERSION
    assert told["stack"] == "motel"
    assert told["started"] == "2026-11-23T20:29:00Z"
    assert told["counts"] == {"failed": 2, "unknown": 3, "error": 1, "accepted": 1, "skipped": 1, "passed": 1}
    assert [one["check"] for one in told["verdicts"]] == [one.check for one in ordered(OUTAGE.verdicts)]
    assert told["verdicts"][0]["evidence"]["listens"] is False


def test_the_object_can_be_read_back_as_a_run():
    """Nothing is lost: two nights can be compared from their files."""
    told = json.loads(json.dumps(document(OUTAGE)))

    assert msgspec.convert(told, RunRecord).of() == OUTAGE.of()


def test_foreign_text_stays_itself():
    """Machines get what was seen, escaped by JSON alone."""
    told = json.loads(json.dumps(document(HOSTILE)))

    assert told["stack"] == ATTACK


def full():
    """An outage with every member filled."""
    change = Change(
        check=REACHABLE.check, nodeid=REACHABLE.nodeid, severity="p1", symptom="refused", since=OUTAGE.started
    )
    compared = Comparison(
        earlier=OUTAGE.started, compared=7, new=(change,), gone=(change,), still=(change,), unclear=("x",)
    )
    event = Event(at=OUTAGE.started, what="started", source="container state", kind="change", component="backend")
    return replace(OUTAGE, diagnosis=judge(*OUTAGE.verdicts), timeline=(event,), comparison=compared, name="nightly")


RUNS = {
    "healthy": HEALTHY,
    "outage": OUTAGE,
    "hostile": HOSTILE,
    "full": full(),
    "empty": replace(HEALTHY, verdicts=()),
}


def test_the_schema_is_made_from_the_records():
    """Whoever changes a record changes the schema with it: `make index` does."""
    assert result_schema.FILE.read_text() == result_schema.written()


def test_the_schema_is_a_valid_one_of_this_version():
    """A reader's own library can use it."""
    jsonschema.Draft202012Validator.check_schema(shipped())

    assert shipped()["properties"]["version"]["enum"] == [VERSION]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_result_is_as_the_schema_says(run):
    """And nothing stands in it that the schema does not name: the two cannot drift apart."""
    told = json.loads(msgspec.json.encode(clean(document(run), str)))
    hold_against_schema(told)

    assert not [*jsonschema.Draft202012Validator(strict(shipped())).iter_errors(told)]


DAMAGE = {
    "a member is missing": lambda told: told.pop("name"),
    "another version": lambda told: told.update(version=3),
    "a time without its zone": lambda told: told.update(started="2026-11-25T03:00:00"),
    "a number as text": lambda told: told.update(seconds="3"),
    "a count is missing": lambda told: told["counts"].pop("failed"),
    "an outcome that is none": lambda told: told["verdicts"][0].update(outcome="bad"),
    "a verdict without its reason": lambda told: told["verdicts"][0].pop("reason"),
    "a finding that is no name": lambda told: told["causes"][0].update(findings=[{}]),
    "a change without its day": lambda told: told["comparison"]["new"][0].pop("since"),
    "a moment in words": lambda told: told["timeline"][0].update(at="yesterday"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_schema_refuses_what_is_wrong(damage):
    """A schema that takes everything proves nothing."""
    told = json.loads(msgspec.json.encode(document(full())))
    hold_against_schema(told)
    damage(told)

    with pytest.raises(jsonschema.ValidationError):
        hold_against_schema(told)
