"""How components run, as a target file says it: contradictions that only the file itself shows. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from oncall.target.schema import Component, Runs, Stack
from oncall.target.validator import dotted

WAYS = ("service", "unit", "process", "external")
NO_WAY = "needs a service: it must be the name of a Compose service; or say unit, process or external"
OF_PROCESS = "needs a pid_file or a port: one of them says which process it is"


def runtime_contradictions(stack: Stack, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each component that is said to run in two ways, or in none, with its key."""
    tables: dict[tuple[str, ...], tuple[Runs, Mapping[str, Any]]] = {
        (name,): (part, table.get(name, {}))
        for name, part in (("backend", stack.backend), ("frontend", stack.frontend), ("postgres", stack.postgres))
    }
    further = table.get("components", {})
    tables |= {("components", name): (part, further.get(name, {})) for name, part in stack.components.items()}
    for at, (part, written) in tables.items():
        said = [way for way in WAYS if way in written and not (way == "external" and not part.external)]
        if len(said) > 1:
            yield (
                dotted((*at, said[1])),
                f"contradicts {dotted((*at, said[0]))}: it runs in one way; leave out the other",
            )
        elif not said and isinstance(part, Component):
            yield (
                dotted(at),
                "needs a service: it must be the name of a Compose service; or say unit, process or external",
            )
        elif "process" in said and not part.process.found_by:
            yield dotted((*at, "process")), OF_PROCESS
