"""A snapshot is judged like the live stack, wherever and whenever that is done."""

import json
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.playbook_runs import TRIES, Runs, checkout


def stopped(patient):
    patient.stop("postgres")


def several(patient):
    patient.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    patient.kill("frontend", signal.SIGKILL)
    patient.edit_env("backend", JWT_SECRET="changeme")


def hanging(patient):
    patient.pause("backend")


def healthy(patient):
    """Nothing is broken."""


@pytest.fixture
def elsewhere(tmp_path):
    """A copy of the suite without any target file, with a clock thirty days ahead."""
    folder = checkout(tmp_path / "elsewhere")
    shutil.copy(Path(__file__).with_name("later.py"), folder)
    return folder


@pytest.fixture
def replayed(runs, elsewhere):
    """Replays a snapshot there, with nothing in the environment."""

    def replay(snapshot, *options):
        words = runs.command(None, f"--replay={snapshot}", *options)
        return runs.typed(*words, "-p", "later", cwd=elsewhere, environment={})

    return replay


@pytest.mark.parametrize("condition", [healthy, stopped, several, hanging])
def test_replay_says_the_same_to_the_byte(patient, runs, replayed, tmp_path, condition):
    """Stack down, no environment, a month later: same diagnosis, same verdicts, same exit code."""
    condition(patient)
    live = runs(patient.home.target, f"--save={tmp_path}/facts.json")
    told = live.result
    for part in ("frontend", "backend", "postgres"):
        if patient.lives(part):
            patient.kill(part)
    replay = replayed(tmp_path / "facts.json", f"--target={patient.home.target}")
    again = replay.result

    assert replay.diagnosis == live.diagnosis
    assert again["replayed_from"] == f"{tmp_path}/facts.json"
    for about_the_run in ("seconds", "replayed_from", "report", "host"):
        told.pop(about_the_run), again.pop(about_the_run)
    assert json.dumps(again) == json.dumps(told)
    assert replay.code == live.code


@pytest.fixture(scope="module")
def snapshot(home, tmp_path_factory):
    """A snapshot of the healthy stack."""
    folder = tmp_path_factory.mktemp("snapshot")
    for _ in range(TRIES):
        run = Runs(folder)(home.target, f"--save={folder}/facts.json")
        assert run.code == 0, run.screen
        if '"load"' not in (folder / "facts.json").read_text():
            break  # else this machine was busy, and lateness in the snapshot would prove nothing
    return folder / "facts.json"


def test_other_limits_change_a_verdict(snapshot, replayed, tmp_path):
    """--target brings its limits to a replay; the facts stay."""
    (tmp_path / "strict.toml").write_text("[limits]\nhealth_seconds = 0.000001\n")
    run = replayed(snapshot, f"--target={tmp_path}/strict.toml")

    assert replayed(snapshot).code == 0
    assert run.code == 1
    assert run.checks("failed") == {"test_backend_answers_its_health_check"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plain: plain["probes"].pop("backend_health"), "backend_health is not in the snapshot"),
        (lambda plain: plain["probes"]["backend_health"].pop("fact"), "cannot be read by this version"),
        (lambda plain: plain["probes"]["backend_health"].update(fact={"nothing": 1}), "cannot be read by this version"),
        (lambda plain: plain["probes"]["backend_health"].update(kind="gone", reason="no idea"), "no idea"),
    ],
    ids=["missing", "without its fact", "another shape", "unknown kind"],
)
def test_look_that_the_snapshot_does_not_tell_is_unknown(snapshot, replayed, tmp_path, change, words):
    """What is not in the snapshot was not seen: unknown, and the rest is judged."""
    plain = json.loads(snapshot.read_text())
    change(plain)
    (tmp_path / "less.json").write_text(json.dumps(plain))
    run = replayed(tmp_path / "less.json")

    assert run.code == 1
    assert run.checks("unknown") == {"test_backend_answers_its_health_check"}
    assert words in run.verdicts["test_backend_answers_its_health_check"]["reason"]


def altered(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "it is not JSON"),
        (lambda text: "garbage", "it is not JSON"),
        (lambda text: text[: len(text) // 2], "it is not JSON"),
        (lambda text: "\0\udcff", "it is not JSON"),
        (lambda text: "[" * 100_000, "it is not JSON"),
        (lambda text: "{}", "is not a snapshot of pytest-oncall"),
        (lambda text: "[]", "is not a snapshot of pytest-oncall"),
        (altered(version=99), "has version 99; this suite reads"),
        (altered(clock="yesterday"), "is damaged"),
        (altered(clock="2026-01-01T00:00:00"), "is damaged"),
        (altered(probes=[]), "is damaged"),
        (altered(probes={"backend_health": 3}), "is damaged"),
        (altered(target={"stack": 1}), "is damaged"),
    ],
    ids=(
        *("empty", "text", "half", "bytes", "deep", "object", "list"),
        *("version", "clock", "zone", "probes", "look", "target"),
    ),
)
def test_file_that_is_no_snapshot_is_refused_in_one_sentence(snapshot, replayed, tmp_path, change, words):
    """Garbage, half a file, another version: exit 4, the file and the reason, no traceback."""
    file = tmp_path / "bad.json"
    file.write_text(change(snapshot.read_text()), errors="surrogateescape")
    run = replayed(file)

    assert_refused(run, f"{file}: ", words)


def test_missing_snapshot_and_folder_are_refused_in_one_sentence(replayed, tmp_path):
    """So are a file that is not there, and a folder."""
    assert_refused(replayed(tmp_path / "none.json"), "none.json: the snapshot cannot be read: no such file")
    assert_refused(replayed(tmp_path), "the snapshot cannot be read: it is a folder")


def assert_refused(run, *words):
    assert run.code == 4, run.screen
    assert "Traceback" not in run.screen
    assert len([line for line in run.screen.splitlines() if line.startswith("ERROR")]) == 1
    assert all(word in run.screen for word in words), run.screen


def test_accepted_findings_are_judged_at_the_clock_of_the_snapshot(patient, runs, replayed, tmp_path):
    """What was accepted on that day stays accepted in a replay a month later; past its day it fails."""
    patient.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    today = datetime.now(UTC).date()
    target = tmp_path / "target.toml"

    def accept(day):
        accepted = f'\n[accepted]\ntest_database_accepts_writes = {{ reason = "moving house", until = {day} }}\n'
        target.write_text(patient.home.target.read_text() + accepted)

    accept(today)
    live = runs(target, f"--save={tmp_path}/facts.json")
    replay = replayed(tmp_path / "facts.json")
    accept(today - timedelta(days=1))
    late = runs(target)

    assert (live.code, replay.code, late.code) == (0, 0, 1)
    assert live.checks("accepted") == replay.checks("accepted") == {"test_database_accepts_writes"}
    assert "moving house" in live.diagnosis
    assert live.diagnosis == replay.diagnosis
    assert late.checks("failed") == {"test_database_accepts_writes"}
