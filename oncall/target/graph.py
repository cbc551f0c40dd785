"""Who depends on whom. Pure.

A component depends on what its `depends_on` names; the login and the socket are served by the backend and depend on it.
"""

from collections.abc import Iterator, Mapping

from oncall.target.schema import Stack

SERVED_BY = {"auth": "backend", "websocket": "backend"}
FILES = ("frontend",)  # serves its page from files of its own: a slow API does not make it late


def depends(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Each component's own dependencies, in the order in which they are declared."""
    near = {"backend": stack.backend.depends_on, "frontend": stack.frontend.depends_on}
    near |= {name: part.depends_on for name, part in stack.components.items()}
    return near | {name: (server,) for name, server in SERVED_BY.items()}


def waits(stack: Stack) -> dict[str, tuple[str, ...]]:
    """For each component those whose silence or lateness makes it silent or late, near and far, the nearest first."""
    near = depends(stack)
    return {name: tuple(one for one in _below(name, near) if one != name) for name in near if name not in FILES}


def circles(stack: Stack) -> Iterator[tuple[str, ...]]:
    """Components that depend on each other in a circle."""
    near = depends(stack)
    for name in near:
        below = _below(name, near)
        if name in below:
            others = [one for one in below if one != name and name in _below(one, near)]
            yield name, *(others or [name])


def _below(name: str, near: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What it depends on, near and far, the nearest first; in a circle also itself."""
    found: dict[str, None] = {}
    coming = list(near.get(name, ()))
    while coming:
        one = coming.pop(0)
        if one not in found:
            found[one] = None
            coming += near.get(one, ())
    return list(found)
