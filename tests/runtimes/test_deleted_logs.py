"""Log files that were deleted under their writer, by what the kernel says that it has open; here and far."""

from pathlib import Path
from tempfile import TemporaryFile

import pytest

from oncall.facts.log_files import LogFiles
from oncall.finding import CouldNotCheck, NotPart
from oncall.runtimes.compose import DockerCompose
from oncall.runtimes.deleted_logs import deleted_logs
from oncall.runtimes.host_files import Here
from oncall.runtimes.processes import HostProcesses, Wanted
from oncall.runtimes.runtime import Container, Project
from oncall.target.schema import Backend, Process, Stack
from oncall.testing import look
from tests.runtimes.test_processes import far, process

WRITES = "held = [open(name, 'a') for name in names]; print('open', flush=True); time.sleep(600)"


@pytest.fixture(params=[Here, far], ids=["here", "far"])
def files(request):
    return request.param()


@pytest.fixture
def written(tmp_path):
    """A process that writes into three files of this folder."""
    names = ["api.log", "cache.tmp", "other.log"]
    with process(f"import time; names = {[str(tmp_path / name) for name in names]}; {WRITES}") as started:
        started.stdout.readline()
        (tmp_path / "api.pid").write_text(str(started.pid))
        yield started


def runtime(files, folder, *patterns):
    pid_file = str(folder / "api.pid")
    patterns = tuple(str(folder / pattern) for pattern in patterns)
    wanted = Wanted("api", "api", pid_file, log_files=patterns, setting="backend.process.log_files")
    return HostProcesses(files, (wanted,))


def test_a_log_that_was_rotated_away_is_told(files, written, tmp_path):
    """By the name that it had last; what is no log of its own, and what is there, does not count."""
    asked = runtime(files, tmp_path, "api.log")
    (one,) = asked.containers().of("api")
    assert asked.deleted_logs(one) == ()

    (tmp_path / "api.log").rename(tmp_path / "api.log.1")
    for name in ("api.log.1", "cache.tmp", "other.log"):
        (tmp_path / name).unlink()

    assert asked.deleted_logs(one) == (str(tmp_path / "api.log.1"),)
    with pytest.raises(CouldNotCheck, match="was deleted") as raised:
        next(asked.log(one, lines=10))
    assert raised.value.root == "log_files[api]"


def test_standard_output_is_a_log_whatever_its_name(files, tmp_path):
    """Also where the target names no file."""
    out = (tmp_path / "out").open("w")
    with process("import time; time.sleep(600)", stderr=out) as started:
        (tmp_path / "api.pid").write_text(str(started.pid))
        (tmp_path / "out").unlink()
        asked = runtime(files, tmp_path)
        (one,) = asked.containers().of("api")

        assert asked.deleted_logs(one) == (str(tmp_path / "out"),)


def test_a_file_that_never_had_a_name_is_no_deleted_log(tmp_path):
    """A harness gives its programs such a one (O_TMPFILE) for their errors."""
    with TemporaryFile(dir=tmp_path) as nameless, process("import time; time.sleep(600)", stderr=nameless) as started:
        assert deleted_logs(Here(), "api", [started.pid], (), 2.0) == ()


class Closed(Here):
    """A machine where nobody may look into the processes of others."""

    def deleted(self, *pids, seconds=2.0):
        return {}


def test_what_nobody_may_see_is_unknown():
    """Not healthy: without a look nothing is known."""
    with pytest.raises(CouldNotCheck, match="run the checks as root"):
        deleted_logs(Closed(), "api", [1], (), 1.0)


def test_a_part_that_does_not_run_has_no_file_open():
    """Why it does not run is another check's to tell."""
    stack = Stack(backend=Backend(process=Process(pid_file="/run/api.pid")))
    gone = Container(id="x", name="backend", service=stack.backend.found_by, kind="process", status="exited")
    given = {"runtime": runtime(Here(), Path("/run")), "project": Project("the host", (gone,))}

    with pytest.raises(NotPart, match="does not run"):
        look("log_files", stack, service="backend", given=given)


def test_the_engine_keeps_the_logs_of_containers():
    """Whether it can be asked or not."""
    blind = CouldNotCheck("no socket")
    with pytest.raises(NotPart, match="whose log the engine keeps"):
        look("log_files", Stack(), service="backend", given={"runtime": blind, "project": blind})
    with pytest.raises(NotPart, match="the engine keeps"):
        DockerCompose.deleted_logs(None, Container(id="x", name="a", service="a", status="running"))


def test_nothing_looked_at_is_inconclusive():
    """A fact without a process proves nothing."""
    assert LogFiles(component="api", processes=0).inconclusive_reason()
