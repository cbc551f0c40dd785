"""What systemd and its journal say, read as records. Pure: text in, records out."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from oncall.facts.containers import Status
from oncall.finding import CouldNotCheck
from oncall.runtimes.runtime import Container, Event

# One call for all units; systemctl leaves out what an older version does not know.
PROPERTIES = (
    *("Id", "Names", "LoadState", "LoadError", "ActiveState", "SubState", "Result", "FreezerState"),
    *("MainPID", "ExecMainPID", "ExecMainCode", "ExecMainStatus", "NRestarts", "Restart"),
    *("ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic", "StateChangeTimestampMonotonic"),
    *("ControlGroup", "MemoryMax", "MemoryLimit", "TasksMax", "CPUQuotaPerSecUSec", "InvocationID"),
)
USED = ("ControlGroup", "MemoryCurrent", "CPUUsageNSec", "TasksCurrent", "TasksMax", "MemoryMax", "MainPID")
ENDED, KILLED, DUMPED = "1", "2", "3"  # ExecMainCode, as in siginfo: CLD_EXITED, CLD_KILLED, CLD_DUMPED
UNLIMITED = 2**62
# Messages of systemd itself, by the number that each kind has for ever.
OOM = "fe6faa94e7774663a0da52717891d8ef"
EXITED = "98e322203f7a4ed290d09fe03c09fe15"
STARTED = "39f53479d3a045ac8e11786248231fbf"
ACTIONS = {OOM: "oom", EXITED: "die", STARTED: "start"}


def tables(text: str) -> Iterator[dict[str, str]]:
    """The properties of each unit; `systemctl show` parts them by an empty line."""
    for block in text.split("\n\n"):
        pairs = (line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if told := dict(pairs):
            yield told


def unit(told: Mapping[str, str], asked: str, now: datetime, up: float) -> Container | None:
    """One unit, None when systemd does not know it. now, up: the machine's time, and seconds since its start."""
    if told.get("LoadState") == "not-found":
        return None

    def moment(name: str) -> datetime | None:
        microseconds = number(told.get(name))
        return now - timedelta(seconds=up - microseconds / 1e6) if microseconds else None

    process = number(told.get("MainPID"))
    status = _status(told, process)
    return Container(
        id=_id(told, process),
        name=told.get("Id", asked),
        service=asked,
        kind="unit",
        status=status,
        error=_error(told, status),
        exit_code=_exit_code(told),
        oom_killed=told.get("Result") == "oom-kill",
        restarts=number(told.get("NRestarts")),
        restart_policy=told.get("Restart", ""),
        started_at=moment("ExecMainStartTimestampMonotonic"),
        finished_at=moment("ExecMainExitTimestampMonotonic"),
        process=process,
        memory_limit=_limit(told.get("MemoryMax")) or _limit(told.get("MemoryLimit")),
        cpus=_quota(told.get("CPUQuotaPerSecUSec", "")),
        pids_limit=_limit(told.get("TasksMax")),
        cgroup=told.get("ControlGroup", ""),
    )


def number(word: str | None) -> int:
    """A number, 0 for another word ("[not set]", "infinity")."""
    return int(word) if word and word.isdecimal() and len(word) < 21 else 0


def _limit(word: str | None) -> int:
    value = number(word)
    return value if value < UNLIMITED else 0


def _id(told: Mapping[str, str], process: int) -> str:
    """What tells this start of it from others."""
    return told.get("InvocationID", "")[:32] or (f"pid {process}" if process else told.get("Id", ""))


def _status(told: Mapping[str, str], process: int) -> Status:
    active, sub = told.get("ActiveState", ""), told.get("SubState", "")
    if told.get("FreezerState") == "frozen":
        return "paused"
    if sub == "auto-restart":
        return "restarting"
    if active in ("active", "reloading", "refreshing") or (active == "activating" and process):
        return "running"
    if active == "deactivating":
        return "stopping"
    if active == "activating":
        return "restarting" if number(told.get("NRestarts")) else "created"
    never = active == "inactive" and not number(told.get("ExecMainExitTimestampMonotonic"))
    return "created" if never else "exited"


def _exit_code(told: Mapping[str, str]) -> int | None:
    """As a shell has it: 128 and the signal for one that a signal ended; None while it has not ended."""
    code, status = told.get("ExecMainCode", ""), number(told.get("ExecMainStatus"))
    return {ENDED: status, KILLED: 128 + status, DUMPED: 128 + status}.get(code)


def _error(told: Mapping[str, str], status: Status) -> str:
    if told.get("LoadState") not in ("loaded", "", None):
        return " ".join(f"its unit file: {told['LoadState']} {told.get('LoadError', '')}".split())[:300]
    if status == "running":
        return ""
    state = f"{told.get('ActiveState', '')} ({told.get('SubState', '')})"
    result = told.get("Result", "")
    return f"{state}, result {result}" if result and result != "success" else state


def _quota(word: str) -> float | None:
    """ "500ms" a second is half a CPU; systemd writes spans in units."""
    units = (("ms", 1e-3), ("us", 1e-6), ("min", 60.0), ("s", 1.0))
    total = 0.0
    for part in word.split():
        unit_of = next((each for each in units if part.endswith(each[0])), None)
        if unit_of is None:
            return None
        try:
            total += float(part.removesuffix(unit_of[0])) * unit_of[1]
        except ValueError:
            return None
    return total or None


def entries(text: str) -> Iterator[dict[str, Any]]:
    """The journal's entries, one JSON object a line; one that was cut is left out."""
    for line in text.split("\n"):
        try:
            read = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(read, dict):
            yield read


def logged(entry: Mapping[str, Any]) -> Iterator[bytes]:
    """The lines of one message of the unit's own, each behind its time; nothing of what systemd says of the unit."""
    at = moment_of(entry)
    if at is None or (entry.get("SYSLOG_IDENTIFIER") == "systemd" and entry.get("_PID") == "1"):
        return
    for line in _message(entry.get("MESSAGE")).split(b"\n"):
        if line.strip():
            yield at.isoformat().encode("ascii") + b" " + line + b"\n"


def _message(value: Any) -> bytes:
    """Text, or bytes as a list of numbers where it is no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value)
    return b""


def moment_of(entry: Mapping[str, Any]) -> datetime | None:
    """When an entry was written, by the machine's clock."""
    word = entry.get("__REALTIME_TIMESTAMP")
    if not isinstance(word, str) or not word.isdecimal() or len(word) > 17:
        return None
    return datetime.fromtimestamp(int(word) / 1e6, UTC)


def event(entry: Mapping[str, Any], service: str) -> Event | None:
    """What systemd did with the unit, None for another message."""
    action, at = ACTIONS.get(str(entry.get("MESSAGE_ID", ""))), moment_of(entry)
    if action is None or at is None:
        return None
    status = number(str(entry.get("EXIT_STATUS", "")))
    signal = status if action == "die" and entry.get("EXIT_CODE") in ("killed", "dumped") else None
    return Event(
        action=action,
        container_id=str(entry.get("INVOCATION_ID", ""))[:32],
        service=service,
        at=at,
        exit_code=(128 + signal if signal else status) if action == "die" else None,
        signal=signal,
    )


def refused(complaint: str) -> CouldNotCheck:
    """Why systemd could not be asked."""
    return CouldNotCheck(f"systemd does not answer: {complaint}", setting="host.at")
