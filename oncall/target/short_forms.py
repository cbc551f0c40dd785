"""`[backend]` and `[components.backend]` with `kind = "http-api"` mean the same: both ways of writing become one.

The first component of each kind is what `stack.backend`, `stack.frontend` and `stack.postgres` are; its name is kept.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from oncall.target.kinds import KINDS, Kind, kind_of
from oncall.target.schema import Stack, StackKeys

TABLES = {one.role: one for one in KINDS.values() if one.role}


def unfolded(table: dict[str, Any]) -> dict[str, Any]:
    """The file with `[components.backend] kind = "http-api"` written as `[backend]`, its aspects as their tables."""
    told = table.get("components")
    if not isinstance(told, dict):
        return table
    changed, rest = dict(table), dict(told)
    for role, kind in TABLES.items():
        one = told.get(role)
        if role in table or not isinstance(one, dict) or one.get("kind") != kind.name:
            continue
        del rest[role]
        changed[role] = {key: value for key, value in one.items() if key != "kind" and key not in kind.aspects}
        for aspect in kind.aspects:
            if aspect in one and aspect not in table:
                changed[aspect] = one[aspect]
    return changed | {"components": rest}


def first_of_each(file: StackKeys, table: Mapping[str, Any]) -> Stack:
    """The stack that a file describes; without `[backend]`, or with an absent one, the first http-api is it."""
    values = {one.name: getattr(file, one.name) for one in fields(StackKeys)}
    others, names, short = dict(file.components), {}, unfolded(dict(table))
    for role, kind in TABLES.items():
        first = _first(file, kind)
        if first is None or (role in short and not values[role].absent):
            continue
        part = values[role] = others.pop(first)
        names[role] = first
        for aspect in kind.aspects:
            if aspect not in table:
                own = getattr(part, aspect)
                values[aspect] = own if aspect in _told(table, first) else values[aspect]
    return Stack(**values | {"components": others}, names=names)


def _told(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What the file says of a component; nothing where it is no table."""
    told = table.get("components", {})
    one = told.get(name, {}) if isinstance(told, dict) else {}
    return one if isinstance(one, dict) else {}


def _first(file: StackKeys, kind: Kind) -> str | None:
    return next((name for name, part in file.components.items() if kind_of(part) is kind), None)
