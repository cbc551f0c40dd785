"""What is known about the network between the containers: who shares one with whom, and what the backend sees."""

from typing import Literal

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import CouldNotCheck, Manner

Reached = Literal["", "open", "refused", "timeout", "unreachable", "unresolved", "closed"]


class PeerNetwork(Fact, frozen=True, kw_only=True):
    """Whether a service is on a network that the services are on which it talks to.

    containers: its running containers that were looked at; unattached: those of them on no network.
    without_address: networks in which one of them has no address.
    apart: services it needs and shares no network with; adrift: those of its peers that are on no network themselves.
    """

    service: str
    containers: int
    networks: tuple[str, ...] = ()
    unattached: int = 0
    without_address: tuple[str, ...] = ()
    peers: dict[str, str]
    unshared_peers: tuple[str, ...] = ()
    peers_without_network: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "no running container was looked at"

    @property
    def problem(self) -> str | None:
        """What is wrong, as words after the service's name; raises CouldNotCheck when only a peer is to be judged."""
        if self.unattached:
            some = f"{self.unattached} of {self.containers} containers" if self.containers > 1 else "its container"
            return f"is on no network ({some})" if self.containers > 1 else "is on no network"
        if self.unshared_peers:
            return f"shares no network with {self.unshared_peers[0]}"
        if self.without_address:
            return f"has no address in the network {self.without_address[0]}"
        if self.peers_without_network:
            raise CouldNotCheck(
                f"{self.peers_without_network[0]} is on no network",
                root=f"peer_network[{self.peers_without_network[0]}]",
            )
        return None

    @property
    def evidence(self) -> dict[str, str]:
        peers = {f"networks of {peer}": networks or "none" for peer, networks in self.peers.items()}
        return {"networks": ", ".join(self.networks) or "none"} | peers


class Namesake(Struct, frozen=True, kw_only=True):
    """A container that is not of the project and bears a name of a service's on a network of its."""

    container: str
    project: str
    network: str
    name: str
    address: str


class Namesakes(Fact, frozen=True, kw_only=True):
    """Who else bears the names by which a service is asked, on the networks where it is asked.

    networks: where others of the project ask it. neighbours: strange containers there that were looked at.
    """

    service: str
    networks: tuple[str, ...] = ()
    neighbours: int = 0
    found: tuple[Namesake, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.networks else "no network was looked at"

    @property
    def evidence(self) -> dict[str, str]:
        return {
            one.container: f"{one.address} in {one.network}, of {one.project or 'no project'}" for one in self.found[:5]
        }


class NameResolution(Fact, frozen=True, kw_only=True):
    """What the database's name means inside the backend's container.

    tool: what was asked with; "" where the name is an address, which needs no asking.
    addresses: what it resolves to; database: the addresses of the database's containers, when it is one of ours.
    pinned: the entry of extra_hosts in the backend's own service that says so; empty: there is none.
    """

    container: str
    name: str
    tool: str = ""
    addresses: tuple[str, ...] = ()
    database: tuple[str, ...] = ()
    pinned: str = ""
    timed_out: bool = False
    said: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.container and self.name else "no name was looked up"

    @property
    def blames(self) -> str | None:
        """What a name server or a network does not say is their fault; what the backend's own service says is not."""
        return "network" if self.database and not self.pinned else None

    @property
    def manner(self) -> Manner | None:
        return "silent" if self.timed_out else None

    @property
    def problem(self) -> str | None:
        """What is wrong, as words after the name."""
        if self.timed_out:
            return "gets no answer from the name server"
        if not self.addresses:
            return "does not resolve"
        if self.database and not set(self.addresses) & set(self.database):
            return f"resolves to {self.addresses[0]}, which is not the database"
        return None


class PortFromInside(Fact, frozen=True, kw_only=True):
    """Whether the database's port accepts a connection from inside the backend's container."""

    container: str
    address: str
    tool: str = ""
    outcome: Reached = ""
    said: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome else "no connection was tried from inside the backend"

    @property
    def blames(self) -> str | None:
        """A refusal accuses the database: its machine answers, but nothing listens there. Silence accuses the way."""
        return "postgres" if self.outcome in ("refused", "closed") else "network"

    @property
    def manner(self) -> Manner | None:
        return {"timeout": "silent", "refused": "refused"}.get(self.outcome)  # type: ignore[return-value]  # both are

    @property
    def problem(self) -> str | None:
        """What is wrong, as words after the address; raises CouldNotCheck when its name is the problem."""
        if self.outcome == "unresolved":
            raise CouldNotCheck("the name does not resolve", root="name_resolution")
        return {
            "refused": "refuses connections",
            "timeout": "does not answer",
            "unreachable": "is unreachable: there is no route to it",
            "closed": "accepts no connection",
        }.get(self.outcome)
