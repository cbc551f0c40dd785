"""Plain processes, real ones: alive, gone, frozen, started again and again; here, and as a far host tells them."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
import testinfra

from oncall.finding import CouldNotCheck
from oncall.probes.host.machine import Shell
from oncall.runtimes.chosen import Joined
from oncall.runtimes.host_files import Far, Here
from oncall.runtimes.processes import HostProcesses, Wanted

SLEEPS = "import time; time.sleep(600)"
LISTENS = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)"  # noqa: E501
DIES = "import time; time.sleep(0.05)"


def far():
    """The commands of a far host, run on this one."""
    return Far(Shell(testinfra.get_host("local://"), "the host"))


WAYS = {"here": Here, "far": far}


@pytest.fixture(params=WAYS)
def files(request):
    return WAYS[request.param]()


@contextmanager
def process(code, **more):
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **more)
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def looked(files, file, **more):
    """The one process behind a pid file."""
    wanted = Wanted("api", str(file), str(file), **more)
    (one,) = HostProcesses(files, (wanted,)).containers().of(str(file))
    return one


@pytest.fixture
def pid_file(tmp_path):
    return tmp_path / "api.pid"


def test_a_process_that_lives(files, pid_file, tmp_path):
    """State, start, variables, address and limit, by its pid file."""
    environment = {**os.environ, "JWT_SECRET": "s3cret", "ODD": "a=b"}
    with process(LISTENS, env=environment) as started:
        port = int(started.stdout.readline())
        psutil.Process(started.pid).rlimit(resource.RLIMIT_AS, (2**33, 2**33))
        pid_file.write_text(f"{started.pid}\n")
        one = looked(files, pid_file)

        assert (one.kind, one.name, one.status, one.id) == ("process", "api", "running", f"pid {started.pid}")
        assert abs(one.started_at.timestamp() - psutil.Process(started.pid).create_time()) < 2
        assert (one.environment["JWT_SECRET"], one.environment["ODD"]) == ("s3cret", "a=b")
        assert one.ports == {f"{port}/tcp": (f"127.0.0.1:{port}",)}
        assert one.memory_limit == 2**33
        assert one.exit_code is None


def test_a_process_that_is_gone(files, pid_file):
    """Killed: the file is left; ended by itself: it is not; and what never wrote a number."""
    with process(SLEEPS) as started:
        pid_file.write_text(f"{started.pid}\n")
        started.kill()
        started.wait()
        gone = looked(files, pid_file)
        pid_file.write_text("x\n")
        garbled = looked(files, pid_file)
        pid_file.unlink()
        without = looked(files, pid_file)

    assert [(one.status, one.error) for one in (gone, garbled, without)] == [
        ("exited", "its pid file names a process that is gone"),
        ("exited", "its pid file holds no number"),
        ("exited", "there is no pid file"),
    ]


def test_a_number_that_another_process_has_now(files, pid_file):
    """A pid file from before the start of the process that has its number now is of an earlier one."""
    with process(SLEEPS) as started:
        pid_file.write_text(f"{started.pid}\n")
        os.utime(pid_file, (time.time() - 3600, time.time() - 3600))
        one = looked(files, pid_file)

    assert one.status == "exited"
    assert "another one" in one.error


def test_a_process_that_ended_and_that_nobody_asked_after(files, pid_file):
    """A zombie has a number and does nothing."""
    with process(DIES) as started:
        os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
        pid_file.write_text(f"{started.pid}\n")

        assert looked(files, pid_file).status == "exited"


def test_a_frozen_process(files, pid_file):
    """SIGSTOP: it is there, and does nothing."""
    with process(SLEEPS) as started:
        pid_file.write_text(f"{started.pid}\n")
        os.kill(started.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, started.pid, os.WSTOPPED | os.WNOWAIT)

        assert looked(files, pid_file).status == "paused"


def test_a_process_that_a_supervisor_starts_again_and_again(pid_file):
    """Seen while one looks: it ends and is there again, with another number each time."""
    supervisor = f"while true; do {sys.executable} -c '{DIES}' & echo $! > {pid_file}; wait; done"
    with subprocess.Popen(["bash", "-c", supervisor], start_new_session=True) as loop:
        try:
            until = time.monotonic() + 20
            while not pid_file.exists() and time.monotonic() < until:
                time.sleep(0.01)
            one = looked(Here(), pid_file)
        finally:
            os.killpg(loop.pid, signal.SIGKILL)

    assert one.status == "restarting"
    assert one.restarts >= 1


def test_a_process_known_by_its_port(files):
    """Who listens there; nobody is a process that has ended."""
    with process(LISTENS) as started:
        port = int(started.stdout.readline())
        runtime = HostProcesses(files, (Wanted("api", f"port {port}", port=port),))
        (one,) = runtime.containers().containers
        started.kill()
        started.wait()
        (gone,) = runtime.containers().containers

    assert (one.process, one.status) == (started.pid, "running")
    assert (gone.status, gone.error) == ("exited", f"no process listens on port {port}")
    assert f"{port}/tcp" in gone.ports


def test_what_it_uses(files, pid_file):
    """Its CPU time with that of its children; of the memory that which its limit counts."""
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with process(busy, start_new_session=True) as started:
        pid_file.write_text(f"{started.pid}\n")
        runtime = HostProcesses(files, (Wanted("api", str(pid_file), str(pid_file)),))
        try:
            until, one = time.monotonic() + 20, runtime.containers().containers[0]
            first = last = runtime.sample(one)
            while not (last.pids == 2 and last.cpu_seconds > first.cpu_seconds + 0.05) and time.monotonic() < until:
                time.sleep(0.1)
                last = runtime.sample(one)
        finally:
            os.killpg(started.pid, signal.SIGKILL)

    assert last.pids == 2
    assert last.cpu_seconds > first.cpu_seconds
    assert last.memory > 2**20


def test_a_log_is_its_files(files, pid_file, tmp_path):
    """By a pattern; where none is named, the key to set is."""
    (tmp_path / "a b.log").write_text("2026-11-30T15:00:00Z one\n2026-11-30T15:00:02Z three\n")
    (tmp_path / "c.log").write_text("2026-11-30T15:00:01Z two\n")
    with process(SLEEPS) as started:
        pid_file.write_text(f"{started.pid}\n")
        wanted = Wanted(
            "api", "x", str(pid_file), log_files=(f"{tmp_path}/*.log",), setting="backend.process.log_files"
        )
        runtime = HostProcesses(files, (wanted,))
        (one,) = runtime.containers().containers
        lines = b"".join(runtime.log(one, lines=10)).decode().splitlines()
        bare = HostProcesses(files, (Wanted("api", "x", str(pid_file), setting="backend.process.log_files"),))
        with pytest.raises(CouldNotCheck) as raised:
            next(bare.log(one, lines=10))

    assert [line.split()[-1] for line in lines] == ["one", "two", "three"]
    assert raised.value.setting == "backend.process.log_files"


def test_a_pipe_in_place_of_a_file_hangs_nobody(files, pid_file):
    """Whoever may write into a folder of logs may put one there."""
    os.mkfifo(pid_file)

    with pytest.raises(CouldNotCheck, match="cannot be read: it is not a regular file"):
        looked(files, pid_file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root passes every door")
def test_a_process_of_somebody_else(pid_file):
    """That it runs is seen; its variables are not, and that is said."""
    pid_file.write_text("1\n")
    one = looked(Here(), pid_file)

    assert one.status == "running"
    assert one.unreadable == "permission denied"


def test_what_cannot_be_asked_takes_nothing_from_the_others(pid_file):
    """A stack of two runtimes of which one does not answer."""
    broken = CouldNotCheck("no engine", root="docker_engine")
    with process(SLEEPS) as started:
        pid_file.write_text(f"{started.pid}\n")
        processes = HostProcesses(Here(), (Wanted("api", "api", str(pid_file)),))
        both = Joined({"container": broken, "process": processes}, {"db": "container", "api": "process"})
        project = both.containers()

    assert [one.status for one in project.of("api")] == ["running"]
    with pytest.raises(CouldNotCheck, match="no engine"):
        project.of("db")


def test_a_free_port_has_no_owner(files):
    """Nothing listens: nothing is guessed."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (one,) = HostProcesses(files, (Wanted("api", "x", port=port),)).containers().containers

    assert one.status == "exited"
