"""The engine, asked through its command line: `docker` of the usual context or DOCKER_HOST."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.state import StackError


def docker(
    *arguments: str, check: bool = True, timeout: float = 60, give: bytes | None = None, env: Mapping[str, str] = {}
) -> str:
    """Run a docker command; what it printed."""
    done = run([_tool("docker"), *arguments], timeout=timeout, give=give, env=env)
    if check and done.returncode:
        raise StackError(f"docker {' '.join(arguments[:2])} failed: {last_words(done)}")
    return done.stdout.decode(errors="replace").strip()


def run(
    command: list[str],
    *,
    timeout: float,
    give: bytes | None = None,
    env: Mapping[str, str] = {},
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """A command with a clean standard input; a sentence when it cannot be run or does not end."""
    source = {"input": give} if give is not None else {"stdin": subprocess.DEVNULL}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            timeout=timeout,
            env={**_surroundings(), **env},
            cwd=cwd,
            check=False,
            **source,
        )  # type: ignore[call-overload]
    except OSError as error:
        raise StackError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{' '.join(command[:3])} did not end within {timeout:g} s") from error


def _surroundings() -> dict[str, str]:
    """The shell's environment without what would change the stack: Compose 1.29 is a Python program, and what stands in
    the shell wins over what the stack's own files say."""
    unwanted = ("PYTHON", "COMPOSE_", "POSTGRES_", "BACKEND_", "FRONTEND_", "STACK_", "HEALTH_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def require() -> None:
    """The engine answers, or a sentence that says what is missing."""
    _tool("docker")
    done = run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=15)
    if done.returncode:
        raise StackError(f"the Docker engine does not answer: {last_words(done)}")


def lines(*arguments: str) -> list[str]:
    return [line for line in docker(*arguments, check=False).splitlines() if line]


def has_image(name: str) -> bool:
    return run(["docker", "image", "inspect", "--format", "{{.Id}}", name], timeout=15).returncode == 0


def _tool(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise StackError(f"{name} is missing: install Docker (on Debian: apt-get install docker.io docker-compose)")


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in said[-3:] if line.strip()) or f"exit code {done.returncode}"
