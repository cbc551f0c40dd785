"""Log files that were deleted while their writer holds them open: it writes on, and nobody can read it."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Pattern
from oncall.runtimes.host_files import MISSING, HostFiles

OUTPUTS = (1, 2)  # standard output and standard error: whatever file they are, it is a log
NAMELESS = Pattern(r"^/memfd:|^/dev/|/#\d{1,20}\z")  # memory, and files that never had a name (O_TMPFILE)


def deleted_logs(
    files: HostFiles, name: str, pids: Collection[int], patterns: tuple[str, ...], seconds: float
) -> tuple[str, ...]:
    """The paths that they had; a rotated one is known by what stands behind the usual name ("app.log.1").

    Where nobody may see what these processes have open, a file that is there has not been deleted. Raises CouldNotCheck
    where it is not.
    """
    held = files.deleted(*pids, seconds=seconds)
    if not held and patterns and all(_there(files, pattern, seconds) for pattern in patterns):
        return ()
    if not held:
        raise CouldNotCheck(f"which files {name} has open cannot be seen: run the checks as root or its user")
    found = {
        path
        for each in held.values()
        for number, path in each.items()
        if (number in OUTPUTS and not NAMELESS.search(path))
        or any(fnmatchcase(path, f"{pattern}*") for pattern in patterns)
    }
    return tuple(sorted(found))


def _there(files: HostFiles, pattern: str, seconds: float) -> bool:
    return any(one.problem != MISSING for one in files.ends((pattern,), 1, seconds))
