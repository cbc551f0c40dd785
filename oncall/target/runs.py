"""How components run, as a target file says it: contradictions that only the file itself shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oncall.target.kinds import Component
from oncall.target.schema import Part

WAYS = ("service", "unit", "process", "external")
NO_WAY = "needs a service: it must be the name of a Compose service; or say unit, process or external"
OF_PROCESS = "needs a pid_file or a port: one of them says which process it is"


def runtime_contradictions(places: Iterable[tuple[str, Part]], table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each component that is said to run in two ways, or in none. places: with the keys they were written under."""
    for key, part in places:
        written = _written(table, key)
        said = [way for way in WAYS if way in written and not (way == "external" and not part.external)]
        if len(said) > 1:
            yield f"{key}.{said[1]}", f"contradicts {key}.{said[0]}: leave out one of them"
        elif not said and isinstance(part, Component):
            yield key, NO_WAY
        elif "process" in said and not part.process.found_by:
            yield f"{key}.process", OF_PROCESS


def _written(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What the file says under "backend" or "components.redis"; nothing where it is no table."""
    place, _, name = key.partition(".")
    told = table.get(place, {})
    told = told.get(name, {}) if name and isinstance(told, dict) else told
    return told if isinstance(told, dict) else {}
