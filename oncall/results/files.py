"""Files that a run leaves: whole or not at all, private, also on a full disk, beside a second run, in a shared folder.

A draft has a random name, is made for us alone (`O_EXCL`, `O_NOFOLLOW`), is written through its descriptor and takes
the file's name at the end. A symbolic link is followed where its folder or its owner can be trusted, else replaced.
What is no regular file (/dev/null, a pipe, /dev/stdout) is written to, and stays what it is.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from oncall.gate.patterns import Pattern

PRIVATE = 0o600  # what holds facts is for whom it was made; the ini option oncall_file_mode widens it
MOST_LINKS = 40  # as many as Linux follows
DESCRIPTOR = Pattern(r"/(?:dev|proc/(?:self|\d+))/fd/(\d{1,6})")


class Files:
    """mode: permissions of every file. written: what is there now. problem: a sentence for each that is not."""

    def __init__(self, mode: int = PRIVATE) -> None:
        self.mode = mode
        self.written: set[Path] = set()
        self.problem: list[str] = []

    def write(self, path: str | None, what: str, content: Callable[[], bytes]) -> None:
        """Write it where somebody asked for it. what: its name in a sentence."""
        if path:
            with self._told(path, what):
                with _draft(Path(os.path.abspath(path)), self.mode) as descriptor:
                    write_all(descriptor, content())
                self.written.add(Path(path))

    @contextlib.contextmanager
    def draft(self, path: str | Path, what: str) -> Iterator[Path]:
        """A path for those who write by name, into a folder that is made where there is none.

        Where there can be no draft, what is written goes nowhere, and `problem` says why.
        """
        file, descriptor = Path(os.path.abspath(path)), None
        with self._told(path, what), contextlib.ExitStack() as stack:
            with self._told(path, what):
                file.parent.mkdir(parents=True, exist_ok=True)
                descriptor = stack.enter_context(_draft(file, self.mode))
            yield Path(os.devnull if descriptor is None else f"/dev/fd/{descriptor}")
            stack.close()
            if descriptor is not None:
                self.written.add(Path(path))

    @contextlib.contextmanager
    def _told(self, path: str | Path, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.problem.append(f"the {what} {path} could not be written: {error.strerror or error}")


@contextlib.contextmanager
def folder(path: Path) -> Iterator[int]:
    """The folder as a descriptor, which goes on meaning the same one whatever is done to its name."""
    descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def create(name: str, inside: int, mode: int = PRIVATE) -> int:
    """A new file in a folder, as a descriptor. Raises FileExistsError for any name that is taken, by a link as well."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, mode & PRIVATE, dir_fd=inside)
    with contextlib.suppress(OSError):  # a file system without permissions
        os.fchmod(descriptor, mode)
    return descriptor


def write_all(descriptor: int, content: bytes) -> None:
    """Raises OSError unless all of it is written."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


@contextlib.contextmanager
def _draft(path: Path, mode: int) -> Iterator[int]:
    if special := _special(path):
        with special as descriptor:
            yield descriptor
        return
    file = _followed(path)
    draft = f".oncall-{secrets.token_hex(8)}.tmp"
    with folder(file.parent) as inside:
        descriptor = create(draft, inside, mode)
        try:
            yield descriptor
            os.replace(draft, file.name, src_dir_fd=inside, dst_dir_fd=inside)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=inside)
            raise
        finally:
            os.close(descriptor)


def _special(path: Path) -> contextlib.AbstractContextManager[int] | None:
    """Where the path means a device, a pipe or one of our own descriptors: that, opened. Else None."""
    file = _followed(path)
    try:
        kind = file.stat().st_mode
    except OSError:
        return None
    if own := DESCRIPTOR.fullmatch(str(file)):
        return _closing(os.dup(int(own[1])))  # a new one would begin at its beginning again
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        return None
    if _shared(file.parent) and not _trusted(os.lstat(file)):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    descriptor = os.open(file, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)  # opened without waiting: a pipe that has no reader is refused
    return _closing(descriptor)


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _followed(path: Path) -> Path:
    """The path with its links followed as far as they can be trusted.

    The last part may stay a link, which is then replaced; raises OSError for an untrusted one on the way.
    """
    parts, place, links = list(path.parts[1:]), Path(path.anchor), 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            place = place.parent
            continue
        step = place / part
        try:
            info = os.lstat(step)
        except FileNotFoundError:
            return step.joinpath(*parts)
        if not stat.S_ISLNK(info.st_mode) or DESCRIPTOR.fullmatch(str(step)):
            place = step
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, "too many symbolic links")
        if _shared(place) and not _trusted(info):
            if parts:
                raise PermissionError(errno.EPERM, f"{step} is a symbolic link of another user")
            return step
        target = Path(os.readlink(step))
        if target.is_absolute():
            place = Path(target.anchor)
        parts = [part for part in target.parts if part != target.anchor] + parts
    return place


def _shared(folder: Path) -> bool:
    """Whether somebody else than its owner can put names into it."""
    info = os.stat(folder)
    return bool(info.st_mode & (stat.S_IWOTH | stat.S_IWGRP)) or not _trusted(info)


def _trusted(info: os.stat_result) -> bool:
    return info.st_uid in (0, os.geteuid())
