"""What no probe can have seen: a fact of a snapshot has the right types, and may have been written by anybody."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from oncall.gate.patterns import Pattern
from oncall.target.schema import SERVICE_NAME

LARGEST = 2**64  # bytes, a counter; more is no number of ours, and arithmetic with floats would end at some point
FIRST_YEAR = 1970


LONGEST_NAME = 80
SERVICE = Pattern(SERVICE_NAME)
NAMING = ("component", "blames", "accused")  # the fields of a fact that name a part of the stack


def implausible(fact: Any, components: Collection[str]) -> str:
    """Why a record cannot be true, as the end of a sentence; empty when it can.

    components: the parts that the target names; a fact may name others, as services that nobody declared.
    """
    for name, value in _named(fact):
        if name in NAMING and isinstance(value, str) and value not in components and not _service(value):
            return "it names a part by what is no name"
        if isinstance(value, datetime):
            if value.tzinfo is None:
                return "it holds a time without a zone"
            try:
                year = value.astimezone(UTC).year
            except OverflowError:
                year = 0
            if year < FIRST_YEAR:
                return f"it holds a time of the year {value.year}"
        elif isinstance(value, int | float) and not abs(value) <= LARGEST:
            return "it holds a number beyond all measure"
    return ""


def parts_named(fact: Any) -> set[str]:
    """The parts of the stack that a fact names."""
    return {value for name, value in _named(fact) if name in NAMING and isinstance(value, str)}


def _service(name: str) -> bool:
    """Whether it is the name of a service, or none."""
    return not name or (len(name) <= LONGEST_NAME and SERVICE.fullmatch(name) is not None)


def texts(plain: Any) -> Iterator[str]:
    """Every text in plain data, keys among them."""
    return (one for _, one in _named(plain) if isinstance(one, str))


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """Each value that holds no others, with the name of the field that it stands in."""
    left = [("", value)]
    while left:
        name, one = left.pop()
        if isinstance(one, msgspec.Struct):
            left += ((field, getattr(one, field)) for field in one.__struct_fields__)
        elif isinstance(one, dict):
            left += (("", part) for pair in one.items() for part in pair)
        elif isinstance(one, list | tuple | set | frozenset):
            left += ((name, part) for part in one)
        else:
            yield name, one
