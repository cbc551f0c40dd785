"""Files that somebody names, read whole: regular ones of a bounded size, without waiting for anything."""

import os
import stat
from pathlib import Path


class Unreadable(Exception):
    """Why a file is not read, as the end of a sentence that names it: "it is a folder"."""


def read_regular(path: Path, most: int) -> bytes:
    """All of a file of at most `most` bytes; raises Unreadable, for what does not exist as well."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable((error.strerror or "it is out of reach").lower()) from None
    except ValueError:
        raise Unreadable("its name is not a path") from None
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise Unreadable("it is a folder")
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("it is not a regular file")
        try:
            data = file.read(most + 1) if about.st_size <= most else b""
        except OSError as error:
            raise Unreadable((error.strerror or "it is out of reach").lower()) from None
    if about.st_size > most or len(data) > most:
        raise Unreadable(f"it is larger than {_size(most)}")
    return data


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
