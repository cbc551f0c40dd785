"""The stack as systemd units, in a Debian that boots: asked from inside by systemctl, and from outside by ssh.

The container stands for a machine: the suite does not know of it.
"""

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from oncall.testing.running import Run
from stack.state import Home, StackError
from stack.systemd import lifecycle
from stack.systemd.units import name as unit_of
from tests.patient import quiet
from tests.scoring import ROOT, diagnose

pytestmark = [
    pytest.mark.docker,
    pytest.mark.alone,
]  # its systemd makes a cgroup hierarchy that other engines trip over
TRIES = 10  # until the machine is calm enough to judge by
PYTHON = f"{ROOT}/.venv/bin/python"


@pytest.fixture(scope="module")
def home():
    """A stack of units; its state folder has the same place inside."""
    home = Home(Path(tempfile.mkdtemp(prefix="oncall-units-")))
    try:
        try:
            lifecycle.up(home, quiet)
        except StackError as refused:
            if os.environ.get("ONCALL_ENGINE") == "required":
                raise
            pytest.skip(f"no systemd can be had here: {refused}")
        yield home
    finally:
        lifecycle.down(home, quiet)


@pytest.fixture
def booted(home):
    """Healthy before each test, and with room for other tests on this machine."""
    booted = lifecycle.heal(home, quiet)
    with home.target.open("a") as file:
        file.write("\n[limits]\nhost_runnable_per_cpu = 1000\n")
    return booted


def inside(booted):
    """One run on the machine itself, the checkout read-only."""
    result = booted.home.path / "result.json"
    result.unlink(missing_ok=True)
    options = [f"--target={booted.home.target}", f"--json={result}", f"--html={booted.home.path}/report.html"]
    screen = booted.run(PYTHON, "-B", "-m", "pytest", "-p", "no:cacheprovider", *options, check=False)
    said = result.read_text() if result.exists() else "{}"
    return Run(code=0, screen=screen, files={"result.json": said})


def judged(booted, look=inside):
    run = look(booted)
    for _ in range(TRIES):
        if not run.starved:
            break
        time.sleep(1)
        run = look(booted)
    return run


def only_cause(booted):
    """The one cause; what it says to type is of systemd, and ends as it says."""
    run = judged(booted)

    assert len(run.causes) == 1, run.screen
    cause = run.causes[0]
    commands = cause["next"]["commands"]
    assert not re.search("docker|compose", "\n".join(commands)), commands
    for command in commands:
        if not command.startswith("sudo"):
            code = int(booted.run("sh", "-c", f"( {command} ) >/dev/null 2>&1; echo $?").splitlines()[-1])
            assert code in cause["next"]["exits"], command
    return run, cause


def dies(booted, *lines):
    """The backend with further settings, started anew."""
    booted.drop_in("backend", "[Service]", *lines)
    booted.systemctl("restart", unit_of("backend"), check=False)


def test_healthy_units_are_green(booted):
    """All that units have is judged, from state to secrets; what they have not says so."""
    run = judged(booted)
    reasons = {name: one["reason"] for name, one in run.verdicts.items() if one["outcome"] == "skipped"}

    assert run.causes == [], run.screen
    assert {one["outcome"] for one in run.verdicts.values()} <= {"passed", "skipped"}, run.screen
    for part in ("backend", "frontend", "postgres"):
        for check in ("container_memory_is_under_its_limit", "container_processes_are_under_their_limit"):
            assert run.verdicts[f"test_{check}[{part}]"]["outcome"] == "passed"
        assert "is a unit, which has no network of its own" in reasons[f"test_services_share_a_network[{part}]"]


def test_a_unit_that_was_stopped(booted):
    """Somebody stopped it, and systemd forgets the rest."""
    booted.systemctl("stop", unit_of("backend"))
    _, cause = only_cause(booted)

    assert (cause["component"], cause["symptom"]) == (
        "backend",
        "backend is inactive: it was stopped, or never started",
    )


def test_a_unit_that_was_killed(booted):
    """By a signal, and nothing starts it again."""
    booted.drop_in("backend", "[Service]", "Restart=no")
    booted.systemctl("kill", "-s", "KILL", unit_of("backend"))
    booted.wait(lambda: booted.show("backend", "ActiveState") == "failed", "the unit has failed")
    _, cause = only_cause(booted)

    assert cause["component"] == "backend"
    assert cause["symptom"] == "backend has ended: exit code 137, killed (SIGKILL)"


def test_a_unit_that_systemd_starts_again_and_again(booted):
    """It ends at every start."""
    dies(booted, "ExecStart=", "ExecStart=/bin/sh -c 'echo cannot open the configuration; exit 1'")
    booted.wait(lambda: int(booted.show("backend", "NRestarts")) >= 4, "some restarts")
    _, cause = only_cause(booted)

    assert cause["component"] == "backend"
    assert cause["symptom"].startswith("backend starts again and again")


def test_a_unit_whose_command_is_not_there(booted):
    """systemd's own exit code says it."""
    dies(booted, "ExecStart=", "ExecStart=/nowhere/api", "Restart=no")
    booted.wait(lambda: booted.show("backend", "ActiveState") == "failed", "the unit has failed")
    journal = ("journalctl", "--unit", unit_of("backend"), "--lines=20", "--no-pager")
    booted.wait(lambda: "Failed at step EXEC" in booted.run(*journal), "the journal has it")
    _, cause = only_cause(booted)

    assert cause["symptom"].startswith("backend has ended: exit code 203, its command cannot be executed; last line: ")
    assert "Failed at step EXEC" in cause["symptom"]


def test_a_unit_at_its_memory_limit(booted):
    """MemoryMax is nearly used up: it gets slow, and then gets killed."""
    used = int(booted.show("frontend", "MemoryCurrent"))
    booted.systemctl("set-property", "--runtime", unit_of("frontend"), f"MemoryMax={int(used / 0.95)}")
    try:
        run, cause = only_cause(booted)
    finally:
        booted.systemctl("revert", unit_of("frontend"), check=False)

    assert cause["component"] == "frontend", run.screen
    assert "of its memory limit" in cause["symptom"] or "killed for lack of memory" in cause["symptom"]


def test_a_unit_that_was_killed_for_its_memory(booted):
    """It takes more than MemoryMax and stays down: the kernel's counter or systemd's result prove it."""
    eats = "import time; x = bytearray(300 * 2**20); time.sleep(600)"
    dies(booted, "ExecStart=", f'ExecStart={PYTHON} -c "{eats}"', "MemoryMax=64M", "MemorySwapMax=0", "Restart=no")
    booted.wait(lambda: booted.show("backend", "ActiveState") == "failed", "the kernel has killed it")
    run, cause = only_cause(booted)

    assert cause["component"] == "backend", run.screen
    assert "killed" in cause["symptom"]


def test_a_journal_full_of_errors(booted):
    """What a unit writes goes to the journal, and is read there."""
    line = json.dumps({"level": "error", "message": "accept failed", "error": "EMFILE: too many open files"})
    wraps = f"for n in 1 2 3; do echo '{line}' | tr -d '\\\\'; done; sleep 1"
    script = booted.home.path / "complains.sh"
    script.write_text(f"#!/bin/sh\n( sleep 2; {wraps} ) &\nexec {PYTHON} -m stack.backend\n")
    dies(booted, "ExecStart=", f"ExecStart=/bin/sh {script}")
    said = ["journalctl", "-u", unit_of("backend"), "-o", "cat", "--no-pager", "-n", "50"]
    booted.wait(lambda: "EMFILE" in booted.run(*said), "the lines are in the journal")
    run, cause = only_cause(booted)

    assert cause["component"] == "backend", run.screen
    assert cause["symptom"].startswith("log of backend:")


@pytest.fixture
def by_ssh(booted, tmp_path):
    """A run on this machine that reaches the other one by ssh, as users do: the key and the host's are the test's."""
    key, config = tmp_path / "key", tmp_path / "config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = booted.sshd(key.with_suffix(".pub").read_text().strip())
    config.write_text(
        f"Host *\n  IdentityFile {key}\n  UserKnownHostsFile {tmp_path}/known\n  StrictHostKeyChecking accept-new\n"
    )
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
    ssh.chmod(0o755)
    target = booted.home.path / "far.toml"
    target.write_text(booted.home.target.read_text().replace('at = "local"', f'at = "ssh://root@127.0.0.1:{port}"'))
    path = {"PATH": f"{ssh.parent}:{os.environ['PATH']}"}
    yield lambda _: diagnose(target, variables=path)
    booted.systemctl("stop", "oncall-sshd", check=False)


def test_units_of_a_far_host(booted, by_ssh):
    """The same questions through ssh: state, logs, counters; and the same answer when one has ended."""
    healthy = judged(booted, by_ssh)
    booted.systemctl("stop", unit_of("backend"))
    run = judged(booted, by_ssh)

    assert healthy.causes == [], healthy.screen
    for part in ("backend", "frontend", "postgres"):
        for check in ("service_is_running", "log_shows_no_fatal_error", "container_memory_is_under_its_limit"):
            assert healthy.verdicts[f"test_{check}[{part}]"]["outcome"] == "passed"
    assert [(one["component"], one["symptom"]) for one in run.causes] == [
        ("backend", "backend is inactive: it was stopped, or never started")
    ], run.screen
