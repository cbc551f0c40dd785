"""The smoke gate on a real stack: `--wait` repeats whole rounds and reports the last one, and logs in seldom."""

import json
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from stack import lifecycle
from tests.integration.playbook_runs import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


def logins(patient, since=0):
    """The accounts that logged in or tried to, one entry a request, from the backend's own log."""
    lines = [json.loads(line) for line in patient.log("backend").read_text().splitlines()[since:]]
    names = [line["account"] for line in lines if line["message"] in ("login", "login refused")]
    requests = [line for line in lines if (line.get("method"), line.get("path")) == ("POST", "/api/auth/login")]
    return names, requests


def length(patient):
    return len(patient.log("backend").read_text().splitlines())


def later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def test_broken_stack_that_heals_ends_healthy(patient, runs):
    """The backend comes back after three seconds: the rounds before say what was broken, the last one is reported."""
    patient.kill("backend")
    since = length(patient)
    healing = later(3, lambda: patient.start("backend"))
    run = runs(patient.home.target, "--wait=30")
    healing.join()
    names, requests = logins(patient, since)

    assert run.code == 0, run.screen
    assert 3 < run.seconds < 20
    assert re.search(r"^round 1, \d of 30 s: still broken: P1 backend: ", run.screen, re.MULTILINE)
    assert run.checks("failed", "unknown", "error") == set()
    assert run.result["seconds"] < 20
    assert "Healthy" in run.diagnosis
    assert len(names) == len(requests) == 2
    assert names.count("oncall-probe") == 1
    assert len(run.junit.findall("testcase")) == len(run.verdicts)


def test_stack_that_never_heals_ends_broken_in_time(patient, runs):
    """Exit 1 within the time and one round; every check is reported once."""
    patient.kill("backend")
    one = runs(patient.home.target)
    run = runs(patient.home.target, "--wait=4")

    assert run.code == one.code == 1
    assert 4 < run.seconds < 4 + one.seconds + runs.a_second(patient.home.target)
    assert {check: verdict["outcome"] for check, verdict in run.verdicts.items()} == {
        check: verdict["outcome"] for check, verdict in one.verdicts.items()
    }
    assert run.junit.get("tests") == one.junit.get("tests")
    assert run.screen.count("diagnosis of") == 1


def test_healthy_stack_is_looked_at_once(home, runs):
    """Nothing is waited for, and nothing is said about rounds."""
    run = runs(home.target, "--wait=30")

    assert run.code == 0, run.screen
    assert run.seconds < 45
    assert "round 1" not in run.screen


def test_token_of_the_first_round_is_kept(patient, runs):
    """Something else is broken, so rounds go on; nobody logs in again."""
    patient.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    since = length(patient)
    run = runs(patient.home.target, "--wait=5")
    names, _ = logins(patient, since)

    assert run.code == 1
    assert run.screen.count("round ") >= 1
    assert len(names) == 2, names
    assert "test_issued_token_is_accepted" in run.checks("passed")


def test_refused_login_is_tried_five_times_at_most(patient, runs):
    """Rounds go on every second, logins do not: the bound holds, and the last try is in the last round."""
    patient.sql("UPDATE users SET password_hash = 'x'")
    since = length(patient)
    run = runs(patient.home.target, "--wait=10")
    names, requests = logins(patient, since)

    assert run.code == 1
    assert "test_probe_account_logs_in" in run.checks("failed")
    assert 2 <= names.count("oncall-probe") <= 5, names
    assert len(names) - names.count("oncall-probe") == 1
    assert len(requests) <= 6


def test_login_that_is_mended_is_noticed(patient, runs):
    """A refused login is tried again, so a password that is put right ends the waiting."""
    [(kept,)] = patient.sql("SELECT password_hash FROM users WHERE username = 'oncall-probe'")
    patient.sql("UPDATE users SET password_hash = 'x' WHERE username = 'oncall-probe'")
    mend = f"UPDATE users SET password_hash = '{kept}' WHERE username = 'oncall-probe'"
    mending = later(3, lambda: patient.sql(mend))
    run = runs(patient.home.target, "--wait=20")
    mending.join()

    assert run.code == 0, run.screen
    assert "still broken: P2 auth" in run.screen


def test_token_that_a_new_backend_refuses_is_replaced(patient, runs):
    """A deployment with another secret during the waiting: the old token says nothing about the new backend."""
    patient.kill("frontend")
    since = length(patient)

    def deploy():
        patient.edit_env("backend", JWT_SECRET="another-secret-that-is-long-enough-0123456789abcdef")
        patient.restart("backend")
        patient.start("frontend")

    deploying = later(3, deploy)
    run = runs(patient.home.target, "--wait=30")
    deploying.join()
    names, _ = logins(patient, since)

    assert run.code == 0, run.screen
    assert 2 <= names.count("oncall-probe") <= 5, names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signal_ends_the_waiting_and_reports_the_last_full_round(patient, runs, tmp_path, number):
    """The report is there within a second; no check is unknown because of the signal."""
    patient.kill("backend")
    process = runs.begin(patient.home.target, "--wait=60")
    for line in process.stdout:
        if line.startswith("round 1"):
            break
    time.sleep(1.3)
    began = time.monotonic()
    process.send_signal(number)
    screen, _ = process.communicate(timeout=20)
    seconds = time.monotonic() - began
    result = json.loads((tmp_path / "result.json").read_text())

    assert seconds < runs.a_second(patient.home.target), screen
    assert process.returncode == 2, screen
    assert "P1 backend: " in screen
    assert "had not answered when the run was interrupted" not in json.dumps(result)
    assert result["interrupted"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--replay={snapshot}", "--wait=5"], "--wait is refused with --replay"),
        (["--followup={snapshot}"], "--followup only serves a post-mortem: add --postmortem FILE"),
        (["--postmortem=x.md", "--followup={snapshot}"], "this is not the --json file of a later run"),
        (["--postmortem=x.md", "--followup=none.json"], "the file cannot be read: no such file or directory"),
        (["--wait=soon"], "invalid number of seconds value: 'soon'"),
    ],
    ids=str,
)
def test_options_that_say_nothing_together_are_refused(home, runs, tmp_path, options, sentence):
    """One sentence, exit 4, no file."""
    snapshot = tmp_path / "facts.json"
    snapshot.write_text('{"format": "pytest-oncall snapshot", "version": 2, "probes": {}}')
    replay = any("--replay" in option for option in options)
    run = runs(None if replay else home.target, *[option.format(snapshot=snapshot) for option in options])

    assert run.code == 4, run.screen
    assert sentence in run.screen
    assert "Traceback" not in run.screen
    assert not (tmp_path / "result.json").exists()


def test_post_mortem_of_a_snapshot_with_a_later_run(patient, runs, tmp_path):
    """What a later run found healed is said to be over; a run of another stack is refused."""
    patient.kill("backend")
    runs(patient.home.target, f"--save={tmp_path}/outage.json")
    lifecycle.heal(patient.home, lambda line: None)
    runs(patient.home.target)
    (tmp_path / "result.json").rename(tmp_path / "healed.json")
    draft = tmp_path / "draft.md"
    run = runs(None, f"--replay={tmp_path}/outage.json", f"--postmortem={draft}", f"--followup={tmp_path}/healed.json")
    text = draft.read_text()

    assert run.code == 1
    assert text.startswith("## Incident: backend: backend has ended")
    assert "Service restored: all that had failed was found healthy" in text
    assert "- [x] Fix implemented and verified" in text
    assert "- [x] Root cause identified" in text

    stranger = json.loads((tmp_path / "healed.json").read_text()) | {"stack": "another"}
    (tmp_path / "other.json").write_text(json.dumps(stranger))
    other = runs(None, f"--replay={tmp_path}/outage.json", f"--postmortem={draft}", f"--followup={tmp_path}/other.json")

    assert other.code == 4
    assert "that run looked at 'another'" in other.screen


def test_post_mortem_that_cannot_be_written_is_told(home, runs, tmp_path):
    """Like any other file: one line of problem, and exit 6 for a healthy run."""
    run = runs(home.target, f"--postmortem={tmp_path}/none/draft.md")

    assert run.code == 6, run.screen
    assert re.search(r"PROBLEM +the post-mortem .*draft.md could not be written: No such file or directory", run.screen)


def commands(node):
    """Every shell line of a job, wherever it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "run":
                yield value
            elif key == "script":
                yield from value
            else:
                yield from commands(value)
    elif isinstance(node, list):
        for value in node:
            yield from commands(value)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_jobs_run_as_they_stand(file, home, runs, tmp_path):
    """Every option exists, the command runs on a real stack, and what the job keeps is what was written."""
    job = yaml.safe_load(file.read_text())
    [words] = [line.split() for line in commands(job) if "pytest" in line]
    known = runs.typed(sys.executable, "-m", "pytest", "--help").screen
    options = [word.partition("=")[0] for word in words if word.startswith("--")]

    assert options
    assert [option for option in options if f"{option}" not in known] == []

    words[0] = sys.executable
    moved = [word.replace("=reports/", f"={tmp_path}/").replace("=oncall.toml", f"={home.target}") for word in words]
    run = runs.typed(*moved, GITHUB_ACTIONS="true")

    assert run.code == 0, run.screen
    names = {Path(name).name for name in re.findall(r"reports/(smoke\.\w+)", file.read_text())}
    assert names == {path.name for path in tmp_path.glob("smoke.*")}
    assert "::notice title=reference::Healthy" in run.screen
