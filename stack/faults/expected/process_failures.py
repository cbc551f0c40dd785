"""What a process that is gone or frozen takes with it: the lists that many faults of the embedded stack share."""

from stack.faults.expected.container_failures import BURST, CPU, LOG, MEMORY, OPEN_FILES, PROCESSES, RUNNING, UP, of

COPIES = "test_jwt_secret_is_the_same_everywhere"
LIMIT = "test_backend_has_a_memory_limit"
LOGS = [
    *of("backend", LOG, BURST),
    *of("frontend", LOG, BURST),
    *of("postgres", LOG, BURST),
]  # may tell of it, if they blame the component


def gone(service: str) -> list[str]:
    """What shows that a process does not run."""
    return of(service, RUNNING)


def without(service: str, *, frozen: bool = False) -> list[str]:
    """What can only be asked of a process that runs; the limits and variables of a frozen one can still be read."""
    own = [LIMIT, COPIES] if service == "backend" and not frozen else []
    return [*of(service, UP, MEMORY, CPU, PROCESSES, OPEN_FILES), *own]
