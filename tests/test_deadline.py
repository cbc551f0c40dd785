"""A probe's time: what it opens is shut when it is up, and only the stack's part of it counts."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from oncall.probing import lag
from oncall.probing.deadline import OPENED, Opened, shut_descriptor, side_thread, uncounted, wait_for, watch
from oncall.probing.lag import Load, Meter, stack_time
from oncall.probing.network import DeadlineNetwork

CHECK = """
import pytest
pytestmark = [pytest.mark.p1, pytest.mark.playbook("database-down"), pytest.mark.component("postgres")]

def test_slots(slots, finding):
    "Some requests fail."
    assert slots.free >= 1, finding(f"{slots.free} slots are free", component="postgres", manner=MANNER)
"""


@pytest.fixture
def opened():
    """What the probe that this test stands for has opened."""
    one = Opened()
    token = OPENED.set(one)
    yield one
    OPENED.reset(token)


def test_thread_that_reads_from_a_socket_comes_back_when_the_time_is_up(opened):
    """Also one of a side thread; what is opened later is shut at once."""
    ours, theirs = socket.socketpair()
    got = []
    thread = side_thread(lambda: got.append(watch(ours).recv(1)), name="reader")
    while not opened._ends:
        time.sleep(0.01)
    opened.shut()

    assert wait_for([thread], stack_time() + 20)
    assert got == [b""]
    assert watch(socket.socketpair()[0]).recv(1) == b""
    theirs.close()


def test_process_and_foreign_descriptor_end_when_the_time_is_up(opened):
    """A command is terminated; the socket of a C library gives its reader an end of file, and keeps its number."""
    process = watch(subprocess.Popen(["sleep", "60"]))
    ours, theirs = socket.socketpair()
    watch(ours, end=lambda: shut_descriptor(ours.fileno()))
    opened.shut()

    assert process.wait(20) == -15
    assert ours.recv(1) == b""
    assert ours.fileno() >= 0
    theirs.close()


def test_what_a_finished_probe_leaves_open_is_not_shut(opened):
    """A session outlives the probe that has opened it."""
    ours, theirs = socket.socketpair()
    watch(ours)
    opened.forget()
    opened.shut()
    theirs.send(b"x")

    assert ours.recv(1) == b"x"


def test_time_that_is_ours_moves_the_deadline(opened):
    """An import counts while it goes on, and when it is over."""
    with uncounted():
        time.sleep(0.05)
        during = opened.allowance
    after = opened.allowance

    assert 0.0 < during <= after == opened.allowance


@pytest.mark.parametrize(
    ("load", "overloaded"),
    [
        (Load(), False),
        (Load(seconds=2.0, lost=0.9), False),
        (Load(seconds=2.0, lost=1.0), True),
        (Load(seconds=0.3, lost=0.29), False),  # a burst of our own threads
    ],
)
def test_half_of_the_time_lost_is_an_overload(load, overloaded):
    """As many threads again as there are processors: the limits of the checks hold up to there."""
    assert load.overloaded is overloaded


def test_meter_counts_runnable_threads(tmp_path, monkeypatch):
    """Eight threads for each processor: most of the time is lost, and the sentence says why."""
    many = tmp_path / "loadavg"
    many.write_text(f"9.9 9.9 9.9 {8 * lag._processors()}/900 4711\n")
    monkeypatch.setattr(lag, "LOADAVG", str(many))
    meter, began = Meter(), time.monotonic()
    meter.start()
    while meter.between(began, time.monotonic()).seconds < 0.6:
        time.sleep(0.02)
    load = meter.between(began, time.monotonic())
    meter.stop()

    assert load.overloaded
    assert load.runnable == pytest.approx(8.0, abs=0.5)
    assert load.sentence.startswith("this machine is overloaded (")
    assert "runnable threads per processor" in load.sentence


def test_system_that_tells_nothing_loses_nothing(tmp_path, monkeypatch):
    """Without /proc there are still timers; a missing file is no overload."""
    monkeypatch.setattr(lag, "LOADAVG", str(tmp_path / "none"))
    monkeypatch.setattr(lag, "PRESSURE", str(tmp_path / "none"))
    meter, began = Meter(), time.monotonic()
    meter.start()
    time.sleep(0.1)
    load = meter.between(began, time.monotonic())
    meter.stop()

    assert load.runnable == 0.0
    assert load.pressure is None


def test_request_gets_the_time_that_this_machine_took_from_it(monkeypatch):
    """An answer after the deadline is in time when our own threads were starved meanwhile."""
    lost = [0.0]
    monkeypatch.setattr(lag.METER, "lost", lambda: lost[0])
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def answer():
        connection, _ = server.accept()
        time.sleep(0.3)
        lost[0] = 60.0
        time.sleep(0.6)
        connection.sendall(b"late")
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    stream = DeadlineNetwork(0.6).connect_tcp("127.0.0.1", port)

    assert stream.read(10) == b"late"
    server.close()


def test_closed_port_is_refused_however_late_it_is(monkeypatch):
    """A refusal is an answer: no load turns it into silence."""
    monkeypatch.setattr(lag.METER, "lost", lambda: 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        DeadlineNetwork(2.0).connect_tcp("127.0.0.1", port)


OVERLOAD = """
from oncall.probing import runner
from oncall.probing.lag import Load
runner.METER.between = lambda began, ended: Load(seconds=1.0, lost=0.8, late=1.4, pressure=82.0)
"""
REASON = "this machine is overloaded (cpu pressure 82 %, our own timers 1.4 s late)"


@pytest.mark.parametrize(
    ("manner", "outcome"), [("late", "unknown"), ("silent", "unknown"), ("refused", "failed"), (None, "failed")]
)
def test_lateness_on_an_overloaded_machine_is_unknown(suite, pytester, manner, outcome):
    """With the machine named; a refusal stays a finding. A replay says the same."""
    probes = OVERLOAD + "@probe()\ndef slots() -> Slots:\n    return Slots(free=0, limit=10)\n"
    checks = CHECK.replace("MANNER", repr(manner))
    for options in (("--save=s.json",), ("--replay=s.json",)):
        assert suite(probes, checks, "--json=r.json", *options).ret == 1
        (verdict,) = json.loads((pytester.path / "r.json").read_text())["verdicts"]

        assert verdict["outcome"] == outcome
        if outcome == "unknown":
            assert verdict["reason"] == f"0 slots are free; {REASON}"
            assert verdict["blames"] == "host"


def test_deadline_of_ours_on_an_overloaded_machine_names_it(suite):
    """A look that did not come back in time says whose fault that may be, once."""
    probes = OVERLOAD + (
        "@probe(deadline=0.3)\ndef first() -> Slots:\n    time.sleep(60)\n"
        "@probe()\ndef slots(first) -> Slots:\n    return first\n"
    )
    result = suite(probes, CHECK.replace("MANNER", "None"))

    result.stdout.fnmatch_lines([f"*first did not answer within 0.3 s; {REASON.replace('(', '*').replace(')', '')}*"])
    assert result.stdout.str().count("this machine is overloaded") <= 2  # in the diagnosis and in pytest's own summary


def test_abandoned_look_ends(suite, pytester):
    """A look that reads for ever is woken at its deadline and goes on to its end."""
    probes = """
import socket
from oncall.probing.deadline import watch
@probe(deadline=0.5)
def slots() -> Slots:
    ours, theirs = socket.socketpair()
    watch(ours).recv(1)
    open("woken", "w").close()
    return Slots(free=1, limit=9)
@probe()
def slow() -> Slots:
    time.sleep(2)
    return Slots(free=1, limit=9)
"""
    checks = CHECK.replace("MANNER", "None") + "\ndef test_slow(slow, finding):\n    assert slow.free\n"
    result = suite(probes, checks)

    result.stdout.fnmatch_lines(["*slots did not answer within 0.5 s*"])
    assert (pytester.path / "woken").exists()


def test_without_threads_looks_run_one_after_another(suite, pytester):
    """Each with its own deadline, in the thread that waits; what needs a thread itself is unknown with that reason."""
    probes = """
import threading
@probe()
def slots() -> Slots:
    return Slots(free=0, limit=9, note=threading.current_thread().name)
@probe(deadline=0.5)
def hanging() -> Slots:
    time.sleep(60)
@probe()
def needy() -> Slots:
    threading.Thread(target=print).start()
@probe()
def after(slots) -> Slots:
    return slots
"""
    checks = CHECK.replace("MANNER", "None") + "".join(
        f"\ndef test_{name}({name}, finding):\n    assert {name}.note == 'MainThread'\n"
        for name in ("hanging", "needy", "after")
    )
    with no_threads():
        result = suite(probes, checks, "--budget=20")

    result.stdout.fnmatch_lines(
        [
            "*hanging did not answer within 0.5 s*",
            "*needy needs a thread, and this machine gives none*",
            "*1 failed, 1 passed, 2 unknown*",
        ]
    )


@contextlib.contextmanager
def no_threads():
    """For children: a stack of four gigabytes for each thread, and two of address space for all of them."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_STACK), resource.getrlimit(resource.RLIMIT_AS)
    script = "import threading; threading.Thread(target=print).start()"
    try:
        resource.setrlimit(resource.RLIMIT_STACK, (4 << 30, before[0][1]))
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, before[1][1]))
        refused = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "can't start new thread" in refused.stderr
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, before[0])
        resource.setrlimit(resource.RLIMIT_AS, before[1])
