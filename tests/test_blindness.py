"""The generated test: every check on an empty, a permission-denied, a timed-out and a missing fact. None may pass.

A snapshot of the healthy stack is the only fixture: it is blinded look by look, and the checks judge what is left.
New checks and facts are in it as soon as they exist.
"""

import importlib
import json
import os
import subprocess
import sys
import types
import typing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from oncall.probes import EVERY_PROBE
from oncall.probing.register import PROBES
from stack import lifecycle
from tests.patient import running

ROOT = Path(__file__).parent.parent
EMPTY = {str: "", int: 0, float: 0.0, bool: False, datetime: datetime(1970, 1, 1, tzinfo=UTC), tuple: (), dict: {}}
BLIND = {
    "denied": lambda name: {"kind": "unknown", "reason": "permission denied"},
    "timed-out": lambda name: {"kind": "unknown", "reason": f"{name} did not answer within 3 s"},
    "missing": lambda name: None,
    "empty": lambda name: {"kind": "fact", "fact": msgspec.to_builtins(empty(PROBES[name].fact)), "reason": ""},
}

for module in EVERY_PROBE:
    importlib.import_module(module)
FACTS = sorted({look.fact for look in PROBES.values() if look.fact}, key=lambda fact: fact.__name__)


def empty(kind):
    """The value of a type that says nothing: the record of somebody who did not look."""
    origin = typing.get_origin(kind) or kind
    options = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if type(None) in options else empty(options[0])
    if origin is typing.Literal:
        return "" if "" in options else pytest.fail(f"{kind} has no word for nothing: add ''")
    if issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return kind(**{name: empty(hints[name]) for name in kind.__struct_fields__})
    return EMPTY[origin]


def run(folder, *options):
    """One run of the playbook: its exit code, its screen, its verdicts by check."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "ONCALL"))}
    reports = [f"--json={result}", f"--html={folder / 'report.html'}"]
    command = [sys.executable, "-m", "pytest", "--active=hold", *reports, *options]
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=60)
    verdicts = json.loads(result.read_text())["verdicts"] if result.exists() else []
    return done.returncode, done.stdout + done.stderr, {verdict["check"]: verdict for verdict in verdicts}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A snapshot of the healthy stack, every active look included."""
    folder = tmp_path_factory.mktemp("blindness")
    with running(folder) as home:
        lifecycle.running(home).edit_target("limits.websocket_hold_seconds", 1)
        code, screen, _ = run(folder, f"--target={home.target}", f"--save={folder / 'healthy.json'}")
    assert code == 0, screen
    return json.loads((folder / "healthy.json").read_text())


@pytest.fixture
def replay(healthy, tmp_path):
    """Judge the healthy snapshot with some looks replaced; None takes a look away."""

    def judge(**changed):
        looks = {key: look for key, look in (healthy["probes"] | changed).items() if look is not None}
        snapshot = tmp_path / "snapshot.json"
        snapshot.write_bytes(msgspec.json.encode(healthy | {"probes": looks}))
        return run(tmp_path, f"--replay={snapshot}")

    return judge


def blinded(keys, kind):
    """Those looks, with nothing left to see."""
    return {key: BLIND[kind](key.partition("[")[0]) for key in keys}


def probes_of(verdict):
    return [note["name"] for note in verdict["probes"]]


def test_healthy_snapshot_replays_green(replay):
    """Without this, the tests below would prove nothing: only what was green can be seen to lose its colour."""
    code, screen, verdicts = replay()

    assert code == 0, screen
    assert {verdict["outcome"] for verdict in verdicts.values()} <= {"passed", "skipped"}
    assert sum(verdict["outcome"] == "passed" for verdict in verdicts.values()) > 50


def test_every_check_names_a_fact(replay):
    """A check without a fact looks at nothing, and would be green for ever."""
    _, _, verdicts = replay()

    assert [check for check, verdict in verdicts.items() if not probes_of(verdict)] == []


@pytest.mark.parametrize("kind", BLIND)
def test_no_check_passes_blind(healthy, replay, kind):
    """Never green by default: every check is unknown, and the run fails."""
    code, screen, verdicts = replay(**blinded(healthy["probes"], kind))

    assert code == 1, screen
    assert {check: verdict["outcome"] for check, verdict in verdicts.items() if verdict["outcome"] != "unknown"} == {}
    assert "cannot be read by this version" not in screen


def test_no_check_passes_on_half_of_its_facts(healthy, replay):
    """A check that names several facts needs each of them: one empty is enough to make it unknown."""
    _, _, verdicts = replay()
    several = {key for verdict in verdicts.values() if len(probes_of(verdict)) > 1 for key in probes_of(verdict)}

    for key in sorted(several):
        _, _, verdicts = replay(**blinded([key], "empty"))
        green = [check for check, one in verdicts.items() if key in probes_of(one) and one["outcome"] == "passed"]
        assert green == [], f"green although {key} is empty"


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_empty_record_is_blind(fact):
    """A record with nothing in any field says in one sentence what was not looked at."""
    sentence = empty(fact).inconclusive_reason()

    assert sentence, f"an empty {fact.__name__} passes for evidence"
    assert "\n" not in sentence
    assert not sentence.endswith(".")
