"""The last runs of a name, kept in a folder: a page and a result of each, the newest page under the name alone.

    reports/nightly.html                        always the newest, replaced at once
    reports/nightly-2026-11-25T030000Z.html     one run, named after the moment (UTC) when it began
    reports/nightly-2026-11-25T030000Z.json     its result, which the next run is compared with
    reports/nightly-2026-11-25T030000Z-2.html   another run that began in the same second

Several runs may write here at once, and as different users. A file is whole from the moment when it has its name, and
no file is removed that is not named exactly like a run of this very name.

A clock may have been wrong for a night. What is dated after the run that prunes was written before it all the same:
it takes no place of the runs to keep, it is never removed, and each run says that it is there.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from oncall.gate.patterns import Match, Pattern
from oncall.gate.reading import Unreadable, read_regular
from oncall.results.comparison import Result, comparable
from oncall.results.files import PRIVATE, create, folder, write_all

NAME = Pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # no capitals, so that no name can look like a kept run: ...T...Z
LONGEST_NAME = 60
STAMP = "%Y-%m-%dT%H%M%SZ"
LARGEST_RESULT = 16 << 20
LEFT_OVER = 86_400  # seconds after which a draft belongs to a run that was killed
AHEAD = timedelta(hours=1)  # machines that share a folder may disagree so far without a word
RECALLED = 10  # newest runs that are asked what was usual: what is rare shows in one of them
RESULT = Pattern(r"[a-z0-9-]+-(?P<stamp>\d{4}-\d\d-\d\dT\d{6}Z)(?:-\d+)?\.json")


def wrong_name(name: str) -> str:
    """What is wrong with a name of a run, as the end of a sentence; empty when nothing is."""
    if NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        return ""
    return f"must be a name such as nightly: lower-case letters, digits and single dashes, {LONGEST_NAME} at most"


class Kept(Struct, frozen=True, order=True):
    """One run that is kept; ordered by when it began."""

    stamp: str
    number: int
    stem: str


class History:
    """The kept runs of one name.

    keep: how many runs stay, this one included. mode: permissions of what is kept.
    """

    def __init__(self, folder: Path, name: str, keep: int, mode: int = PRIVATE):
        self.folder, self.name, self.keep, self.mode = folder, name, keep, mode
        self._run = Pattern(
            rf"(?P<draft>\.?)(?P<stem>{re.escape(name)}-(?P<stamp>\d{{4}}-\d\d-\d\dT\d{{6}}Z)(?:-(?P<number>[2-9]|[1-9]\d+))?)"
            r"\.(?:html|json)(?P<tmp>(?:\.tmp)?)"
        )

    @property
    def newest(self) -> Path:
        """The page that always shows the newest run."""
        return self.folder / f"{self.name}.html"

    def last(self, now: Result) -> Result | None:
        """The newest kept run that this one can be compared with. What cannot be read is passed over."""
        for run in sorted(self.kept(), reverse=True):
            then = _read(self.folder / f"{run.stem}.json")
            if then and comparable(then, now):
                return then
        return None

    def kept(self) -> set[Kept]:
        """Every run of this name; none where the folder cannot be read."""
        return {
            Kept(found["stamp"], int(found["number"] or 1), found["stem"])
            for found, _ in self._files()
            if not found["draft"] and not found["tmp"]
        }

    def of_stack(self, stack: str, target: str) -> list[Result]:
        """The newest kept runs over this stack, whatever their names and selections: at most ten."""
        try:
            with os.scandir(self.folder) as entries:
                dated = [(found["stamp"], one.path) for one in entries if (found := RESULT.fullmatch(one.name))]
        except OSError:
            return []
        newest = (_read(Path(path)) for _, path in sorted(dated, reverse=True))
        fitting = (run for run in newest if run and (run.stack, run.target) == (stack, target))
        return [*islice(fitting, RECALLED)]

    def add(self, started: datetime, page: bytes | None, result: bytes) -> Path:
        """Keep a run; returns its result's file. Raises OSError, and then leaves nothing behind.

        page: None where there is no report.
        """
        with folder(self.folder) as inside, self._claimed(started.strftime(STAMP), inside) as (stem, draft):
            write_all(draft, result)
            if page is not None:
                self._add_page(stem, page, inside)
            _rename(f".{stem}.json.tmp", f"{stem}.json", inside)  # last: whoever finds a result finds its page as well
        return self.folder / f"{stem}.json"

    def _add_page(self, stem: str, page: bytes, inside: int) -> None:
        draft = f".{stem}.html.tmp"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=inside)  # the stem is ours: this one is left over, or a trap
        descriptor = create(draft, inside, self.mode)
        try:
            write_all(descriptor, page)
            _rename(draft, f"{stem}.html", inside)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=inside)
            raise
        finally:
            os.close(descriptor)

    def prune(self, own: Path) -> str:
        """Remove what is older than the runs to keep, never `own`, and nothing that is dated after it.

        Returns what people must know of it, in a sentence: what could not be removed, what a wrong clock has dated.
        """
        kept = self.kept()
        limit = _later(next((run.stamp for run in kept if run.stem == own.stem), ""))
        ahead = {run for run in kept if limit and run.stamp > limit}
        stays = {run.stem for run in (*sorted(kept - ahead)[-self.keep :], *ahead)} | {own.stem}
        old = {run.stem for run in kept} - stays  # only what was there: another run may add its own meanwhile
        stuck: list[OSError] = []
        for found, file in self._files():
            draft = bool(found["draft"] or found["tmp"])
            if (_age(file) > LEFT_OVER) if draft else found["stem"] in old:
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    stuck.append(error)
        notes = []
        if ahead:
            what = "1 kept run" if len(ahead) == 1 else f"{len(ahead)} kept runs"
            until = max(ahead).stamp[:10]
            notes.append(
                f"{what} of {self.name} in {self.folder} bear a date after now, up to {until}: a clock was wrong then, "
                "or is now; they are not counted and not removed: remove them by hand"
            )
        if stuck:
            what = "1 old file" if len(stuck) == 1 else f"{len(stuck)} old files"
            notes.append(f"{what} of the run {self.name} in {self.folder} could not be removed: {stuck[0].strerror}")
        return "; ".join(notes)

    def _files(self) -> Iterator[tuple[Match[str], Path]]:
        """The files named exactly like a run, or a draft of one."""
        try:
            with os.scandir(self.folder) as entries:
                found = [(self._run.fullmatch(one.name), one) for one in entries]
                files = [
                    (match, Path(one.path)) for match, one in found if match and one.is_file(follow_symlinks=False)
                ]
        except OSError:
            return
        yield from ((match, file) for match, file in files if bool(match["draft"]) == bool(match["tmp"]))

    @contextlib.contextmanager
    def _claimed(self, stamp: str, inside: int) -> Iterator[tuple[str, int]]:
        """A stem that no other run has, and the draft that claims it, as a descriptor.

        Whoever makes the draft owns the stem: it becomes the file in one step, so another run meets one of the two.
        """
        number = 1
        while True:
            stem = f"{self.name}-{stamp}" + (f"-{number}" if number > 1 else "")
            name = f".{stem}.json.tmp"
            number += 1
            try:
                draft = create(name, inside, self.mode)
            except FileExistsError:
                continue
            try:
                if not any(os.path.lexists(self.folder / f"{stem}.{kind}") for kind in ("json", "html")):
                    yield stem, draft
                    return
            finally:
                os.close(draft)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=inside)


def _rename(draft: str, name: str, inside: int) -> None:
    os.replace(draft, name, src_dir_fd=inside, dst_dir_fd=inside)


def _later(stamp: str) -> str:
    """What a run may be named at most that began with this one; empty where there is no such name."""
    try:
        return (datetime.fromisoformat(stamp) + AHEAD).strftime(STAMP)
    except (ValueError, OverflowError):
        return ""


def _read(file: Path) -> Result | None:
    try:
        return msgspec.json.decode(read_regular(file, LARGEST_RESULT), type=Result)
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _age(file: Path) -> float:
    """Seconds since it was written; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return time.time() - file.stat().st_mtime
    return 0.0
