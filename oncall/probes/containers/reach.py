"""What the backend's container sees: whether its database's name resolves there, and whether the port answers.

Asked with the first of a few usual tools that is there. Each asks once, reads only, and gives up by itself and says
so: one that says nothing was slow to begin with, or killed, which proves nothing.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from oncall.facts.network import NameResolution, PortFromInside, Reached
from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Pattern
from oncall.probes.containers.network import Route
from oncall.probing.register import probe
from oncall.runtimes.runtime import Answered, Container, ContainerRuntime

log = logging.getLogger(__name__)

MISSING = (126, 127)
UNUSABLE = Pattern(r"(?im)^usage:|(?:invalid|unrecognized|unknown) option|illegal option")
CROWDED = Pattern(r"(?i)resource temporarily unavailable|(?:cannot|can't) (?:fork|start new thread)|fork: retry")
SECONDS = 2.0  # for one tool
CONNECT_SECONDS = 1.5  # inside the container, so that its answer comes back in time

PYTHON_NAME = """import socket, sys
try:
    for found in socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_STREAM):
        print(found[4][0])
except socket.gaierror:
    sys.exit(2)"""
NODE_NAME = """require('dns').lookup(process.argv[1], {all: true}, (error, found) => {
  if (error) process.exit(2); found.forEach(one => console.log(one.address)) })"""
PYTHON_PORT = f"""import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), {CONNECT_SECONDS}).close(); print("open")
except socket.gaierror: print("unresolved")
except TimeoutError: print("timeout")
except ConnectionRefusedError: print("refused")
except OSError as error: print("unreachable", error)"""
NODE_PORT = f"""const end = word => {{ console.log(word); process.exit(0) }}
const socket = require('net').connect(+process.argv[2], process.argv[1], () => end('open'))
setTimeout(() => end('timeout'), {CONNECT_SECONDS * 1000:.0f})
socket.on('error', error => end({{ENOTFOUND: 'unresolved', EAI_AGAIN: 'unresolved', ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout'}}[error.code] || 'unreachable ' + error.code))"""
OUTCOMES: tuple[Reached, ...] = ("open", "refused", "timeout", "unreachable", "unresolved")
WORDS: tuple[tuple[Reached, Pattern[str]], ...] = (
    ("refused", Pattern("refused")),
    ("unresolved", Pattern("not known|name resolution|bad address|unknown host|no address|could not translate")),
    ("timeout", Pattern("timed out|timeout|no response")),
    ("unreachable", Pattern("unreachable|no route")),
)
BASH_PORT = 'exec 3<>"/dev/tcp/$0/$1" && echo open'


@probe()
def name_resolution(docker_client: ContainerRuntime, database_route: Route) -> NameResolution:
    """What the database's name resolves to inside the backend's container."""
    route = database_route
    if route.literal:
        return NameResolution(
            container=route.container.name, name=route.host, addresses=(route.host,), database=route.database
        )
    ways = (
        ("getent", "ahosts", route.host),
        ("python3", "-c", PYTHON_NAME, route.host),
        ("node", "-e", NODE_NAME, route.host),
        ("nslookup", route.host),
    )
    tool, said = first_that_is_there(docker_client, route.container, ways)
    if said is None and not _quick(docker_client, route.container, tool):
        raise CouldNotCheck(f"{tool} said nothing within {SECONDS:g} s in {route.container.name}")
    if said is None:
        return NameResolution(
            container=route.container.name, name=route.host, tool=tool, database=route.database, timed_out=True
        )
    log.info("%s asked for %s in %s: exit %d", tool, route.host, route.container.name, said.code)
    text = said.output.partition("Name:")[2] if tool == "nslookup" else said.output
    found = dict.fromkeys(_addresses(text)) if said.code == 0 else {}
    return NameResolution(
        container=route.container.name,
        name=route.host,
        tool=tool,
        addresses=tuple(found)[:8],
        database=route.database,
        pinned=route.pinned,
        said="" if found else _first(said.output),
    )


@probe()
def port_from_inside(docker_client: ContainerRuntime, database_route: Route) -> PortFromInside:
    """Whether the database's port accepts a connection from inside the backend's container."""
    route = database_route
    place = (route.host, str(route.port))
    address = f"[{route.host}]:{route.port}" if ":" in route.host else f"{route.host}:{route.port}"
    ways = (
        ("python3", "-c", PYTHON_PORT, *place),
        ("node", "-e", NODE_PORT, *place),
        ("timeout", "1", "bash", "-c", BASH_PORT, *place),  # bash itself has no time limit
        ("nc", "-zv", "-w", "1", *place),  # without -v some say nothing of a refusal
        ("nc", "-z", "-w", "1", *place),
        ("nc", "-w", "1", *place),  # some know no -z; without input they end by themselves
        ("pg_isready", "-t", "1", "-h", route.host, "-p", place[1]),
    )
    tool, said = first_that_is_there(docker_client, route.container, ways)
    if said is None:
        raise CouldNotCheck(f"{tool} said nothing within {SECONDS:g} s in {route.container.name}")
    log.info("%s connected to %s from %s: exit %d", tool, address, route.container.name, said.code)
    return PortFromInside(
        container=route.container.name,
        address=address,
        tool=tool,
        outcome=_outcome(tool, said),
        said="" if said.code == 0 else _first(said.output),
    )


def first_that_is_there(
    runtime: ContainerRuntime, container: Container, ways: Sequence[tuple[str, ...]]
) -> tuple[str, Answered | None]:
    """The first tool that the container has, and what it said; None when it did not answer in time.

    Raises CouldNotCheck when there is none of them, or when the container may start no further process.
    """
    for command in ways:
        tool = command[0]
        began = time.monotonic()
        try:
            said = runtime.run(container, *command, seconds=SECONDS)
        except CouldNotCheck:
            if time.monotonic() - began < 0.9 * SECONDS:
                raise
            return tool, None
        if said.code != 0 and CROWDED.search(said.output):
            raise CouldNotCheck(
                f"nothing can be asked inside {container.name}: it may start no further process",
                root="container_processes[backend]",
            )
        if said.code not in MISSING and not UNUSABLE.search(said.output):
            return tool, said
    tools = ", ".join(dict.fromkeys(command[0] for command in ways))
    raise CouldNotCheck(f"{container.name} has none of the tools {tools}, so nothing can be asked inside")


def _quick(runtime: ContainerRuntime, container: Container, tool: str) -> bool:
    """Whether a tool ends in time when it has no name server to wait for."""
    ways = {
        "python3": ("-c", PYTHON_NAME, "127.0.0.1"),
        "node": ("-e", NODE_NAME, "127.0.0.1"),
        "getent": ("ahosts", "127.0.0.1"),
        "nslookup": ("--help",),
    }
    try:
        runtime.run(container, tool, *ways[tool], seconds=0.7)
    except CouldNotCheck:
        return False
    return True


def _outcome(tool: str, said: Answered) -> Reached:
    """The outcome, from the words of each tool; raises CouldNotCheck when it has none."""
    text = said.output.lower()
    if tool == "timeout" and said.code in (124, 143):  # coreutils, busybox
        return "timeout"
    if not text.strip() and not (tool == "nc" and said.code == 0):
        raise CouldNotCheck(f"{tool} said nothing in the backend's container (exit code {said.code})")
    if tool in ("python3", "node"):
        word = (text.split() or [""])[0]
        return next((one for one in OUTCOMES if one == word), "closed")
    if said.code == 0:
        return "open"
    return next((outcome for outcome, pattern in WORDS if pattern.search(text)), "closed")


def _addresses(text: str) -> Iterator[str]:
    for word in text.split():
        try:
            yield str(ip_address(word))
        except ValueError:
            continue


def _first(output: str) -> str:
    return (output.strip().splitlines() or [""])[-1][:200]
