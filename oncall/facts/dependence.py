"""Which component depends on which, as the stack itself tells."""

from msgspec import Struct

from oncall.facts import Fact


class Edge(Struct, frozen=True, kw_only=True):
    """One dependence. source: where it is said: "Compose label", "variable DATABASE_URL", "health sub-check db"."""

    component: str
    on: str
    source: str


class Dependences(Fact, frozen=True, kw_only=True):
    """What labels and variables of the containers say. containers: how many were read.

    published: "0.0.0.0:3001" -> the component that the runtime has put there, be it running or not.
    asked: component -> those whose variables name its address: it listens, and is no job.
    """

    containers: int
    edges: tuple[Edge, ...] = ()
    published: dict[str, str] = {}
    asked: dict[str, tuple[str, ...]] = {}

    def inconclusive_reason(self) -> str | None:
        return None if self.containers else "no container was read"
