"""The last runs of a name, kept in a folder: a page and a result of each, the newest page under the name alone.

    reports/nightly.html                        always the newest, replaced at once
    reports/nightly-2026-11-25T030000Z.html     one run, named after the moment (UTC) when it began
    reports/nightly-2026-11-25T030000Z.json     its result, which the next run is compared with
    reports/nightly-2026-11-25T030000Z-2.html   another run that began in the same second

Several runs may write here at once, and as different users. A file is whole from the moment when it has its name, and
no file is removed that is not named exactly like a run of this very name.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from oncall.comparison import Result, comparable

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # no capitals, so that no name can look like a kept run: ...T...Z
LONGEST_NAME = 60
STAMP = "%Y-%m-%dT%H%M%SZ"
LARGEST_RESULT = 64 << 20
LEFT_OVER = 86_400  # seconds after which a draft belongs to a run that was killed


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

    keep: how many runs stay, this one included.
    """

    def __init__(self, folder: Path, name: str, keep: int):
        self.folder, self.name, self.keep = folder, name, keep
        self._run = re.compile(
            rf"(?P<draft>\.?)(?P<stem>{re.escape(name)}-(?P<stamp>\d{{4}}-\d\d-\d\dT\d{{6}}Z)(?:-(?P<number>[2-9]|[1-9]\d+))?)"
            r"\.(?:html|json)(?P<tmp>(?:\.tmp)?)",
            re.ASCII,
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

    def add(self, started: datetime, page: bytes | None, result: bytes) -> Path:
        """Keep a run; returns its result's file. Raises OSError, and then leaves nothing behind.

        page: None where there is no report.
        """
        with self._claimed(started.strftime(STAMP)) as (stem, draft):
            file = self.folder / f"{stem}.json"
            draft.write_bytes(result)
            if page is not None:
                beside = self.folder / f".{stem}.html.tmp"
                try:
                    beside.write_bytes(page)
                    beside.replace(self.folder / f"{stem}.html")
                except OSError:
                    beside.unlink(missing_ok=True)
                    raise
            draft.replace(file)  # last: whoever finds a result finds its page as well
        return file

    def prune(self, own: Path) -> str:
        """Remove what is older than the runs to keep, never `own`; returns what could not be removed, in a sentence."""
        stays = {run.stem for run in sorted(self.kept())[-self.keep :]} | {own.stem}
        stuck: list[OSError] = []
        for found, file in self._files():
            draft = bool(found["draft"] or found["tmp"])
            if (_age(file) > LEFT_OVER) if draft else found["stem"] not in stays:
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    stuck.append(error)
        if not stuck:
            return ""
        what = "1 old file" if len(stuck) == 1 else f"{len(stuck)} old files"
        return f"{what} of the run {self.name} in {self.folder} could not be removed: {stuck[0].strerror}"

    def _files(self) -> Iterator[tuple[re.Match[str], Path]]:
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
    def _claimed(self, stamp: str) -> Iterator[tuple[str, Path]]:
        """A stem that no other run has, and the draft that claims it.

        Whoever makes the draft owns the stem: it becomes the file in one step, so another run meets one of the two.
        """
        number = 1
        while True:
            stem = f"{self.name}-{stamp}" + (f"-{number}" if number > 1 else "")
            draft = self.folder / f".{stem}.json.tmp"
            number += 1
            try:
                os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            except FileExistsError:
                continue
            try:
                if not any((self.folder / f"{stem}.{kind}").exists() for kind in ("json", "html")):
                    yield stem, draft
                    return
            finally:
                draft.unlink(missing_ok=True)


def _read(file: Path) -> Result | None:
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_RESULT:
            return None
        return msgspec.json.decode(file.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _age(file: Path) -> float:
    """Seconds since it was written; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return time.time() - file.stat().st_mtime
    return 0.0
