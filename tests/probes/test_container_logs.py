"""The logs of real containers: bounded whatever they write, read by every driver that can be, and judged."""

import subprocess
import sys
import time

import pytest

from oncall.target.schema import Limits
from tests.probes.asking import ask, door, why_unknown
from tests.probes.small_project import SmallProject, docker, needs_engine, until

pytestmark = needs_engine
ONE_LOOK = """
import sys, time
from oncall.target.schema import Docker, Stack
from tests.probes.asking import ask
began = time.monotonic()
fact = ask("container_log", Stack(docker=Docker(project=sys.argv[1])), service="backend")
names = ",".join(sign.name for sign in (*fact.signs, *fact.past)) or "none"
broken = sum(sign.line.count(chr(0xFFFD)) for sign in (*fact.signs, *fact.past))
peak = next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(names, broken, fact.cut, peak, round(time.monotonic() - began, 2))
"""


@pytest.fixture
def small():
    """A project of its own, gone afterwards."""
    project = SmallProject()
    yield project
    project.gone()


def written(small, service="backend"):
    """Wait until a container has written all it will: its shell then sleeps."""
    name = f"{small.name}-{service}-1"
    until(lambda: docker("top", name, "-o", "pid,comm").splitlines()[-1].split()[-1] == "sleep", 120)
    time.sleep(0.3)


def look_apart(small):
    """One look in a process of its own: names, broken characters, cut, peak in MiB, seconds."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_LOOK, small.name], capture_output=True, text=True, timeout=60, check=True
    )
    names, broken, cut, peak, seconds = done.stdout.split()
    return names, int(broken), cut == "True", int(peak), float(seconds)


@pytest.mark.parametrize("terminal", [(), ("-t",)], ids=["frames", "terminal"])
@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_both_streams_of_a_container_are_read(small, driver, terminal):
    """Standard output and error, with a terminal or without, whichever driver keeps them."""
    script = "echo 'ENOSPC: no space left'; sleep 0.1; echo 'EMFILE über alles' >&2; sleep 600"
    small.start("backend", script, f"--log-driver={driver}", *terminal)
    until(lambda: ask("container_log", small.stack(), service="backend").lines_read == 2)
    fact = ask("container_log", small.stack(), service="backend")

    assert [(sign.name, sign.blames) for sign in fact.signs] == [("disk-full", "host"), ("open-files", "")]
    assert fact.signs[1].line == "EMFILE über alles"
    assert fact.symptom == "log of backend: no space is left on its disk"


def test_a_silent_container_is_evidence_and_a_missing_one_is_not(small):
    """Nothing written is no fault; nothing there is unknown."""
    small.start("frontend")
    fact = ask("container_log", small.stack(), service="frontend")

    assert (fact.containers, fact.lines_read, fact.signs) == (1, 0, ())
    assert "service_containers.running[backend]" in why_unknown("container_log", small.stack(), service="backend")


def test_a_driver_that_keeps_nothing_is_unknown_by_name(small):
    """No line was read, so nothing can be said."""
    small.start("backend", "echo ENOSPC; sleep 600", "--log-driver=none")

    assert "log driver none" in why_unknown("container_log", small.stack(), service="backend")


def test_all_replicas_are_read(small):
    """Also the one that has ended, whose last words matter most."""
    small.start("backend", "sleep 600", number=1)
    small.start("backend", "echo 'listen EADDRINUSE: address already in use'; exit 1", number=2)
    until(lambda: docker("inspect", "-f", "{{.State.Running}}", f"{small.name}-backend-2") == "false")
    fact = ask("container_log", small.stack(), service="backend")

    assert (fact.containers, [sign.name for sign in fact.signs]) == (2, ["port-taken"])


def test_a_crash_loop_shows_what_it_died_of(small):
    """The last start is a moment ago, and the reason stands before it."""
    script = "echo 'connect ECONNREFUSED postgres:5432'; exit 1"
    name = small.start("backend", script, "--restart=always")
    until(lambda: int(docker("inspect", "-f", "{{.RestartCount}}", name)) >= 3)
    fact = ask("container_log", small.stack(), service="backend")

    assert [(sign.name, sign.blames) for sign in fact.signs] == [("refused", "postgres")]


def test_an_address_is_told_by_its_component(small):
    """The line says 172.x; the report says whose it is."""
    network = small.network()
    database = small.start("postgres", network=network)
    address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", database)
    script = f"echo 'connect ECONNREFUSED {address}:7777'; exit 1"
    small.start("backend", script, network=network)
    until(lambda: docker("inspect", "-f", "{{.State.Running}}", f"{small.name}-backend-1") == "false")
    fact = ask("container_log", small.stack(), service="backend")

    assert fact.signs == ()  # the database has only just started
    assert fact.past[0].meaning == f"postgres ({address}:7777) refuses connections"
    assert fact.past[0].blames == "postgres"


def test_a_refusal_at_a_port_that_nobody_offers_accuses_who_asked(small):
    """The database offers 5432; whoever asks for 5433 has a wrong setting, and the database no part in it."""
    network = small.network()
    small.start("postgres", "sleep 600", "--expose=5432", network=network)
    small.start("backend", "echo 'connect ECONNREFUSED postgres:5433'; exit 1", network=network)
    until(lambda: docker("inspect", "-f", "{{.State.Running}}", f"{small.name}-backend-1") == "false")
    fact = ask("container_log", small.stack(), service="backend")

    assert [(sign.meaning, sign.blames) for sign in fact.signs] == [("postgres:5433 refuses connections", "")]


def test_secrets_of_the_environment_do_not_leave_with_a_line(small):
    """A program that logs its own password is no reason to mail it."""
    script = 'echo "ENOSPC while $DB_PASSWORD and $DATABASE_URL"; sleep 600'
    url = "DATABASE_URL=postgres://app:hunter22hunter@db/x"
    small.start("backend", script, "-e", "DB_PASSWORD=correct-horse-battery", "-e", url)
    fact = until(lambda: (found := ask("container_log", small.stack(), service="backend")).signs and found)

    assert "<secret" in fact.signs[0].line
    assert not {"correct-horse-battery", "hunter22hunter"} & set(fact.signs[0].line.split())
    assert "hunter22" not in fact.signs[0].line


LONG = "printf 'ENOSPC '; yes '€uro𝄞' | head -c {size} | tr -d '\\n'; echo"


def test_lines_of_ten_megabytes_are_bounded(small):
    """The short line among them is found, memory stays small, and no character is cut."""
    long = LONG.format(size=10_000_000)
    small.start("backend", f"{long}; {long}; echo 'EMFILE €'; {LONG.format(size=600_000)}; sleep 600")
    written(small)
    names, broken, cut, peak, seconds = look_apart(small)

    assert names == "disk-full,open-files"
    assert (broken, cut) == (0, True)
    assert peak < 150
    assert seconds < 20


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_a_gigabyte_of_log_is_bounded(small, driver):
    """Its newest lines are read, in time, with little memory."""
    noise = "yes '0123456789 äöü€ 01234567890123456789012345678901234567890123456789' | head -c 1000000000"
    small.start("backend", f"{noise}; echo; echo ENOSPC; sleep 600", f"--log-driver={driver}")
    written(small)
    names, broken, _, peak, seconds = look_apart(small)

    assert (names, broken) == ("disk-full", 0)
    assert peak < 150
    assert seconds < 20


REQUEST = '{"level": "info", "message": "request", "method": "GET", "path": "/health", "status": 200}'
WARNING = '{"level": "warn", "message": "login refused: unknown account oncall-0123456789ab"}'


@pytest.mark.parametrize("count", [190, 1500, 4000])
def test_requests_do_not_push_the_words_of_a_fault_out(small, count):
    """The backend logs each request, ours too: as many as a gate causes that asks again and again."""
    small.start("backend", f"echo 'ENOSPC: no space left'; yes '{REQUEST}' | head -n {count}; sleep 600")
    written(small)
    fact = ask("container_log", small.stack(), service="backend")

    assert [(sign.name, sign.count) for sign in fact.signs] == [("disk-full", 1)]
    assert fact.lines_read == min(count, 200) + 1


def test_refusals_that_we_cause_do_not_push_the_words_of_a_fault_out(small):
    """Each run is refused a few times; these lines are of a kind that counts."""
    small.start("backend", f"echo 'ENOSPC: no space left'; yes '{WARNING}' | head -n 900; sleep 600")
    written(small)
    fact = ask("container_log", small.stack(), service="backend")

    assert [(sign.name, sign.count) for sign in fact.signs] == [("disk-full", 1)]
    assert fact.lines_read == 901


def test_old_lines_are_still_bounded_by_their_number(small):
    """What is not recent is evidence: its newest lines are enough of it."""
    small.start("backend", f"echo ENOSPC; yes '{WARNING}' | head -n 900; sleep 600")
    written(small)
    fact = ask("container_log", small.stack(), limits=Limits(recent_minutes=0.0001), service="backend")

    assert (fact.lines_read, fact.signs, fact.past) == (200, (), ())


def test_a_container_that_writes_while_it_is_read_does_not_hold_us(small):
    """The end moves away as fast as we read: a look still ends."""
    small.start("backend", "yes 'all is well and here is one more line to prove it'", "--log-opt=max-size=20m")
    time.sleep(0.5)
    began = time.monotonic()
    fact = ask("container_log", small.stack(), service="backend")

    assert (fact.signs, fact.lines_read > 0) == ((), True)
    assert time.monotonic() - began < 20


def test_one_reading_serves_all_looks(small):
    """Three looks name the backend's log; it is read once in a run."""
    lines = "for i in $(seq 40); do echo \"login failed: wrong password\"; echo 'socket hang up'; done"
    small.start("backend", f"{lines}; echo done; sleep 600")
    written(small)
    with door(small.stack()) as answer:
        assert answer("container_log", service="backend").lines_read == 81
        docker("rm", "-f", f"{small.name}-backend-1")
        assert answer("authentication_log").most == 40
        assert answer("socket_log").symptom == "40 broken sockets within 15 min"


def test_damage_in_the_databases_own_log_does_not_age(small):
    """It is judged where the log files are judged, and by nobody else."""
    small.start("postgres", "echo 'ERROR:  invalid page in block 3 of relation base/1/2'; sleep 600")

    def ask_log():
        return ask("corruption_log", small.stack(), limits=Limits(recent_minutes=0.0001))

    fact = until(lambda: why_or(ask_log))

    assert (fact.count, fact.files) == (1, (f"log of {small.name}-postgres-1",))
    assert ask("container_log", small.stack(), service="postgres").signs == ()


def why_or(look):
    try:
        return look()
    except Exception:  # nothing written yet
        return None
