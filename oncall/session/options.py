"""What may be typed behind `pytest`, and what must not be typed together."""

import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from typing import Any

import pytest

from oncall.verdict import SEVERITIES

# Spellings before 0.2, as aliases for one release.
FORMER = (
    ("--with", "active", ""),
    ("--result", "result", None),
    ("--after", "followup", None),
    ("--run", "run_name", None),
)
MODES = ("0600", "0640", "0644", "0660", "0664")


def add(parser: pytest.Parser) -> None:
    """All that `pytest --help` tells under "oncall"."""
    group = parser.getgroup("oncall", "incident playbook")
    group.addoption(
        "--target", metavar="FILE", help="the stack to diagnose (default: $ONCALL_TARGET, then oncall.toml)"
    )
    group.addoption(
        "--allow",
        action="append",
        default=[],
        metavar="NAME,...",
        help="variables of the environment that the target may use beside ONCALL_* (or: $ONCALL_ALLOW)",
    )
    group.addoption(
        "--untrusted-target",
        action="store_true",
        help="refuse a target that wants commands, ssh, exec in containers or files outside of its folder",
    )
    group.addoption(
        "--budget", type=_seconds, default=10.0, metavar="SECONDS", help="time for all probes together (10)"
    )
    group.addoption("--fail-on", choices=SEVERITIES, default="p4", help="lesser severities do not fail the run")
    group.addoption("--active", default="", metavar="WHAT,...", help="also run these active checks: browser, hold")
    group.addoption("--explain", default="", metavar="COMPONENT", help="print the chain that led to its causes")
    group.addoption("--save", metavar="FILE", help="save every fact to a snapshot")
    group.addoption("--replay", metavar="FILE", help="judge a snapshot instead of a live stack")
    group.addoption("--json", dest="result", metavar="FILE", help="write every verdict as JSON")
    group.addoption("--postmortem", metavar="FILE", help="write the draft of a post-mortem as Markdown")
    group.addoption("--followup", metavar="FILE", help="a later run's --json, for --postmortem: what healed since")
    group.addoption("--run-name", metavar="NAME", help="keep this run under a name of its own: nightly")
    group.addoption("--keep", type=_runs, default=30, metavar="N", help="how many runs of a name stay (30)")
    group.addoption("--ping", metavar="URL", help="call this heartbeat URL when the run is over (or: $ONCALL_PING)")
    group.addoption("--notify", action="append", metavar="URL", help="send a message there (or: $ONCALL_NOTIFY)")
    group.addoption(
        "--notify-on", type=_when, default="failure", metavar="failure|change", help="when to send it (failure)"
    )
    group.addoption("--wait", type=_seconds, metavar="SECONDS", help="repeat whole rounds until one is healthy")
    for former, dest, default in FORMER:
        group.addoption(former, dest=dest, default=default, help=SUPPRESS)
    parser.addini("oncall_report", "where the HTML diagnosis goes, unless --html says otherwise", default="")
    parser.addini("oncall_file_mode", "permissions of what a run leaves: 0600, or 0640 for a group", default="0600")
    parser.addini("oncall_playbook", "the playbook that recovery steps are quoted from", default="PLAYBOOK.md")


def _when(text: str) -> str:
    when = "failure" if text == "sick" else text
    if when not in ("failure", "change"):
        raise ValueError
    return when


_when.__name__ = "moment: failure or change"


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse turns a ValueError into its own sentence
    if not 0 < seconds < 86400:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"


def _runs(text: str) -> int:
    number = int(text)
    if not 0 < number <= 10_000:
        raise ValueError
    return number


_runs.__name__ = "number of runs"


def file_mode(config: pytest.Config) -> int:
    """Permissions of the files that a run leaves; raises pytest.UsageError."""
    text = str(config.getini("oncall_file_mode"))
    if text not in MODES:
        raise pytest.UsageError(f"oncall_file_mode must be one of {', '.join(MODES)}")
    return int(text, 8)


def run_joined(early_config: pytest.Config) -> None:
    """Run with `--target=FILE` where `--target FILE` was typed and hid the suite's configuration; exit with its code.

    Before pytest knows a plugin's options it takes FILE for a place to look for tests, and with a file outside of
    the checkout it searches for its configuration there. Joined by an equals sign, it does not.
    """
    typed = [str(word) for word in early_config.invocation_params.args]
    joined = _joined(typed)
    if early_config.inipath is not None or joined == typed or sys.argv[1:] != typed:
        return
    capture: Any = early_config.pluginmanager.get_plugin("capturemanager")
    if capture:
        capture.suspend_global_capture(in_=True)  # what the run says and reads is for the terminal
    raise SystemExit(pytest.main(joined))


JOINED = ("--target", "--replay", "--save", "--json", "--result", "--html", "--junitxml", "--postmortem", "--followup")


def _joined(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in JOINED:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def refuse_pairs(option: Any) -> None:
    """What says nothing together; raises pytest.UsageError, one sentence."""
    if option.wait and option.replay:
        raise pytest.UsageError("--wait is refused with --replay: a snapshot never changes, so leave one of them out")
    if option.followup and not option.postmortem:
        raise pytest.UsageError("--followup only serves a post-mortem: add --postmortem FILE")
