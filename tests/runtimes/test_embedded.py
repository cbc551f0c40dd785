"""The embedded stack as the plain processes that it is: one right cause each, and commands that work there."""

import contextlib
import os
import re
import resource
import subprocess
import sys
import time

import pytest

from oncall.cli.main import main
from stack import lifecycle
from tests.patient import quiet, running
from tests.scoring import diagnose

TRIES = 10  # until the machine is calm enough to judge by


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with running(tmp_path_factory.mktemp("stack")) as home:
        yield home


@pytest.fixture
def stack(home):
    """Healthy before each test."""
    lifecycle.heal(home, quiet)
    return lifecycle.running(home)


def judged(home):
    run = diagnose(home.target)
    for _ in range(TRIES):
        if not run.starved:
            break
        time.sleep(1)
        run = diagnose(home.target)
    return run


def only_cause(home):
    """The one cause of a run; whatever it says to type has no word of Compose."""
    run = judged(home)

    assert len(run.causes) == 1, run.screen
    typed = run.causes[0]["next"]["commands"]
    assert not re.search("docker|compose", "\n".join(typed)), typed
    checked = subprocess.run(["bash", "-n"], input="\n".join(typed), text=True, capture_output=True, check=False)
    assert checked.stderr == ""
    return run, run.causes[0]


def test_healthy_processes_are_judged(home, stack):
    """Running, logs, limits, secrets: what processes have is looked at; what they have not is skipped, and says so."""
    run = judged(home)
    skipped = {name: one["reason"] for name, one in run.verdicts.items() if one["outcome"] == "skipped"}

    assert run.code == 0, run.screen
    for part in ("backend", "frontend", "postgres"):
        for check in (
            "service_is_running",
            "service_stays_up",
            "log_shows_no_fatal_error",
            "container_cpu_is_not_pegged",
        ):
            assert run.verdicts[f"test_{check}[{part}]"]["outcome"] == "passed"
        assert "is a process, which has no network of its own" in skipped[f"test_services_share_a_network[{part}]"]
        assert "which has no health check of its own" in skipped[f"test_service_is_healthy[{part}]"]
    for check in ("backend_has_a_memory_limit", "jwt_secret_is_the_same_everywhere", "nothing_was_killed_for_memory"):
        assert run.verdicts[f"test_{check}"]["outcome"] == "passed"


def test_a_process_that_was_killed(home, stack):
    """Its pid file names nobody; the next command looks at the process and its log, and can be typed."""
    stack.kill("backend")
    _, cause = only_cause(home)
    code = subprocess.run(cause["next"]["commands"][0], shell=True, capture_output=True, check=False).returncode

    assert (cause["component"], cause["symptom"]) == ("backend", "backend has ended")
    assert code in cause["next"]["exits"]


def test_a_process_that_is_frozen(home, stack):
    """SIGSTOP: not a slow backend, not a lost network."""
    stack.pause("backend")
    _, cause = only_cause(home)

    assert cause["component"] == "backend"
    assert cause["symptom"].startswith("backend is frozen")


def test_a_process_that_its_supervisor_starts_again_and_again(home, stack):
    """It dies at each start; a supervisor does not give up."""
    stack.stop("backend")
    file, log = home.pid_file("backend"), stack.log("backend.out")
    dies = f"{sys.executable} -c 'import time; time.sleep(0.1)'"
    script = f"while true; do {dies} >> {log} 2>&1 & echo $! > {file}; wait; done"
    with subprocess.Popen(["bash", "-c", script], start_new_session=True) as supervisor:
        try:
            run, cause = only_cause(home)
        finally:
            os.killpg(supervisor.pid, 9)

    assert cause["component"] == "backend", run.screen
    assert cause["symptom"].startswith("backend starts again and again")


def test_a_process_near_its_memory_limit(home, stack):
    """The address space that it may have is nearly used up; nothing has failed yet."""
    process = stack.process("backend")
    used = process.memory_info().vms
    process.rlimit(resource.RLIMIT_AS, (int(used / 0.95), process.rlimit(resource.RLIMIT_AS)[1]))
    _, cause = only_cause(home)

    assert cause["component"] == "backend"
    assert re.fullmatch(r"backend uses 9\d % of its memory limit", cause["symptom"])


def test_a_log_full_of_errors(home, stack):
    """The backend says in its file that it has run out of files; its health check does not know."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    line = f'{{"time": "{at}", "level": "error", "message": "accept failed", "error": "EMFILE: too many open files"}}\n'
    until = time.monotonic() + 30
    with contextlib.suppress(FileNotFoundError), stack.log("backend").open("a") as file:
        while time.monotonic() < until and time.time() < stack.process("backend").create_time() + 2:
            time.sleep(0.1)
        file.write(line.replace(at, time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())) * 12)
    run, cause = only_cause(home)

    assert cause["component"] == "backend", run.screen
    assert cause["symptom"].startswith("log of backend:")
    assert cause["next"]["section"] == "fatal-log"


def test_who_depends_on_whom_is_read_off_variables_and_ports(home, stack, capsys):
    """On one host everybody is called localhost: the port tells who is meant."""
    assert main(["checks", "--graph", "--target", str(home.target)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert ["backend", "->", "postgres", "variable", "DATABASE_URL"] in lines
    assert ["frontend", "->", "backend", "variable", "UPSTREAM"] in lines
