"""The host's load and pressure: the kernel's own counters, real processes, and counters that move as told."""

import contextlib
import ctypes
import os
import signal
import threading
import time

import pytest

from oncall.facts.host_pressure import HostPressure, ProcessGroup, Stall
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.host import pressure as host_pressure
from oncall.target.schema import Docker, Host, Limits, Stack
from tests.probes.asking import ask, door, why_unknown
from tests.probes.docker_patients import NO_ENGINE
from tests.probes.small_project import SmallProject

HERE = Stack(docker=Docker(absent=True))
EACH = Limits(host_steal_percent=0)  # reached by every host: it is watched for longer, and its processes are read
DEFAULTS = Limits()
PR_SET_NAME, PR_SET_PDEATHSIG = 15, 1


def overloaded(fact, limits=DEFAULTS):
    return fact.saturated(
        per_cpu=limits.host_runnable_per_cpu,
        used_percent=limits.host_cpu_percent,
        pressure_percent=limits.host_cpu_pressure_percent,
    )


@pytest.fixture
def every_group(monkeypatch):
    """All processes are told of, whatever else this machine is busy with."""
    monkeypatch.setattr(host_pressure, "MOST_GROUPS", 10_000)
    monkeypatch.setattr(host_pressure, "BUSY_PERCENT", 0.1)


@contextlib.contextmanager
def busy(*names):
    """Processes of these names that do nothing but use a CPU."""
    pids = []
    try:
        for name in names:
            if not (pid := os.fork()):
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
                while True:
                    pass
            pids.append(pid)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_the_numbers_are_those_of_the_kernel():
    """CPUs and load as the system's own library tells them."""
    fact = ask("host_pressure", HERE)

    load = (fact.load1, fact.load5, fact.load15)
    assert fact.cpus == os.sysconf("SC_NPROCESSORS_ONLN")
    assert all(abs(told - own) < 2 for told, own in zip(load, os.getloadavg(), strict=True))
    assert fact.source == ("PSI" if os.path.exists("/proc/pressure/cpu") else "load")
    assert 0 <= fact.cpu_percent <= 100
    assert 0 <= fact.steal_percent <= 100


def test_a_short_look_is_all_that_a_quiet_host_costs():
    """No process is read where no limit is near."""
    never = Limits(host_runnable_per_cpu=1e6, host_steal_percent=100, host_memory_pressure_percent=100)
    fact = ask("host_pressure", HERE, limits=never)

    assert fact.busiest == ()
    assert 0.4 < fact.seconds < 20


@pytest.mark.usefixtures("every_group")
def test_processes_are_named_whatever_they_are_called():
    """Blanks, brackets and line ends in a name are the process's own words: they forge no other line."""
    names = ("spinner", ") R 1 1 1", "a\n1 (init) R 1", "\x1b[31mred")
    with busy(*names):
        fact = ask("host_pressure", HERE, limits=EACH)

    found = {group.name: group for group in fact.busiest}
    assert found["spinner"].busy == 1
    assert found[") R 1 1 1"].busy == 1
    assert not {"init", "a"} & set(found)
    assert fact.seconds > 1.5  # watched for longer


@pytest.mark.usefixtures("every_group")
def test_processes_of_one_name_are_counted_together():
    """Ten processes of a batch job are one line."""
    with busy(*["batch job"] * 4):
        fact = ask("host_pressure", HERE, limits=EACH)

    (group,) = [group for group in fact.busiest if group.name == "batch job"]
    assert (group.processes, group.busy, group.container) == (4, 4, "")


@pytest.mark.docker
@pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")
@pytest.mark.usefixtures("every_group")
def test_a_busy_container_is_named():
    """A process is that of a container, and the container that of a component."""
    project = SmallProject()
    try:
        name = project.start("backend", "while :; do :; done", "--cpus=0.5")
        with door(project.stack(), limits=EACH) as answer:
            fact = answer("host_pressure")
    finally:
        project.gone()

    (group,) = [group for group in fact.busiest if group.component == "backend"]
    assert (group.container, group.busy) == (name, 1)


# Other kernels


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """A folder in place of /proc, with this kernel's living counters in it."""
    (tmp_path / "pressure").mkdir()
    for name in ("uptime", "loadavg", "stat", "vmstat"):
        (tmp_path / name).symlink_to(f"/proc/{name}")
    monkeypatch.setattr(host_pressure, "PROC", str(tmp_path))
    return tmp_path


def test_a_kernel_without_pressure_is_judged_by_load_and_use(proc):
    """An old kernel, or one started without psi=1: the fact says what it had, and nothing else is guessed."""
    fact = ask("host_pressure", HERE, limits=EACH)

    assert (fact.source, fact.cpu, fact.memory, fact.io) == ("load", None, None, None)
    assert fact.memory_stalled_percent == fact.io_stalled_percent(0) == 0
    assert "CPU pressure" not in fact.summary


def test_pressure_that_may_not_be_read_is_none(proc):
    """Its files are there, and say nothing."""
    (proc / "pressure" / "cpu").write_text("")
    (proc / "pressure" / "memory").write_text("some avg10=1.00\n")

    assert "/proc/stat" in why_unknown("host_pressure", HERE)  # half a line is no reading
    (proc / "pressure" / "memory").unlink()
    assert ask("host_pressure", HERE).source == "load"


def test_without_cpu_times_nothing_is_known(proc):
    """No /proc at all, or one that is closed: unknown, with the place."""
    (proc / "stat").unlink()
    assert "/proc/stat of the host does not tell its CPU times" in why_unknown("host_pressure", HERE)
    (proc / "stat").write_text("cpu  1 2\n")
    assert "/proc/stat of the host does not tell its CPU times" in why_unknown("host_pressure", HERE)


def test_no_host_and_no_way_to_it():
    """What the target says is not there is skipped; what ssh does not reach is unknown."""
    with pytest.raises(NotPart):
        ask("host_pressure", Stack(host=Host(absent=True), docker=Docker(absent=True)))

    assert "ssh" in why_unknown("host_pressure", Stack(host=Host(at="ssh://nobody@127.0.0.1:1")))


@contextlib.contextmanager
def moving(proc, shares, *, blocked, reclaimed):
    """Counters of a host in problem: pressure that grows by these shares of the time, and a queue at the disk."""
    end = threading.Event()
    for name in ("stat", "vmstat"):
        (proc / name).unlink()

    def put(name, text):
        new = proc / "new"
        new.write_text(text)
        new.replace(proc / name)

    def write():
        now = time.monotonic()
        for resource in ("cpu", "memory", "io"):
            lines = [
                f"{kind} avg10={100 * share:.2f} avg60={100 * share:.2f} avg300=0.00 total={int(now * share * 1e6)}\n"
                for kind, share in (("some", shares.get(resource, 0)), ("full", shares.get(resource, 0)))
            ]
            put(f"pressure/{resource}", "".join(lines))
        ticks = int(now * 100)
        put("stat", f"cpu  {ticks} 0 0 {ticks} 0 0 0 0 0 0\ncpu0 1 0 0 1\nprocs_running 2\nprocs_blocked {blocked}\n")
        put("vmstat", f"allocstall_normal {int(now * 100) if reclaimed else 7}\npgscan_kswapd 3\n")

    def keep():
        while not end.wait(0.02):
            write()

    write()
    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("reclaimed", [True, False], ids=["host", "container"])
def test_memory_pressure_is_the_host_s_only_where_the_host_lacks_memory(proc, reclaimed):
    """A container at its own limit stalls as well, while the host has memory to give."""
    with moving(proc, {"memory": 0.5}, blocked=0, reclaimed=reclaimed):
        fact = ask("host_pressure", HERE)

    assert (fact.memory_stalled_percent >= DEFAULTS.host_memory_pressure_percent) is reclaimed
    assert fact.io_stalled_percent(DEFAULTS.host_io_waiting) == 0


@pytest.mark.parametrize("blocked", [8, 2], ids=["a queue", "a backup"])
def test_a_disk_is_overloaded_where_a_queue_waits_for_it(proc, blocked):
    """One backup on an idle host waits for the disk all the time, and disturbs nobody."""
    with moving(proc, {"io": 0.9}, blocked=blocked, reclaimed=False):
        fact = ask("host_pressure", HERE)

    stalled = fact.io_stalled_percent(DEFAULTS.host_io_waiting)
    assert (stalled >= DEFAULTS.host_io_pressure_percent) is (blocked == 8)
    assert fact.waiting == blocked


# Verdicts


def reading(**more):
    """A host with ten busy processes on two CPUs, as measured."""
    told = {
        "source": "PSI",
        "cpus": 2,
        "load1": 5.4,
        "load5": 3.1,
        "load15": 1.2,
        "seconds": 2.0,
        "runnable": 11.0,
        "waiting": 0.0,
        "cpu_percent": 100.0,
        "iowait_percent": 0.0,
        "steal_percent": 0.0,
        "cpu": Stall(some_avg10=96.0, some_avg60=60.0, some_now=100.0),
    }
    return HostPressure(**(told | more))


@pytest.mark.parametrize(
    ("change", "is_overloaded"),
    [
        ({}, True),
        ({"runnable": 3.0}, False),  # two busy processes and a run
        ({"runnable": 6.0}, False),  # two workers of a test suite
        ({"cpu": Stall(some_avg10=40.0, some_avg60=9.0, some_now=100.0)}, False),  # it has only begun
        ({"cpu": Stall(some_avg10=96.0, some_avg60=60.0, some_now=9.0)}, False),  # it is over
        ({"cpu_percent": 30.0}, False),  # a container is held back by its own limit
        ({"source": "load", "cpu": None, "load1": 9.4}, True),
        ({"source": "load", "cpu": None, "load1": 0.9}, False),  # it has only begun
    ],
)
def test_only_a_sustained_queue_at_full_cpus_is_an_overload(change, is_overloaded):
    """Use, queue and pressure agree, now and over the last seconds."""
    assert overloaded(reading(**change)) is is_overloaded


def test_a_part_of_the_stack_that_uses_the_cpus_is_accused():
    """Half of all CPUs, in one container or in several processes of it."""
    group = {"container": "motel-backend-1", "component": "backend", "processes": 9, "busy": 9, "waiting": 0}
    half = [ProcessGroup(name=name, cpu_percent=55.0, memory_mib=9.0, **group) for name in ("node", "npm")]

    assert reading(busiest=tuple(half)).hog == "backend"
    assert reading(busiest=tuple(half[:1])).hog is None
    assert reading(busiest=tuple(half)).most_cpu[0] == "node (9 processes in motel-backend-1, 0.6 CPUs)"


def test_what_was_not_looked_at_proves_nothing():
    """No CPU counted, no time passed."""
    assert reading(cpus=0).inconclusive_reason()
    assert reading(seconds=0.0).inconclusive_reason()
    assert reading().inconclusive_reason() is None


def test_a_clock_that_stands_still_is_unknown(proc):
    """A recorded /proc gives no second sample."""
    (proc / "uptime").unlink()
    (proc / "uptime").write_text("100.00 200.00\n")
    with pytest.raises(CouldNotCheck, match="did not advance"):
        ask("host_pressure", HERE)
