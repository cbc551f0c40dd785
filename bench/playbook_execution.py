"""A step of the playbook as a person types it into a shell, and what is better left alone."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from oncall import playbook
from oncall.target.reader import read_target

WHOLE_MACHINE = re.compile(r"systemctl|timedatectl|prune|journalctl|certbot|usermod")
BLANKS = re.compile(r"\b(?:YOUR_\w+|FILE|PID|[A-Z]+_NAME)\b")
PATIENCE = 40.0  # seconds that one command may take: `docker-compose down` of three services takes a dozen


@dataclass
class Typed:
    """One step as it was typed, or why it was not."""

    section: str
    number: int
    risk: str
    command: str
    edit: str = ""
    left_out: str = ""
    code: int | None = None
    seconds: float = 0.0
    said: str = ""


def fill(step, stack, fault, component, evidence=None):
    """What to type: from the target, for the component that shows the cause, with what its finding saw and what the
    fault lets a person read."""
    target = read_target(stack.home.target).stack
    command = playbook.fill(
        playbook.for_runtime(step, target, component) or step, target, component, evidence=evidence
    ).command
    for blank, word in fault.reads.items():
        command = re.sub(rf"\b{blank}\b", word, command)
    return command


def reason_to_leave(typed, step, lossy=False):
    if step.risk == "data loss" and not lossy:
        return "data loss"
    if step.risk != "read-only" and WHOLE_MACHINE.search(typed.command):
        return "whole machine"
    if blank := BLANKS.search(typed.command):
        return f"{blank[0]} is for a person to say"
    return "SERVICE is for a person to say" if re.search(r"\bSERVICE\b", typed.command) else ""


def type_(typed, folder):
    """As pasted into a shell, in a folder of no meaning."""
    typed.code, typed.said, typed.seconds = in_a_shell(typed.command, folder)


def type_each(commands, folder, environment=None):
    """One after the other in one shell: each with its exit code (None: it did not end in time) and what it said.

    environment: what the person's shell has beside ours.
    """
    script = []
    for number, command in enumerate(commands):
        (folder / f"{number}.sh").write_text(f"{command}\n")
        script.append(f". {folder}/{number}.sh >{folder}/{number}.said 2>&1; echo $? >{folder}/{number}.code")
    in_a_shell("\n".join(script), folder, environment)
    return [typed_one(command, folder, number) for number, command in enumerate(commands)]


def typed_one(command, folder, number):
    code, said = folder / f"{number}.code", folder / f"{number}.said"
    return {
        "command": command,
        "code": int(code.read_text()) if code.exists() else None,
        "said": said.read_text(errors="replace")[-600:].strip() if said.exists() else "",
    }


def in_a_shell(script, folder, more=None):
    """Its exit code (None: it was ended), what it said last, and how long it took."""
    environment = {**os.environ, **(more or {}), "PATH": f"{root_needs_no_sudo(folder)}{os.environ['PATH']}"}
    began = time.monotonic()
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    code = None
    try:
        said, _ = shell.communicate(timeout=PATIENCE)
        code, said = shell.returncode, said[-300:].strip()
    except BaseException as error:
        os.killpg(shell.pid, signal.SIGKILL)  # the shell and whatever it waits for
        shell.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        said = f"did not end within {PATIENCE:g} s"
    return code, said, round(time.monotonic() - began, 1)


def root_needs_no_sudo(folder):
    """Where nobody installed sudo, root types the commands without it."""
    if os.geteuid() or shutil.which("sudo"):
        return ""
    place = folder / "bin"
    if not place.exists():
        place.mkdir()
        (place / "sudo").write_text('#!/bin/sh\n[ "$1" = -u ] && shift 2\nexec "$@"\n')
        (place / "sudo").chmod(0o755)
    return f"{place}:"
