"""Who listens in the containers of a service, and whether others get there."""

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import Manner


class Ears(Struct, frozen=True, kw_only=True):
    """The listening sockets of one container.

    command: of its first process. wanted: the ports at which it is to be asked. published: whether they are published;
        else it merely says that it has them, as its image does.
    open: sockets on these ports that others reach; own: those on loopback; elsewhere: those on other ports.
    unreached: the address at which one of the open ones did not take a connection from this machine, while none was
        waiting there; empty: it did, or was not tried.
    """

    id: str
    name: str
    command: str
    wanted: tuple[int, ...]
    published: bool = False
    open: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unreached: str = ""

    @property
    def deaf(self) -> bool:
        """Whether nobody outside reaches it; what is only exposed may well be served at another port."""
        return not self.open and (self.published or bool(self.own) or not self.elsewhere)

    @property
    def evidence(self) -> str:
        sockets = ", ".join((*self.open, *self.own, *self.elsewhere)) or "nothing"
        tried = f"; {self.unreached} takes no connection from this machine" if self.unreached else ""
        return f"{sockets} listens inside{tried}; it runs {self.command}"


class Listening(Fact, frozen=True, kw_only=True):
    """The running containers of one service that have a port."""

    service: str
    containers: tuple[Ears, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "nobody looked who listens"

    @property
    def deaf(self) -> Ears | None:
        """The first one that nobody reaches."""
        return next((one for one in self.containers if one.deaf or one.unreached), None)

    @property
    def symptom(self) -> str:
        """What is wrong, empty when nothing is."""
        one = self.deaf
        if one is None:
            return ""
        ports = " and ".join(map(str, one.wanted[:3]))
        if one.unreached:
            return f"{self.service} listens on {one.open[0]}, but packets that are sent to it time out on the way"
        if one.own:
            return f"{self.service} listens on {one.own[0]} only, so nothing outside its container reaches it"
        if one.elsewhere:
            return f"nothing in {self.service} listens on {ports}, only on {one.elsewhere[0]}"
        return f"nothing in {self.service} listens on {ports}; it runs {one.command[:80]}"

    @property
    def manner(self) -> Manner:
        return "silent" if self.deaf and self.deaf.unreached else "refused"

    @property
    def blames(self) -> str | None:
        """What drops packets is between the parts."""
        return "network" if self.deaf and self.deaf.unreached else None

    @property
    def corroboration(self) -> str:
        """That a part listens for itself only is its own setting, and no part below makes it so; one that does not
        listen at all may wait for another part."""
        one = self.deaf
        return "the kernel's own table of its sockets" if one and (one.own or one.unreached) else ""

    @property
    def evidence(self) -> dict[str, str]:
        return {f"{one.name} {one.id}": one.evidence for one in self.containers if one.deaf or one.unreached}
