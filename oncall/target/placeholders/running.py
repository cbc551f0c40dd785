"""How the part runs that a placeholder is about: Compose, systemd, a plain process, or elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from oncall.target.views import Views, parts, servers

if TYPE_CHECKING:
    from oncall.target.schema import Part, Stack

Runtime = Literal["", "compose", "systemd", "process"]  # "": nobody has said, or it runs elsewhere
RUNTIMES: tuple[Runtime, ...] = ("compose", "systemd", "process")
OF_RUNTIME: Mapping[str, Runtime] = {
    "unit": "systemd",
    "process": "process",
    "find_process": "process",
    "log_files": "process",
    "port": "process",
}

OF_SEVERAL: Mapping[str, Runtime] = {
    "compose": "compose",
    "project": "compose",
    "services": "compose",
    "units": "systemd",
    "logs": "process",
}


def bound(name: str) -> tuple[str | None, Runtime]:
    """The component that a placeholder is about (None: that of the cause), and the runtime that it makes sense for.

    "" in place of a component: none. In place of a runtime: any.
    """
    if name in OF_SEVERAL:
        return "", OF_SEVERAL[name]
    if name == "service":
        return None, "compose"
    if name in ("backend", "frontend", "postgres"):
        return name, "compose"
    if name in OF_RUNTIME:
        return None, OF_RUNTIME[name]
    component, _, kind = name.partition("_")
    if component in ("backend", "frontend", "postgres") and kind in OF_RUNTIME:
        return component, OF_RUNTIME[kind]
    return "", ""


def seen_by(stack: Stack, component: str | None) -> Stack:
    """The stack as the component sees it that a cause names."""
    return Views(stack).about(server_of(stack, component))


def part_behind(stack: Stack, component: str | None) -> Part | None:
    """What a person would restart for a component; None: there is no such part."""
    name = server_of(stack, component)
    return parts(stack).get(name) or parts(stack).get(stack.named(name))


def runtime_of(stack: Stack, part: Part) -> Runtime:
    """What its commands are written for."""
    if part.runtime == "external" or (part.runtime == "compose" and stack.docker.absent):
        return ""
    return part.runtime


def runtimes(stack: Stack) -> frozenset[Runtime]:
    """Those that run some part of the stack."""
    return frozenset(runtime_of(stack, part) for part in parts(stack).values()) - {""}


def server_of(stack: Stack, component: str | None) -> str:
    """The component itself, or of a login and a socket the one that serves them."""
    return servers(stack).get(component or "", component or "")
