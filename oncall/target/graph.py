"""Who depends on whom. Pure.

A component depends on what its `depends_on` names; a login and a socket depend on the component that serves them.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from oncall.target.kinds import kind_of
from oncall.target.schema import Stack
from oncall.target.views import below, needs, parts, servers


class Graph(Struct, frozen=True):
    """Who depends on whom, as the diagnosis walks along it.

    near: for each component those that it depends on itself. below: those and what they depend on, the nearest first.
    patient: components that listen whatever is below, and that a slow part below does not make slow: servers of files.
    served: each login and socket, and the component that serves it.
    published: "localhost:3001" -> the component that answers there, as the runtime says.
    """

    near: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    below: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patient: frozenset[str] = frozenset()
    served: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)


def depends(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Each component's own dependencies, in the order in which they are declared."""
    return needs(stack) | {aspect: (server,) for aspect, server in servers(stack).items()}


def declared_graph(stack: Stack) -> Graph:
    """The graph that the target file alone tells."""
    return graph_of(stack, depends(stack), {})


def graph_of(stack: Stack, near: Mapping[str, tuple[str, ...]], published: Mapping[str, str]) -> Graph:
    """A graph that may know more than the target file. near: each component's own dependencies."""
    there = parts(stack)
    return Graph(
        near=near,
        below={name: tuple(one for one in below(name, near) if one != name) for name in near},
        patient=frozenset(name for name, part in there.items() if not kind_of(part).waits),
        served=servers(stack),
        published=published,
    )


def circles(stack: Stack) -> Iterator[tuple[str, ...]]:
    """Components that depend on each other in a circle."""
    near = depends(stack)
    for name in near:
        under = below(name, near)
        if name in under:
            others = [one for one in under if one != name and name in below(one, near)]
            yield name, *(others or [name])
