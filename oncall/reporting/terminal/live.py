"""What is printed while looks still run: causes as soon as they are known, and what is being waited for.

A cause that is printed early may turn out to be a consequence of another one: the last screen is what counts, so
these lines begin with "so far". On a terminal the waiting is one line, rewritten in place; elsewhere a line of its own
now and then; and nothing at all while everything is fast.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from oncall.diagnosis.cause import Diagnosis
from oncall.reporting import phrases, plain
from oncall.reporting.terminal.page import columns, shortened

PATIENCE = 2.0  # seconds that nobody wonders about
DOUBT = 0.5  # seconds in which another answer may explain a cause that is not confirmed
REWRITTEN, REPEATED = 0.5, 2.0  # seconds between two lines about the waiting, on a terminal and elsewhere
NAMED = 3  # looks that one line names
WORDS = 45  # columns of a look's own words, beyond which its name says it shorter


class Live:
    """Writes nothing that the stream's encoding cannot carry, and nothing that steers the terminal.

    write: takes a text as it stands, line ends and all. width: columns of the terminal that can be written over;
    None: there is none. budget: seconds for all looks, from now. clock: seconds, monotonic.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        width: int | None,
        budget: float,
        encoding: str = "utf-8",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.write, self.width, self.budget, self.encoding, self.clock = write, width, budget, encoding, clock
        self.began = clock()
        self.seen: dict[tuple[str, str], float] = {}
        self.told: set[tuple[str, str]] = set()
        self.next = self.began + PATIENCE
        self.standing = 0  # columns of the line that waits to be written over

    def causes(self, diagnosis: Diagnosis) -> None:
        """A line for each cause that was not told before, and for one of which more is known."""
        now = self.clock()
        for cause in diagnosis.causes:
            key = (cause.component, cause.symptom)
            sure = cause.confidence == "confirmed" or now - self.seen.setdefault(key, now) >= DOUBT
            if sure and key not in self.told:
                self.told.add(key)
                self.clear()
                self.write(self._fit(f"so far: {phrases.title(cause)}", rows=2) + "\n")

    def waiting(self, looks: Sequence[str]) -> None:
        """What has not answered yet, in words, the oldest first; not more often than anybody can read."""
        now = self.clock()
        if now < self.next or not looks:
            return
        self.next = now + (REPEATED if self.width is None else REWRITTEN)
        more = f" and {len(looks) - NAMED} more" if len(looks) > NAMED else ""
        time_ = f" ({now - self.began:.0f} of {self.budget:g} s)"
        line = (
            self._fit("waiting for " + ", ".join(map(plain.escape_control_chars, looks[:NAMED])) + more, len(time_))
            + time_
        )
        if self.width is None:
            self.write(line + "\n")
            return
        self.clear()
        self.write(line)
        self.standing = columns(line)

    def clear(self) -> None:
        """Take the line about the waiting away, so that something else can stand there."""
        if self.standing:
            self.write("\r" + " " * self.standing + "\r")
            self.standing = 0

    def _fit(self, line: str, less: int = 0, rows: int = 1) -> str:
        """In so few rows of a terminal; what takes more than one cannot be written over."""
        line = shortened(line, rows * self.width - 1 - less) if self.width else line
        return plain.encodable(line, self.encoding)


def words(name: str, arguments: str, docstring: str | None) -> str:
    """A look as people call it: "the page that people open", "the response times of one endpoint (suites)".

    name, arguments: as in its key, "response_times[suites]". docstring: its function's.
    """
    told = re.split(r"[,;:.]", (docstring or "").strip(), maxsplit=1)[0].replace("\n", " ")
    if not told or len(told) > WORDS:
        told = name.replace("_", " ")
    elif told[1:2] == " " or told.partition(" ")[0][1:].islower():  # not an abbreviation
        told = told[0].lower() + told[1:]
    return f"{told} ({arguments})" if arguments else told
