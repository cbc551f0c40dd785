"""Run inside, where systemd is: the embedded stack's processes become units of the same commands and configuration.

python -m stack.systemd.units      (after `python -m stack up` or `heal`, as root)
"""

import subprocess
from pathlib import Path
from typing import Any

from stack import processes
from stack.running import PARTS, Running
from stack.state import ROOT, Home, StackError, write_env
from stack.target import toml

FOLDER = Path("/run/systemd/system")
MEMORY = "512M"
TASKS = 128


def name(part: str) -> str:
    """The unit of a part."""
    return f"motel-{part}.service"


def main() -> None:
    from stack.lifecycle import running

    stack = running(Home())
    for part in PARTS:
        stack.stop(part)
        (FOLDER / name(part)).write_text(unit(stack, part))
    systemctl("daemon-reload")
    systemctl("reset-failed", *map(name, PARTS), check=False)
    for part in reversed(PARTS):
        systemctl("start", name(part))
        stack.state["processes"][part] = adopted(part)
        stack.save()
    for part in PARTS:
        stack.wait_healthy(part)
    write_target(stack)


def systemctl(*words: str, check: bool = True) -> str:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode:
        raise StackError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def adopted(part: str) -> dict[str, Any]:
    """The unit's first process, as the embedded stack remembers its own."""
    pid = int(systemctl("show", "--property=MainPID", "--value", name(part)))
    return {"pid": pid, "started": processes.birth(pid)} if pid else {}


def unit(stack: Running, part: str) -> str:
    """Its file: what a team would write, with limits and restarts."""
    server = stack.server
    if part == "postgres":
        command = f"{server.bin / 'postgres'} -D {server.data} -p {server.port} -k {server.run}"
        lines = ["User=nobody", f"WorkingDirectory={server.run}", "Environment=LC_ALL=C TZ=UTC", "KillSignal=SIGINT"]
    else:
        file = environment(stack, part)
        command = f"{ROOT}/.venv/bin/python -m stack.{part}"
        lines = [f"EnvironmentFile={file}", "Environment=PYTHONUNBUFFERED=1", f"WorkingDirectory={ROOT}"]
    return "\n".join(
        [
            *("[Unit]", f"Description=Motel {part}", "StartLimitIntervalSec=0"),
            *("[Service]", f"ExecStart={command}", *lines, "Restart=on-failure", "RestartSec=100ms"),
            *("MemoryAccounting=yes", f"MemoryMax={MEMORY}", f"TasksMax={TASKS}", "TimeoutStopSec=5", ""),
        ]
    )


def environment(stack: Running, part: str) -> Path:
    """Its variables; the log goes to standard output, which the journal keeps."""
    values = stack.env(part) | {"LOG_FILE": ""}
    file = stack.home.path / f"{part}.unit.env"
    write_env(file, {each: value for each, value in values.items() if value})
    return file


def write_target(stack: Running) -> None:
    """The target file says units in place of processes, and no files of theirs."""
    target = stack.target
    for part in PARTS:
        target[part].pop("process", None)
        target[part]["unit"] = name(part)
    target["backend"]["env_file"] = str(stack.home.path / "backend.unit.env")
    target["postgres"].pop("log_files", None)
    stack.home.target.write_text("# Written by `python -m stack.systemd.units`.\n" + toml(target))


if __name__ == "__main__":
    main()
