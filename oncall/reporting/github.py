"""For GitHub Actions: an annotation a cause, a summary of the step, and an output that foreign text cannot command.

The runner obeys lines that begin with `::name` (blanks before it do not matter), and `##[name]` anywhere in a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oncall.reporting import phrases, plain, summary
from oncall.reporting.markdown import block, code, prose
from oncall.results.record import RunRecord

LENGTH = 1_000
KINDS = {"p1": "error", "p2": "error", "p3": "warning", "p4": "warning"}
Places = Mapping[str, tuple[str, int]]


def commands(run: RunRecord, places: Places) -> list[str]:
    """The annotations: causes, what fails without one, what is not known, bugs of the suite; or that all is well.

    places: node id of a check -> its file, as the repository calls it, and its line.
    """
    lines = []
    for cause in run.diagnosis.causes:
        shown = (*cause.findings, *cause.consequences, *cause.blocked)
        words = [phrases.because(cause), phrases.evidence(cause), phrases.explains(cause)]
        title = f"{cause.severity.upper()} {cause.component}"
        text = "; ".join([cause.symptom, *filter(None, words)])
        lines.append(_command(KINDS[cause.severity], title, text, places.get(shown[0].test) if shown else None))
    for verdict in phrases.unexplained(run, "failed"):
        title = f"{verdict.severity.upper()} {verdict.check}"
        text = verdict.symptom or verdict.claim
        lines.append(_command(KINDS[verdict.severity], title, text, places.get(verdict.test)))
    for reason, alike in summary.by_reason(phrases.unexplained(run, "unknown")).items():
        title = f"{summary.checks(len(alike))} without an answer"
        lines.append(_command("warning", title, phrases.unanswered(reason, alike), places.get(alike[0].test)))
    for verdict in run.of(None, "error"):
        lines.append(_command("error", verdict.check, phrases.error(verdict), places.get(verdict.test)))
    return lines or [_command("notice", run.stack, summary.headline(run))]


def step_summary(run: RunRecord) -> str:
    """The step's summary, in Markdown: the headline, the causes, what to do, what is not known."""
    lines = [f"### {prose(run.stack)}: {prose(summary.headline(run))}", ""]
    for cause in run.diagnosis.causes:
        lines.append(f"- **{prose(phrases.title(cause))}**")
        lines.append(f"  - {prose(phrases.because(cause))}")
        if cause.evidence:
            lines.append(f"  - {code(phrases.evidence(cause))}")
        if cause.next:
            caution = f" ({phrases.FOREIGN})" if run.commands_from == "snapshot" else ""
            lines.append(f"  - next: PLAYBOOK.md {code(cause.next.section)}, step {cause.next.step}{caution}")
            lines += ["", *(f"    {line}" for line in block(cause.next.text, "bash").split("\n")), ""]
    for reason, alike in summary.by_reason(phrases.unexplained(run, "unknown")).items():
        lines.append(f"- not known: {prose(phrases.unanswered(reason, alike))}")
    return "\n".join([*lines, "", prose(f"answered: {summary.coverage(run) or 'nothing'}"), ""])


def _command(kind: str, title: str, text: str, place: tuple[str, int] | None = None) -> str:
    words = {"title": title} | ({"file": place[0], "line": str(place[1])} if place else {})
    given = ",".join(f"{name}={_property(value)}" for name, value in words.items())
    return f"::{kind} {given}::{_data(text)}"


def _data(text: str) -> str:
    """As the runner reads it back: it turns these three codes into signs again."""
    shown = plain.escape_control_chars(text, LENGTH)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _no_order(line: str) -> str:
    """The beginning of a line with a blank between its first two colons; the second one may be still to come."""
    order = line.lstrip()
    if order[:1] != ":" or order[1:2] not in ("", ":"):
        return line
    return f"{line[: len(line) - len(order)]}: {order[1:]}"


class Disarmed:
    """A text stream on which nothing becomes a command, except what `commands` writes.

    Written to in pieces: whether a piece stands at the beginning of a line is known from the pieces before it.
    """

    def __init__(self, stream: Any):
        self._stream, self._blank, self._tail = stream, True, ""

    def write(self, text: str) -> int:
        self._stream.write(self._disarm(text))
        return len(text)

    def commands(self, lines: Iterable[str]) -> None:
        """Write these lines as they are: they are commands."""
        self._stream.write(("" if self._blank else "\n") + "".join(f"{line}\n" for line in lines))
        self._blank, self._tail = True, ""

    def _disarm(self, text: str) -> str:
        """The same text with a blank inside what the runner would obey."""
        joined = (self._tail + text).replace("##[", "## [")
        fresh = joined[len(self._tail) :]
        self._tail = joined[len(joined.rstrip("#")) :][-2:]
        lines = fresh.split("\n")
        for number, line in enumerate(lines):
            self._blank |= number > 0
            parts = line.split("\r")
            for place, part in enumerate(parts):
                self._blank |= place > 0
                parts[place] = _no_order(part) if self._blank else part
                self._blank &= not part.strip()
            lines[number] = "\r".join(parts)
        return "\n".join(lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
