"""What is known about the host: its filesystems, its memory, its backups."""

from typing import Literal

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import CouldNotCheck


class Filesystem(Struct, frozen=True, kw_only=True):
    """One mounted filesystem, as df sees it: what is reserved for root counts as neither used nor free.

    inodes_used_percent: None where inodes are not limited (btrfs).
    """

    mount: str
    device: str
    kind: str
    paths: tuple[str, ...]
    size_kib: int
    free_kib: int
    used_percent: float
    inodes_used_percent: float | None = None
    inodes_free: int | None = None


class Filesystems(Fact, frozen=True, kw_only=True):
    """The filesystems that the stack lives on, each once, fullest first."""

    filesystems: tuple[Filesystem, ...]

    def short_of_space(self, percent: float) -> tuple[Filesystem, ...]:
        """Those with at least so much of their space used, fullest first."""
        found = [one for one in self.filesystems if one.used_percent >= percent]
        return tuple(sorted(found, key=lambda one: -one.used_percent))

    def short_of_inodes(self, percent: float) -> tuple[Filesystem, ...]:
        """Those with at least so many of their inodes used; raises CouldNotCheck when none counts them."""
        counted = [(one.inodes_used_percent, one) for one in self.filesystems if one.inodes_used_percent is not None]
        if not counted:
            raise CouldNotCheck("none of the filesystems counts inodes; its space is all there is to watch")
        found = sorted(counted, key=lambda pair: -pair[0])
        return tuple(one for used, one in found if used >= percent)

    def inconclusive_reason(self) -> str | None:
        looked = any(one.size_kib for one in self.filesystems)
        return None if looked else "no filesystem's size was read"


class Memory(Fact, frozen=True, kw_only=True):
    """/proc/meminfo of the host; no swap at all is swap_total_kib = 0."""

    total_kib: int
    available_kib: int
    swap_total_kib: int
    swap_free_kib: int

    @property
    def available_percent(self) -> float:
        return 100.0 * self.available_kib / self.total_kib if self.total_kib else 0.0

    @property
    def swap_used_percent(self) -> float:
        return 100.0 * (1 - self.swap_free_kib / self.swap_total_kib) if self.swap_total_kib else 0.0

    def inconclusive_reason(self) -> str | None:
        return None if self.total_kib else "the host's memory was not read"


class NewestBackup(Fact, frozen=True, kw_only=True):
    """The newest file that matches the backup pattern, and what its own tool says about it.

    reading: "read", "broken", or "unknown" when the tool could not do its work; reader_said says why.
    """

    pattern: str
    matches: int
    path: str = ""
    age_seconds: float = 0.0
    size_bytes: int = 0
    reader: str = ""
    reading: Literal["", "read", "broken", "unknown"] = ""
    reader_said: str = ""

    @property
    def age_hours(self) -> float:
        return self.age_seconds / 3600

    @property
    def readable(self) -> bool:
        """Whether its own tool could read it; raises CouldNotCheck when the tool could not tell."""
        if not self.matches:
            raise CouldNotCheck("there is no backup to read", root="newest_backup")
        if self.reading in ("", "unknown"):
            raise CouldNotCheck(self.reader_said or "the newest backup was not read")
        return self.reading == "read"

    def inconclusive_reason(self) -> str | None:
        return None if self.pattern else "no backup was looked for"
