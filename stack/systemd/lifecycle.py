"""Up, heal, down: a container that boots systemd, and in it the embedded stack's parts as units.

It has this machine's network, so that whoever stands outside reaches the same addresses as one inside. The checkout is
mounted read-only, the state folder writable, both at their own places.
"""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable

from stack.docker import engine
from stack.ports import other
from stack.state import ROOT, Home, StackError
from stack.systemd.image import image
from stack.systemd.units import name as unit_of

Tell = Callable[[str], None]
PYTHON = f"{ROOT}/.venv/bin/python"


class Booted:
    """The container, and what one types in it as root."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.name = f"oncall-systemd-{hashlib.sha256(str(home.path).encode()).hexdigest()[:8]}"

    def run(self, *command: str, check: bool = True, timeout: float = 120) -> str:
        words = ["docker", "exec", "-e", f"STACK_HOME={self.home.path}", "-w", str(ROOT), self.name, *command]
        done = engine.run(words, timeout=timeout)
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        if check and done.returncode:
            raise StackError(f"{' '.join(command[:4])}: {said[-300:]}")
        return said

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self.run("systemctl", *words, check=check)

    def drop_in(self, part: str, *lines: str) -> None:
        """Further settings of a part's unit, in force from its next start."""
        folder = f"/run/systemd/system/{unit_of(part)}.d"
        script = 'mkdir -p "$1" && printf "%s\\n" "$2" > "$1/fault.conf"'
        self.run("sh", "-c", script, "sh", folder, "\n".join(lines))
        self.systemctl("daemon-reload")

    def show(self, part: str, key: str) -> str:
        return self.systemctl("show", f"--property={key}", "--value", unit_of(part))

    def wait(self, true: Callable[[], object], what: str, patience: float = 30.0) -> None:
        """Wait until something is so; say what was waited for when it never is."""
        until = time.monotonic() + patience
        while not true():
            if time.monotonic() > until:
                raise StackError(f"{what}: this did not happen within {patience:g} s")
            time.sleep(0.1)

    def sshd(self, key: str) -> int:
        """Let this public key in; the port on which sshd listens, of this machine's loopback."""
        port = other()
        script = (
            "mkdir -p /root/.ssh /run/sshd && printf '%s\\n' \"$1\" > /root/.ssh/authorized_keys"
            " && ssh-keygen -A >/dev/null && systemd-run --unit=oncall-sshd"
            ' /usr/sbin/sshd -D -p "$2" -o ListenAddress=127.0.0.1 -o UsePAM=no'
        )
        self.run("sh", "-c", script, "sh", key, str(port))
        self.wait(lambda: f":{port}" in self.run("ss", "-Hltn"), "sshd listens")
        return port


def up(home: Home, tell: Tell) -> Booted:
    """Boot, start the stack, make units of it."""
    booted = Booted(home)
    home.path.mkdir(parents=True, exist_ok=True)
    made = image(tell)
    engine.docker("rm", "-f", booted.name, check=False)
    engine.docker(
        "run", "-d", "--name", booted.name, "--network", "host", "--hostname", "motel",
        "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-e", "container=docker",
        "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec", "--shm-size", "256m",
        "-v", "/sys/fs/cgroup:/sys/fs/cgroup", "-v", f"{ROOT}:{ROOT}:ro", "-v", f"{home.path}:{home.path}",
        *_interpreter(), made, "/sbin/init",
    )  # fmt: skip
    booted.wait(lambda: _state(booted) in ("running", "degraded"), "systemd has booted")
    booted.run(PYTHON, "-m", "stack", "up", timeout=180)
    booted.run(PYTHON, "-m", "stack.systemd.units")
    return booted


def _interpreter() -> list[str]:
    """The Python below this environment, where it is not the system's own: then the image has the same."""
    return [] if sys.base_prefix == "/usr" else ["-v", f"{sys.base_prefix}:{sys.base_prefix}:ro"]


def _state(booted: Booted) -> str:
    return booted.run("systemctl", "is-system-running", check=False)


def heal(home: Home, tell: Tell) -> Booted:
    """Every part new, without the faults' settings."""
    booted = Booted(home)
    booted.run("sh", "-c", "rm -rf /run/systemd/system/motel-*.service.d")
    for part in ("frontend", "backend", "postgres"):
        booted.systemctl("stop", unit_of(part), check=False)
    booted.run("journalctl", "--rotate", "--vacuum-time=1s", check=False)
    booted.run(PYTHON, "-m", "stack", "heal", timeout=180)
    booted.run(PYTHON, "-m", "stack.systemd.units")
    return booted


def running(home: Home) -> Booted:
    return Booted(home)


def down(home: Home, tell: Tell) -> None:
    """The container and the state folder."""
    engine.docker("rm", "-f", "-v", Booted(home).name, check=False)
    shutil.rmtree(home.path, ignore_errors=True)
