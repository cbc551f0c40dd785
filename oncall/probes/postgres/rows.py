"""Rows become records of known types here, and nowhere else: a server may answer anything.

    class Slots(Struct, frozen=True):
        sees_all: bool
        slots: int

    records(Slots, table)      [Slots(sees_all=True, slots=97)], or Foreign with the reason

The types stand in the record, never in what the server says about its columns. In SQL they are: text; boolean;
whole numbers; float8; `extract(epoch FROM ...)::float8` for a datetime; `to_json(...)::text` for a tuple of texts or
of whole numbers. A field that may be NULL says `| None`.
"""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from types import UnionType
from typing import TypeVar, get_args

from msgspec import Struct

from oncall.probes.postgres.wire import Table

LONGEST = 8000  # characters of one text: our queries cut theirs shorter
LARGEST = 1e12  # seconds: 31,700 years
Record = TypeVar("Record", bound=Struct)


class Foreign(ValueError):
    """An answer that no PostgreSQL gives to the query; the message says where it is wrong."""


def records(kind: type[Record], table: Table) -> list[Record]:
    """Each row as a record; raises Foreign."""
    if table.names != kind.__struct_encode_fields__:
        raise Foreign("other columns than were asked for")
    readers = [_reader(kind.__annotations__[name]) for name in kind.__struct_fields__]
    return [
        kind(**{name: _read(name, reader, cell)
                for name, reader, cell in zip(kind.__struct_fields__, readers, row, strict=True)})
        for row in table.rows
    ]  # fmt: skip


Reader = tuple[Callable[[bytes], object], bool]


def _reader(kind: object) -> Reader:
    """How a field is read, and whether it may be NULL."""
    if isinstance(kind, UnionType):
        (plain,) = (one for one in get_args(kind) if one is not type(None))
        return READERS[plain], True
    return READERS[kind], False


def _read(name: str, reader: Reader, cell: bytes | None) -> object:
    read, nullable = reader
    if cell is None:
        if nullable:
            return None
        raise Foreign(f"{name} is NULL")
    try:
        value = read(cell)
    except (ValueError, RecursionError):
        raise Foreign(f"{name} has a value of another type") from None
    if value is None and not nullable:
        raise Foreign(f"{name} is out of range")
    return value


def _text(cell: bytes) -> str:
    return cell[: 4 * LONGEST].decode("utf-8", "replace")[:LONGEST]


def _flag(cell: bytes) -> bool:
    if cell not in (b"t", b"f"):
        raise ValueError
    return cell == b"t"


def _whole(cell: bytes) -> int:
    if not 0 < len(cell) <= 20 or not cell.removeprefix(b"-").isdigit():
        raise ValueError
    value = int(cell)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _number(cell: bytes) -> float:
    value = float(cell) if len(cell) <= 64 else math.nan
    if not abs(value) <= LARGEST:
        raise ValueError
    return value


def _moment(cell: bytes) -> datetime | None:
    """None: infinity, or a year that a datetime cannot hold; PostgreSQL's go up to 294276."""
    try:
        return datetime.fromtimestamp(float(cell), UTC) if len(cell) <= 64 else None
    except (OverflowError, OSError):
        return None
    except ValueError:
        float(cell)  # raises for what is no number at all
        return None


def _list_of(kind: type) -> Callable[[bytes], object]:
    def read(cell: bytes) -> object:
        found = json.loads(cell)
        if not isinstance(found, list) or not all(type(one) is kind for one in found):
            raise ValueError
        return tuple(one[:LONGEST] if isinstance(one, str) else one for one in found)

    return read


READERS: dict[object, Callable[[bytes], object]] = {
    str: _text,
    bool: _flag,
    int: _whole,
    float: _number,
    datetime: _moment,
    tuple[str, ...]: _list_of(str),
    tuple[int, ...]: _list_of(int),
}
