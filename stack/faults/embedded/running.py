"""Ways to break how the backend's process runs: what only who looks at processes can tell."""

import json
import resource
import sys
import time

from stack.faults import fault
from stack.faults.expected.container_failures import LOG, MEMORY, RUNNING, UP, of
from stack.faults.expected.process_failures import without
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.running import Running

HEALTH = "test_backend_answers_its_health_check"


@fault(
    "backend-restart-loop",
    component="backend",
    cause_class="restart loop",
    must_fail=[*of("backend", UP), HEALTH],
    unknown=[
        *of("backend", RUNNING),
        *(check for check in without("backend") if check not in of("backend", UP)),
        *SILENT_BACKEND,
    ],
)
def backend_restart_loop(stack: Running) -> None:
    """The backend ends at each start, and its supervisor does not give up."""
    stack.stop("backend")
    file = stack.home.pid_file("backend")
    dies = f"{sys.executable} -c 'import time; time.sleep(0.1)'"
    script = f"echo ready; while true; do {dies} & echo $! > {file}; wait; done"
    stack.helper("supervisor", ["bash", "-c", script])


@fault(
    "backend-near-its-address-space",
    component="backend",
    cause_class="resource exhaustion",
    must_fail=of("backend", MEMORY),
)
def backend_near_its_address_space(stack: Running) -> None:
    """The memory that the backend may have is nearly used up."""
    process = stack.process("backend")
    used = process.memory_info().vms
    process.rlimit(resource.RLIMIT_AS, (int(used / 0.95), process.rlimit(resource.RLIMIT_AS)[1]))


@fault("backend-says-it-has-no-file-left", component="backend", cause_class="log", must_fail=of("backend", LOG))
def backend_says_it_has_no_file_left(stack: Running) -> None:
    """Some of the backend's requests fail for want of a file descriptor; only its log says so."""
    started = stack.process("backend").create_time()
    stack.wait(lambda: time.time() > started + 2, "the backend is no longer starting")
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    line = {"time": at, "level": "error", "message": "accept failed", "error": "EMFILE: too many open files"}
    with stack.log("backend").open("a") as file:
        file.write(f"{json.dumps(line)}\n" * 3)
