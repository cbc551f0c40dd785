"""What only a target may say whose author may run commands here: `--untrusted-target` refuses it.

For the target file of a pull request. Exec in containers is off. What is left is requests to the addresses that the
file names, with the secrets that it names, so such a run gets none that its author must not have.
"""

import glob
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields, replace

from oncall.target.schema import Stack
from oncall.target.validator import bare, dotted, rule

COMPOSE = ("docker-compose", "docker compose", "podman-compose", "podman compose")
MOST_MATCHES = 1000  # of a pattern


def refusals(stack: Stack, folder: str, table: dict[str, Any]) -> list[str]:
    """A sentence for each thing that such a target must not say.

    folder: the file's own, where its paths must stay. table: the file as it was written.
    """
    return [f"{key} {words} (--untrusted-target)" for key, words in _refused(stack, os.path.realpath(folder), table)]


def without_exec(stack: Stack) -> Stack:
    """The stack, with nothing run inside its containers."""
    return replace(stack, docker=replace(stack.docker, exec=False))


def _refused(stack: Stack, folder: str, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if stack.host.backup_reader:
        yield "host.backup_reader", "is a command: leave it out"
    if stack.browser.executable:
        yield "browser.executable", "is a program that is run: leave it out"
    if stack.compose not in COMPOSE:
        yield "compose", f"is a command of its own: say one of {', '.join(COMPOSE)}"
    docker = table.get("docker")
    if isinstance(docker, dict) and docker.get("exec") is True:
        yield "docker.exec", "runs commands inside containers: say false, or leave it out"
    for key, place in (("host.at", stack.host.at), ("docker.host", stack.docker.host)):
        if place.startswith("ssh:"):
            yield key, "logs in to another machine: leave it out"
    if stack.postgres.password == "from-container":  # noqa: S105  (a word of ours)
        yield "postgres.password", "is read out of a container: name a variable in postgres.password_variable"
    if stack.postgres.host.startswith("/"):
        yield "postgres.host", "is a socket, which knows us by our user: name a host"
    for key, path in _paths(stack, ()):
        if not _inside(path, folder):
            yield key, "leads out of the folder of the target file: keep it inside"


def _paths(record: Struct, at: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each path that the record holds, with its key."""
    for one in fields(record):
        value, place = getattr(record, one.name), (*at, one.name)
        kind = get_args(bare(one.type))[0] if get_origin(bare(one.type)) is tuple else one.type
        if isinstance(value, Struct):
            yield from _paths(value, place)
        elif (rule(kind, "extra") or {}).get("read_by"):
            yield from ((dotted(place), path) for path in ((value,) if isinstance(value, str) else value) if path)


def _inside(path: str, folder: str) -> bool:
    """Whether a path, and all that it matches where it is a pattern, lies in the folder, links followed."""
    fixed = path
    if glob.has_magic(path):
        fixed = os.path.dirname(path[: min(path.index(sign) for sign in "*?[" if sign in path)])
    found = (fixed, *islice(glob.iglob(path), MOST_MATCHES))
    return all(os.path.realpath(one) == folder or os.path.realpath(one).startswith(folder + os.sep) for one in found)
