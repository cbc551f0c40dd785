"""Who depends on whom. Pure.

A component depends on what its `depends_on` names; a login and a socket depend on the component that serves them.
"""

from collections.abc import Iterator, Mapping

from oncall.target.kinds import kind_of
from oncall.target.schema import Stack
from oncall.target.views import below, needs, parts, servers


def depends(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Each component's own dependencies, in the order in which they are declared."""
    return needs(stack) | {aspect: (server,) for aspect, server in servers(stack).items()}


def waits(stack: Stack) -> dict[str, tuple[str, ...]]:
    """For each component those whose silence or lateness makes it silent or late, near and far, the nearest first."""
    return waits_of(stack, depends(stack))


def waits_of(stack: Stack, near: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The same of a graph that knows more than the target file. near: each component's own dependencies."""
    there = parts(stack)
    late = [name for name in near if name not in there or kind_of(there[name]).waits]
    return {name: tuple(one for one in below(name, near) if one != name) for name in late}


def circles(stack: Stack) -> Iterator[tuple[str, ...]]:
    """Components that depend on each other in a circle."""
    near = depends(stack)
    for name in near:
        under = below(name, near)
        if name in under:
            others = [one for one in under if one != name and name in below(one, near)]
            yield name, *(others or [name])
