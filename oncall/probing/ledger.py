"""The ledger: our own requests that can leave an error line in somebody's log, with the time of each.

A run is refused on purpose (an account that does not exist, forged tokens), and what it asks of a broken stack fails.
Whoever judges a log later subtracts those lines. So each request is noted when it is sent, and again when its answer
came or we gave up, in a file that later and parallel runs of this user read. Nothing in it is secret: the address is a
salted hash, and no token, account or path is noted.

    with ledger.sending("token", "127.0.0.1:3001") as request:
        request.status = ask().status
    ledger.since(datetime.now(UTC) - timedelta(minutes=15), ["127.0.0.1:3001"])

The file is `requests` beside the salt. Where it cannot be kept, this process's own requests are still known.
"""

import contextlib
import fcntl
import functools
import hashlib
import hmac
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from oncall.gate.redaction import installation_salt
from oncall.target.places import loopback

NAME = "requests"
LARGEST = 1 << 20  # bytes: some 10,000 requests, so some 700 runs
OLDEST = 24 * 3600.0  # seconds; no limit on recent lines reaches further
PATIENCE = 0.05  # seconds for the lock: whoever holds it is at it for a few milliseconds, or is stopped
Kind = Literal["login", "token", "socket", "request"]
KINDS: tuple[Kind, ...] = ("login", "token", "socket", "request")
NO_ANSWER, NEVER_ARRIVED = 0, -1


class Request(Struct, frozen=True, kw_only=True):
    """One request of ours.

    kind: what can be refused: a login, a token, a socket; or any request, which is noted only when it failed.
    round: the round of checks it belongs to: one with all its requests leaves about the same lines each time.
    began, ended: seconds since 1970 by this machine's clock; ended None while nobody knows of an end.
    status: of the answer; NO_ANSWER when we gave up, NEVER_ARRIVED when nobody can have read it.
    """

    id: str
    kind: Kind
    place: str
    round: str
    began: float
    ended: float | None = None
    status: int = NO_ANSWER

    def line(self) -> bytes:
        end = "" if self.ended is None else f" {self.ended:.3f} {self.status}"
        return f"{self.id} {self.kind} {self.place} {self.round} {self.began:.3f}{end}\n".encode()


class Sending:
    """A request on its way. status: to be set when its answer is there."""

    def __init__(self, request: Request, note: Callable[[Request], None]) -> None:
        self._request, self._note = request, note
        self.status = NO_ANSWER

    def __enter__(self) -> "Sending":
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """It is sent now."""
        if self._request.kind != "request":
            self._note(self._request)

    def end(self) -> None:
        """Nothing more comes of it: its answer is there, its socket closed, or we have given up."""
        if self._request.kind != "request" or self.status == NO_ANSWER or self.status >= 400:
            self._note(replace(self._request, ended=time.time(), status=self.status))


class Ledger:
    """The requests of this process and, where a file can be kept, of this user's other runs; safe for many threads.

    folder: None keeps everything in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._salt = installation_salt(folder) if folder else secrets.token_bytes(32)
        self._own: dict[str, Request] = {}
        self._lock = threading.Lock()
        self.round = ""
        self.new_round()

    def new_round(self) -> None:
        """What is noted from now on belongs to another round of checks."""
        self.round = secrets.token_hex(4)

    def place(self, address: str) -> str:
        """What stands for a host:port; all names of this machine's loopback are one."""
        host, _, port = address.lower().rpartition(":")
        host = "localhost" if loopback(host) else host
        return hmac.new(self._salt, f"{host}:{port}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:12]

    def sending(self, kind: Kind, address: str) -> Sending:
        """Notes a request while it is under way, and how it ended; of kind "request" only one that failed."""
        id_, place = secrets.token_hex(6), self.place(address)
        return Sending(Request(id=id_, kind=kind, place=place, round=self.round, began=time.time()), self._note)

    def since(self, moment: datetime, addresses: Iterable[str]) -> tuple[Request, ...]:
        """The requests to these addresses that began since then, oldest first."""
        places, first = {self.place(address) for address in addresses}, moment.timestamp()
        with self._lock:
            own = dict(self._own)
        found = {**_read(self._content()), **own}
        wanted = (each for each in found.values() if each.began >= first and each.place in places)
        return tuple(sorted(wanted, key=lambda each: each.began))

    def failed(self, addresses: Iterable[str]) -> tuple[Request, ...]:
        """This round's requests to these addresses that were answered with a server error, or of which no answer came.

        No socket that was closed without one: how many a page opens nobody knows before.
        """
        places = {self.place(address) for address in addresses}
        with self._lock:
            own = [each for each in self._own.values() if each.round == self.round and each.place in places]
        ended = (each for each in own if each.ended is not None)
        return tuple(each for each in ended if each.status >= 500 or (not each.status and each.kind != "socket"))

    def _note(self, request: Request) -> None:
        with self._lock:
            self._own[request.id] = request
            while len(self._own) > 20_000:
                del self._own[next(iter(self._own))]
        with contextlib.suppress(OSError):  # a full disk, a folder of somebody else: memory still knows it
            self._append(request.line())

    def _append(self, line: bytes) -> None:
        with self._opened() as folder:
            if folder is None:
                return
            with _locked(folder, fcntl.LOCK_SH):
                size = _write(folder, line)
            if size > LARGEST:
                with _locked(folder, fcntl.LOCK_EX) as alone:
                    if alone:
                        _shorten(folder)

    def _content(self) -> bytes:
        with contextlib.suppress(OSError), self._opened() as folder:
            return b"" if folder is None else _newest(folder, 2 * LARGEST)
        return b""

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        """The folder, held open so that nobody can put another in its place; None where there is none of ours."""
        if self._folder is None:
            yield None
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            is_ = os.fstat(folder)
            if is_.st_uid != os.geteuid():
                yield None
                return
            if stat.S_IMODE(is_.st_mode) & 0o077:
                os.fchmod(folder, 0o700)
            yield folder
        finally:
            os.close(folder)


@functools.lru_cache(8)
def ledger_in(folder: Path | None) -> Ledger:
    """This process's one ledger for a folder: it outlives a round of `--wait`."""
    return Ledger(folder)


def state_folder() -> Path | None:
    """Where this user's state is kept; None for somebody without a home."""
    with contextlib.suppress(RuntimeError):
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(state) / "pytest-oncall"
    return None


@contextlib.contextmanager
def _locked(folder: int, how: int) -> Iterator[bool]:
    """Whether the lock was got; nobody waits for it longer than a moment."""
    until, held = time.monotonic() + PATIENCE, False
    while not held:
        try:
            fcntl.flock(folder, how | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            if time.monotonic() > until:
                break
            time.sleep(0.002)
        except OSError:  # a file system without locks: a line may be lost while the file is shortened
            yield True
            return
    try:
        yield held
    finally:
        if held:
            fcntl.flock(folder, fcntl.LOCK_UN)


@contextlib.contextmanager
def _file(folder: int, flags: int) -> Iterator[int]:
    """The file; raises OSError when it is another's, or no regular file."""
    file = os.open(NAME, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        is_ = os.fstat(file)
        if not stat.S_ISREG(is_.st_mode) or is_.st_uid != os.geteuid():
            raise PermissionError
        yield file
    finally:
        os.close(file)


def _write(folder: int, line: bytes) -> int:
    """Add a line; how long the file is now. One that could not be shortened grows no further."""
    with _file(folder, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
        if (size := os.fstat(file).st_size) > 2 * LARGEST:
            return size
        return size + os.write(file, line)


def _newest(folder: int, most: int) -> bytes:
    with _file(folder, os.O_RDONLY) as file:
        size = os.fstat(file).st_size
        return os.pread(file, most, max(0, size - most))


def _shorten(folder: int) -> None:
    """Keep the newest half of what is recent; readers see the old file or the new one."""
    now = time.time()
    if len(content := _newest(folder, 4 * LARGEST)) <= LARGEST:
        return  # another process was faster
    recent = (each for each in _read(content).values() if now - OLDEST < each.began < now + 3600)
    kept = b"".join(each.line() for each in recent)[-LARGEST // 2 :].partition(b"\n")[2]
    draft = f"{NAME}.{secrets.token_hex(8)}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        try:
            os.write(file, kept)
        finally:
            os.close(file)
        os.replace(draft, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def _read(content: bytes) -> dict[str, Request]:
    """The requests in a file, oldest first; what a line says later of one holds. Other lines are passed over."""
    found: dict[str, Request] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError, IndexError):
            id_, kind, place, round_, began, *end = line.split(" ")
            if kind in KINDS and len(end) in (0, 2):
                found[id_] = Request(
                    id=id_,
                    kind=KINDS[KINDS.index(kind)],
                    place=place,
                    round=round_,
                    began=float(began),
                    ended=float(end[0]) if end else None,
                    status=int(end[1]) if end else NO_ANSWER,
                )
    return found
