"""Files that somebody names, read whole: regular ones of a bounded size, without waiting for anything."""

import os
import stat
from pathlib import Path
from typing import Any

import msgspec

LARGEST_JSON = 16 << 20  # a hundred times the snapshot of fifty containers
MOST_VALUES = 500_000  # what they take in memory is many times their text
DEEPEST = 40


class Unreadable(Exception):
    """Why a file is not read, as the end of a sentence that names it: "it is a folder".

    missing: there is no such file.
    """

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


def read_regular(path: Path, most: int) -> bytes:
    """All of a file of at most `most` bytes; raises Unreadable, for what does not exist as well."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise Unreadable((error.strerror or "it is out of reach").lower(), missing=missing) from None
    except ValueError:
        raise Unreadable("its name is not a path") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Unreadable("it is a folder" if stat.S_ISDIR(about.st_mode) else "it is not a regular file")
    with open(descriptor, "rb") as file:
        try:
            data = file.read(most + 1) if about.st_size <= most else b""
        except OSError as error:
            raise Unreadable((error.strerror or "it is out of reach").lower()) from None
    if about.st_size > most or len(data) > most:
        raise Unreadable(f"it is larger than {_size(most)}")
    return data


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def read_json(path: Path) -> Any:
    """A JSON file of bounded size, depth and number of values, as plain data.

    Raises Unreadable, and ValueError with the end of a sentence where it is not such a file.
    """
    data = read_regular(path, LARGEST_JSON)
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not JSON") from None
    level = [plain]
    for _ in range(DEEPEST):
        level = [one for part in level for one in _below(part)]
        if not level:
            return plain
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def _below(part: Any) -> Any:
    return part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
