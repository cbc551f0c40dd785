"""What systemd says, read as records: states, results, codes, the journal."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from oncall.runtimes.systemd_records import entries, event, logged, tables, unit

NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
UP = 1000.0
RUNS = {
    "Id": "api.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success",
    "MainPID": "42", "ExecMainCode": "0", "ExecMainStatus": "0", "NRestarts": "0", "MemoryMax": "536870912",
    "ExecMainStartTimestampMonotonic": "400000000", "ExecMainExitTimestampMonotonic": "0", "TasksMax": "infinity",
    "CPUQuotaPerSecUSec": "500ms", "ControlGroup": "/system.slice/api.service", "InvocationID": "a" * 32,
}  # fmt: skip


def container(**changed):
    return unit(RUNS | changed, "api.service", NOW, UP)


def test_a_unit_that_runs():
    """Its limits, its start by the machine's own clock."""
    one = container()

    assert (one.kind, one.status, one.process, one.exit_code, one.cpus) == ("unit", "running", 42, None, 0.5)
    assert (one.memory_limit, one.pids_limit) == (512 * 2**20, 0)
    assert one.started_at == NOW - timedelta(seconds=600)


@pytest.mark.parametrize(
    ("told", "status", "code", "killed"),
    [
        ({"ActiveState": "failed", "SubState": "failed", "ExecMainCode": "1", "ExecMainStatus": "203",
          "Result": "exit-code", "MainPID": "0"}, "exited", 203, False),
        ({"ActiveState": "failed", "SubState": "failed", "ExecMainCode": "2", "ExecMainStatus": "9",
          "Result": "oom-kill", "MainPID": "0"}, "exited", 137, True),
        ({"ActiveState": "failed", "SubState": "failed", "ExecMainCode": "3", "ExecMainStatus": "11",
          "Result": "core-dump", "MainPID": "0"}, "exited", 139, False),
        ({"ActiveState": "activating", "SubState": "auto-restart", "ExecMainCode": "1", "ExecMainStatus": "1",
          "Result": "exit-code", "MainPID": "0", "NRestarts": "7"}, "restarting", 1, False),
        ({"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}, "created", None, False),
        ({"ActiveState": "inactive", "SubState": "dead", "MainPID": "0", "ExecMainCode": "1",
          "ExecMainExitTimestampMonotonic": "900000000"}, "exited", 0, False),
        ({"ActiveState": "activating", "SubState": "start"}, "running", None, False),
        ({"ActiveState": "deactivating", "SubState": "stop-sigterm"}, "stopping", None, False),
        ({"FreezerState": "frozen"}, "paused", None, False),
    ],
)  # fmt: skip
def test_states(told, status, code, killed):
    """Each of systemd's own as the one that people know of containers."""
    one = container(**told)

    assert (one.status, one.exit_code, one.oom_killed) == (status, code, killed)


def test_a_unit_that_systemd_does_not_know_is_none():
    """A wrong name in the target is told as such."""
    assert container(LoadState="not-found") is None


def test_blocks_are_parted_by_an_empty_line():
    """One call for all units; a value may hold an equals sign."""
    assert list(tables("Id=a.service\nX=1=2\n\nId=b.service\n")) == [
        {"Id": "a.service", "X": "1=2"},
        {"Id": "b.service"},
    ]


def entry(message, **more):
    return {"__REALTIME_TIMESTAMP": "1796050805000000", "MESSAGE": message, "_PID": "42", **more}


def test_a_message_comes_behind_its_time():
    """Text, or bytes that are no UTF-8, or several lines; nothing of systemd's own words about the unit."""
    assert list(logged(entry("one\ntwo"))) == [
        b"2026-11-30T15:00:05+00:00 one\n",
        b"2026-11-30T15:00:05+00:00 two\n",
    ]
    assert list(logged(entry([104, 255]))) == [b"2026-11-30T15:00:05+00:00 h\xff\n"]
    assert list(logged(entry("Started", _PID="1", SYSLOG_IDENTIFIER="systemd"))) == []
    assert list(logged(entry(None))) == list(logged({"MESSAGE": "x"})) == []


def test_a_line_that_was_cut_is_left_out():
    """The journal is read from its end, so its first line may be half of one."""
    text = '"x"}\n' + json.dumps(entry("whole")) + "\n[1]\n" + "{" * 5000

    assert [one["MESSAGE"] for one in entries(text)] == ["whole"]


def test_what_systemd_did_is_an_event():
    """A kill for lack of memory, an end with its signal, a start; anything else is none."""
    killed = event(entry("x", MESSAGE_ID="fe6faa94e7774663a0da52717891d8ef"), "api.service")
    died = event(entry("x", MESSAGE_ID="98e322203f7a4ed290d09fe03c09fe15", EXIT_CODE="killed", EXIT_STATUS="9"), "api")

    assert killed.action == "oom"
    assert (died.action, died.exit_code, died.signal) == ("die", 137, 9)
    assert event(entry("x"), "api.service") is None
