"""What is known about the volume that holds the database's data: where it is, what it is, how full it is."""

from typing import Literal

from oncall.facts import Fact
from oncall.finding import CouldNotCheck

Kind = Literal["", "volume", "bind", "tmpfs", "other"]


class DataVolume(Fact, frozen=True, kw_only=True):
    """The mount under the server's data directory.

    data_directory: where this server keeps its data, as its image's variables or the target say.
    kind: "volume", "bind" or "tmpfs"; "" when no mount covers the data directory.
    name: a volume's; source: where a bind's files lie on the host. mounts: all places where something is mounted.
    anonymous: nobody gave the volume a name: `docker-compose down -v` and `docker volume prune` take it away.
    exists: None when the engine was not asked. accessible: None when nothing could be asked inside.
    """

    container: str
    data_directory: str
    mounts: tuple[str, ...] = ()
    kind: Kind = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    anonymous: bool = False
    writable: bool = True
    exists: bool | None = None
    accessible: bool | None = None

    def inconclusive_reason(self) -> str | None:
        return None if self.container and self.data_directory else "no container's mounts were looked at"

    @property
    def misplaced(self) -> str | None:
        """Why the data is not safe where it is, as words after "the database's data"."""
        if not self.kind:
            return "is not on a volume"
        if self.kind == "tmpfs":
            return "is in memory only (tmpfs)"
        if self.exists is False:
            return "is on a volume that does not exist any more"
        if self.anonymous:
            return "is on an anonymous volume"
        return None

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written there; raises CouldNotCheck when there is no mount to judge."""
        if not self.kind:
            raise CouldNotCheck("the database's data is not on a volume", root="data_volume")
        return not self.writable or self.accessible is False

    @property
    def evidence(self) -> dict[str, str | bool]:
        found: dict[str, str | bool] = {"data directory": self.data_directory}
        if self.kind:
            found |= {"mounted at": self.destination, "kind": self.kind, self.kind: self.name or self.source}
        else:
            found["mounts"] = ", ".join(self.mounts) or "none"
        return {name: value for name, value in found.items() if value != ""}


class DataVolumeSpace(Fact, frozen=True, kw_only=True):
    """How full the filesystem under the data directory is. seen_from: "the container" or "the host"."""

    data_directory: str
    seen_from: str
    size_kib: int
    free_kib: int
    used_percent: float
    device: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.size_kib else "the data volume's size was not read"
