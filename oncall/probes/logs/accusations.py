"""Whom a line accuses: the name or address in it, held against who has it now.

Pure. A writer that asks where nobody can be is wrong itself: an address of the project's network that has gone to
somebody else or to nobody, a name that no container of the project has, its own localhost for another part.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import IPv4Address

from msgspec import Struct

from oncall.runtimes.runtime import Container
from oncall.target.kinds import kind_of
from oncall.target.schema import Stack
from oncall.target.views import parts, services

LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0")  # noqa: S104  a name in a log line, nothing is bound
POOL = 20  # bits of a network's address: Docker's default pools are /16 and /20
HOSTS_OWN = ("host.docker.internal", "gateway.docker.internal")


class Accused(Struct, frozen=True):
    """The part behind a name or address in a line.

    shown: the words for it. component: whose it is; "" when nobody knows.
    setting: what is wrong with the writer, where it asks at a place that is nobody's or another's: a meaning for the
        line in place of the signature's.
    """

    shown: str
    component: str = ""
    setting: str = ""


Blame = Callable[[str, str], Accused]


def split(target: str) -> tuple[str, str]:
    """Host and port of what a line names."""
    if target.startswith("::1:"):
        return "::1", target[4:]
    host, _, port = target.rpartition(":") if target.count(":") == 1 or "]:" in target else (target, "", "")
    return host.strip("[]").lower().rstrip("."), port


class Places:
    """Names, addresses and ports of all that runs of the stack, by component.

    owned: the containers of each component, also of those that nobody declared; a port alone tells of declared ones.
    """

    def __init__(self, stack: Stack, owned: Mapping[str, tuple[Container, ...]]) -> None:
        own_names = services(stack)
        self.names: dict[str, str] = {}
        self.ports: dict[str, set[str]] = {}  # of declared components
        self.others: dict[str, set[str]] = {}  # of those that nobody declared
        self.offered: dict[str, set[str]] = {}
        self.of_the_host: dict[str, str] = {}
        self.on_the_host: set[str] = set()
        self.in_containers: set[str] = set()
        self.networks: dict[str, set[int]] = {}
        self.started: dict[str, datetime] = {}  # the oldest that runs
        for component, containers in owned.items():
            self.names[own_names.get(component, component).lower()] = component
            for container in containers:
                self._take(component, container, component in own_names)
        for component, part in parts(stack).items():
            if usual := kind_of(part).port:
                self.ports.setdefault(str(usual), set()).add(component)

    def _take(self, component: str, container: Container, is_declared: bool) -> None:
        inside = [port.partition("/")[0] for port in container.ports]
        if container.kind != "container" or container.network_mode == "host":
            self.on_the_host.add(component)
            self.of_the_host |= dict.fromkeys(inside, component)
        else:
            self.in_containers.add(component)
        if container.running and container.started_at:
            self.started[component] = min(container.started_at, self.started.get(component, container.started_at))
        for published in container.ports.values():
            self.of_the_host |= {address.rpartition(":")[2]: component for address in published}
        self.names |= {container.name.lower(): component, container.short: component}
        self.names |= {entry.partition(":")[0].lower(): "" for entry in container.extra_hosts}
        for place in container.networks.values():
            self.names |= {alias.lower(): component for alias in (place.address, *place.aliases) if alias}
            if (pool := _pool(place.address)) is not None:
                self.networks.setdefault(component, set()).add(pool)
        for port in inside:
            (self.ports if is_declared else self.others).setdefault(port, set()).add(component)
        self.offered.setdefault(component, set()).update(inside)

    def blame(self, target: str, writer: str) -> Accused:
        """Whom the writer of a line means by this name or address."""
        host, port = split(target)
        if host.startswith(LOOPBACK):
            return self._loopback(target, port, writer)
        component = self.names.get(host)
        behind = self._behind(port, writer) or self._started_anew(host, port, writer)
        offers = self.offered.get(component, set()) if component else set()
        if behind and port not in offers and component != behind and self._moved(host, behind, writer):
            return Accused(f"{behind} ({target})", behind, f"still asks {target}, an old address of {behind}")
        if component and port and offers and port not in offers:
            return Accused(target)  # it offers other ports: who asked asked at the wrong one
        if component is None:
            component = behind
        if not component or component == writer:
            return Accused(target)
        return Accused(f"{component} ({target})" if host[:1].isdigit() else target, component)

    def unnamed(self, target: str, writer: str) -> Accused:
        """As blame(), for a name that does not resolve."""
        host, port = split(target)
        component = self.names.get(host)
        if component:
            return Accused(target, component if component != writer else "")
        if component is None and "." not in host and host not in HOSTS_OWN and writer in self.in_containers:
            return Accused(target, "", f"asks for {host}, a name that no container of this project has")
        return Accused(target, self._behind(port, writer) if component is None else "")

    def _loopback(self, target: str, port: str, writer: str) -> Accused:
        if writer in self.on_the_host:
            neighbour = self.of_the_host.get(port, writer)
            return Accused(target) if neighbour == writer else Accused(f"{neighbour} ({target})", neighbour)
        shown = f"{target} (inside its own container)"
        if port not in self.offered.get(writer, ()) and (behind := self._behind(port, writer)):
            return Accused(shown, "", f"asks its own container at {target} for {behind}")
        return Accused(shown)

    def _behind(self, port: str, writer: str) -> str:
        """The one component that has this port, "" where there are several; an undeclared one where no declared has."""
        there = self.ports.get(port) or self.others.get(port, set())
        return next(iter(there)) if len(there) == 1 and writer not in there else ""

    def _started_anew(self, host: str, port: str, writer: str) -> str:
        """Of several components that have this port the one whose old address this can be."""
        moved = [one for one in self.ports.get(port, set()) - {writer} if self._moved(host, one, writer)]
        return moved[0] if len(moved) == 1 else ""

    def _moved(self, host: str, behind: str, writer: str) -> bool:
        """Whether an address can be an old one of that part: of a network that both are in, and not its own, and the
        part runs anew since the writer started, which may have asked for its name then."""
        if (pool := _pool(host)) is None or pool not in self.networks.get(writer, set()) & self.networks.get(
            behind, set()
        ):
            return False
        if writer not in self.started or behind not in self.started:
            return False
        return self.started[writer] < self.started[behind]


def _pool(address: str) -> int | None:
    """The network that an address is of, as Docker's pools divide them; None for a name, or an address of the world."""
    try:
        found = IPv4Address(address)
    except ValueError:
        return None
    return int(found) >> (32 - POOL) if found.is_private and not found.is_loopback else None
