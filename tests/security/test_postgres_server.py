"""Attacks A4, A6, A13 and A15, as far as a database server can make them: it is hostile, careless, or refuses."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.playbook_runs import ROOT, clean_environment, write_target
from tests.probes.patients import free_port
from tests.security import hostile_postgres
from tests.security.hostile_postgres import hostile

PASSWORD = "correct-horse-battery"
BUDGET = 6
MIB = 1 << 20
FIGURES = []


class Ran:
    """One run of the suite against a database alone: its screen, files, seconds and peak memory."""

    def __init__(self, folder, port, *options, password=PASSWORD, **keys):
        absent = {name: {"absent": True} for name in ("host", "docker", "backend", "frontend", "auth", "websocket")}
        auth = {"auth": {"absent": False}} if keys.pop("auth", False) else {}
        postgres = {"host": "127.0.0.1", "port": port, **keys}
        target = write_target(folder / "oncall.toml", {**absent, **auth, "postgres": postgres})
        self.files = {
            name: folder / name for name in ("page.html", "junit.xml", "out.json", "facts.json", "postmortem.md")
        }
        words = [f"--html={folder}/page.html", f"--junitxml={folder}/junit.xml", f"--result={folder}/out.json"]
        words += [f"--save={folder}/facts.json", f"--postmortem={folder}/postmortem.md", "-v"]
        began = time.monotonic()
        with (folder / "screen").open("wb") as screen:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", f"--target={target}", f"--budget={BUDGET}", *words, *options],
                cwd=ROOT,
                env=clean_environment(ONCALL_DB_PASSWORD=password, PGPASSWORD="another-password", COLUMNS="200"),
                stdout=screen,
                stderr=subprocess.STDOUT,
            )
            self.memory = 0
            while process.poll() is None:
                self.memory = max(self.memory, peak(process.pid))
                time.sleep(0.01)
        self.code, self.seconds = process.returncode, time.monotonic() - began
        self.screen = (folder / "screen").read_text(errors="replace")

    @property
    def verdicts(self):
        return {one["check"]: one for one in json.loads(self.files["out.json"].read_text())["verdicts"]}

    def reason(self, check):
        return self.verdicts[check]["reason"] or ""


def peak(pid):
    """The most memory that a process has held so far, in bytes; what wait4 tells holds that of its parent as well."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


@pytest.fixture
def run(tmp_path):
    return lambda port, *options, **keys: Ran(tmp_path, port, *options, **keys)


def assert_in_bounds(ran, name):
    FIGURES.append((name, ran.seconds, ran.memory / MIB))
    print(f"{name:28} {ran.seconds:5.2f} s {ran.memory / MIB:5.0f} MiB")
    assert ran.code == 1, ran.screen
    assert ran.seconds < BUDGET + 1.5, ran.screen
    assert ran.memory < 150e6, f"{ran.memory / MIB:.0f} MiB"
    assert "bug in the suite" not in ran.screen
    assert not [
        one for one in ran.verdicts.values() if one["outcome"] in ("error", "passed") and one["severity"] != "p1"
    ]
    for file in ran.files.values():
        assert file.stat().st_size < 20 * MIB
        text = file.read_text()
        assert PASSWORD not in text
        assert "Traceback" not in text


def assert_nothing_learned(heard):
    sent = b"".join(heard)
    inner = hashlib.md5(f"{PASSWORD}oncall".encode()).hexdigest()
    secrets = (PASSWORD, "another-password", "md5" + hashlib.md5(f"{inner}salt".encode()).hexdigest())
    assert not [one for one in secrets if one.encode() in sent]


@pytest.mark.parametrize("talking", hostile_postgres.BEFORE, ids=lambda one: one.__name__)
def test_server_that_is_hostile_before_it_lets_us_in(run, talking):
    """It learns no password, costs neither time nor memory, and is told."""
    with hostile(talking) as (port, heard):
        ran = run(port)

    assert_in_bounds(ran, talking.__name__)
    assert_nothing_learned(heard)


@pytest.mark.parametrize("talking", hostile_postgres.DURING, ids=lambda one: one.__name__)
def test_server_that_answers_queries_without_measure(run, talking):
    """Whatever it sends, a bound of bytes, of rows and of time holds; no check passes on it."""
    with hostile(talking) as (port, heard):
        ran = run(port, auth=True)

    assert_in_bounds(ran, talking.__name__)
    assert_nothing_learned(heard)


@pytest.mark.parametrize(
    ("talking", "key", "words"),
    [
        (hostile_postgres.clear_text, "password", "the server asks for the password in clear text"),
        (hostile_postgres.md5, "md5", "the server asks for the password as md5"),
        (hostile_postgres.gss, "gss", "the server asks for a GSSAPI ticket"),
    ],
)
def test_server_that_asks_for_the_password_in_another_way_is_told_with_the_mend(run, talking, key, words):
    """One sentence, one key."""
    with hostile(talking) as (port, _):
        ran = run(port)

    reason = ran.reason("test_database_accepts_the_login")
    assert reason == f'{words}; nothing was sent: set postgres.require_auth = "{key}" if that is meant'
    assert ran.verdicts["test_database_is_reachable"]["outcome"] == "passed"


def test_password_in_clear_is_sent_where_the_target_means_it(run):
    """A healthy setup of that kind needs one key."""
    with hostile(hostile_postgres.clear_text) as (port, heard):
        run(port, require_auth="password")

    assert PASSWORD.encode() in b"".join(heard)


def test_refused_port_is_refused_on_a_busy_machine(run):
    """An import that takes long says nothing about the database."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(10)]
    try:
        ran = run(free_port(), "-k", "test_database_is_reachable")
    finally:
        for one in busy:
            one.kill()
            one.wait()

    assert "nothing listens at 127.0.0.1:" in ran.verdicts["test_database_is_reachable"]["symptom"]
