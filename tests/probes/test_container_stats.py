"""What containers use, on the real engine."""

import time

import pytest

from oncall.facts.container_stats import ContainerStats, ContainerUse
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.services import _connect
from oncall.runtimes.cgroup import Cgroup
from oncall.runtimes.compose import DockerCompose
from oncall.runtimes.engine_address import engine_address
from oncall.runtimes.engine_answers import Info
from tests.probes.docker_patients import NO_ENGINE, docker, look, patients

pytestmark = [pytest.mark.docker, pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")]


@pytest.fixture(scope="module")
def ward():
    """One container for each limit."""
    with patients("stats") as them:
        spawn = "for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; wait"
        them.at_once(
            (("idle", "sleep", "600"), {}),
            (("busy", "sh", "-c", "while true; do true; done"), {"options": ["--cpus", "0.1"]}),
            (("bursts", "sh", "-c", "while true; do sleep 1; done"), {"options": ["--cpus", "0.1"]}),
            (
                ("full", "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=19; sleep 600"),
                {"options": ["-m", "20m"]},
            ),
            (("cached", "sh", "-c", "dd if=/dev/zero of=/tmp/x bs=1M count=60; sleep 600"), {"options": ["-m", "20m"]}),
            (("crowded", "sh", "-c", spawn), {"options": ["--pids-limit", "10"]}),
            (("backend", "sleep", "600"), {}),
            (("frontend", "sleep", "600"), {}),
        )
        docker("stop", them.names["frontend"])
        time.sleep(1.5)
        yield them


def test_cpu_is_a_part_of_what_it_may_use(ward):
    """A tenth of a CPU, all of it used, is 100 %; nobody is busy for a burst."""
    busy = look("container_stats", ward.stack(), "busy")
    idle = look("container_stats", ward.stack(), "idle")

    assert busy.over_cpu(80)
    assert busy.containers[0].cpus == 0.1
    assert busy.throttled(25)
    assert idle.over_cpu(20) == look("container_stats", ward.stack(), "bursts").over_cpu(90) == ()


def test_memory_counts_without_its_cache(ward):
    """What the kernel can drop at once is no lack of memory; shared memory is."""
    full = look("container_memory", ward.stack(), "full")
    cached = look("container_memory", ward.stack(), "cached")

    assert full.over_memory(90)[0].memory_percent > 90
    assert cached.over_memory(90) == ()
    assert full.containers[0].memory_limit_mib == 20


def test_no_limit_is_said(ward):
    """A percentage of no limit means nothing; only the backend must have one."""
    with pytest.raises(NotPart, match="idle has no memory limit"):
        look("container_memory", ward.stack(), "idle")
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("backend_service")):
        look("container_memory", ward.stack(), "backend")
    with pytest.raises(NotPart, match="no limit of processes"):
        look("container_processes", ward.stack(), "idle")
    assert look("backend_service", ward.stack()).without_memory_limit


def test_processes_near_their_limit(ward):
    """Nine of ten."""
    (full,) = look("container_processes", ward.stack(), "crowded").over_processes(80)

    assert (full.processes, full.processes_limit) == (9, 10)


def test_a_stopped_container_uses_nothing_that_proves_anything(ward):
    """Its check is another."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("service_containers.running")):
        look("container_stats", ward.stack(), "frontend")


def test_throttled_but_not_pegged():
    """Short parallel bursts hit the quota without ever using it up."""
    use = ContainerUse(
        id="1", name="a", seconds=1, memory_mib=1, memory_limit_mib=0, cpu_percent=40, cpu_most_percent=50, cpus=0.5,
        throttled_percent=60, processes=1, processes_limit=0,
    )  # fmt: skip
    fact = ContainerStats(component="backend", service="backend", containers=(use,))

    assert fact.over_cpu(90) == ()
    assert fact.throttled(25) == (use,)


def test_the_engine_says_the_same_as_the_kernel(ward):
    """Where the engine is elsewhere its own counters are all there is."""
    attempt = _connect(engine_address(ward.stack(), {}))
    runtime = DockerCompose(attempt.engine, ward.project)
    (full,) = runtime.containers().of("full")
    local = runtime.sample(full)
    attempt.engine.about = lambda: (Info(), "")
    remote = runtime.sample(full)

    assert not runtime.local
    assert (local.pids, local.cpus, local.memory_limit) == (remote.pids, remote.cpus, remote.memory_limit)
    assert abs(local.memory - remote.memory) < 2**20
    assert abs(local.cpu_seconds - remote.cpu_seconds) < 0.1
    assert 0 <= remote.at - local.at < 3


def test_cgroups_of_version_two(tmp_path):
    """The files of a kernel that this machine may not have."""
    files = {
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\nnr_periods 10\nnr_throttled 4\n",
        "memory.current": "52428800\n",
        "memory.stat": "anon 1\ninactive_file 20971520\n",
        "memory.max": "max\n",
        "memory.events": "low 0\noom 2\noom_kill 1\n",
        "pids.current": "7\n",
        "pids.max": "100\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = Cgroup({"": tmp_path})

    assert group.kills == 1
    assert (group.sample.cpu_seconds, group.sample.memory, group.sample.memory_limit) == (2.5, 30 * 2**20, 0)
    assert (group.sample.periods, group.sample.throttled, group.sample.pids, group.sample.pids_limit) == (10, 4, 7, 100)
