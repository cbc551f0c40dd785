"""PLAYBOOK.md, as data: the only source of recovery text, and of how soon each severity is answered.

A team edits that page, so whatever cannot be read is said with its line and its mend. Its form is described in a
comment at its top. Pure: text in, records out; nothing here opens a file.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.finding import Value
from oncall.target.kinds import short_form
from oncall.target.placeholders import (
    PLACEHOLDERS,
    RUNTIMES,
    Runtime,
    bound,
    part_behind,
    runtime_of,
    runtimes,
    seen_by,
    values,
)

if TYPE_CHECKING:
    from oncall.target.schema import Stack

Risk = Literal["read-only", "restart", "data loss"]
RISKS: tuple[Risk, ...] = ("read-only", "restart", "data loss")


class PlaybookError(ValueError):
    """One line of PLAYBOOK.md that cannot be read: where, what, and how to mend it."""


class Step(Struct, frozen=True):
    """One thing to do: why, what to type, what it may cost, and which check says that it helped.

    runtime: how that runs which the command is for: "compose", "systemd" or "process"; empty: for all. others: the same
    step for other runtimes.
    command: one command a line. exits: the codes with which each of them may end while it does what is said, 0 to 255.
    edit: what a person has to mend before the command can help, such as "Compose file"; empty: nothing.
    """

    sentence: str
    command: str
    risk: Risk
    verify: str
    edit: tuple[str, ...] = ()
    exits: tuple[int, ...] = (0,)
    runtime: Runtime = ""
    others: tuple[Step, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """The command, a line each; one that goes on behind a backslash is a single one."""
        lines: list[str] = []
        for line in self.command.split("\n"):
            if lines and lines[-1].endswith("\\"):
                lines[-1] += f"\n{line}"
            else:
                lines.append(line)
        return tuple(lines)


class Next(Struct, frozen=True, kw_only=True):
    """What to type next for a cause: ready, byte for byte, for every output.

    section: its id in PLAYBOOK.md. step: its number there, from 1. commands: in their order, to be typed in one shell.
    exits: the codes with which each of them may end while it does what is said. verify: the check that tells whether it
    has helped.
    """

    section: str
    step: int
    commands: tuple[str, ...]
    risk: Risk
    exits: tuple[int, ...]
    verify: str

    @property
    def text(self) -> str:
        """All of them, one below the other."""
        return "\n".join(self.commands)


class Section(Struct, frozen=True):
    """One scenario."""

    id: str
    title: str
    severity: str
    symptoms: tuple[str, ...]
    recovery: tuple[Step, ...]


class Level(Struct, frozen=True):
    """One severity: what it is called, and how soon somebody answers."""

    name: str
    respond_within: timedelta

    @property
    def words(self) -> str:
        """The time as people say it: "15 minutes", "1 hour"."""
        minutes = int(self.respond_within.total_seconds() // 60)
        number, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
        return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class Playbook(Struct, frozen=True):
    """The whole page. An empty one is what a suite without PLAYBOOK.md has: nothing is quoted."""

    sections: tuple[Section, ...] = ()
    levels: Mapping[str, Level] = field(default_factory=dict)

    def section(self, id: str | None) -> Section | None:
        """The section that a check's marker names, if there is one."""
        return next((section for section in self.sections if section.id == id), None)


def parse(text: str) -> Playbook:
    """Read the page, or raise PlaybookError on its first mistake."""
    lines = _blank_comments(text.removeprefix("\ufeff")).splitlines()
    _closed_fences(lines)
    levels: dict[str, Level] = {}
    sections: list[Section] = []
    for title, number, body in _parts(lines, "## ", 0):
        anchor = ANCHOR.search(title)
        if anchor:
            sections.append(_section(anchor["id"], ANCHOR.sub("", title).strip(), number, body))
        elif any(line.startswith("### Recovery") for line in body):
            raise _error(number, f"{title!r} has a recovery, but no id", 'end its heading with <a id="its-id"></a>')
        else:
            levels |= _levels(number, body)
    known: set[str] = set()
    for section in sections:
        if section.id in known:
            raise PlaybookError(f"PLAYBOOK.md: two sections have the id {section.id!r}; give one of them another")
        known.add(section.id)
    return Playbook(tuple(sections), levels)


def for_runtime(step: Step, stack: Stack, component: str | None = None) -> Step | None:
    """The step as it is typed on this stack, None when it has no such form.

    A block fits where all parts that its placeholders name run as it says; one that names none fits where the cause's
    component does, or some part of the stack when the cause is of none.
    """
    return next((one for one in (step, *step.others) if _fits(one, stack, component)), None)


def _fits(step: Step, stack: Stack, component: str | None) -> bool:
    stack = seen_by(stack, component)
    own = part_behind(stack, component)
    there = {runtime_of(stack, own)} if own else runtimes(stack)
    named = {bound(name) for name in PLACEHOLDER.findall(step.command)}
    for about, runtime in named:
        part = short_form(stack, about) if about else own if about is None else None
        if part and runtime_of(stack, part) != runtime:
            return False
        if runtime and not part and runtime not in (there if about is None else runtimes(stack)):
            return False
    speaks_of_one = any(about and runtime for about, runtime in named)
    return not step.runtime or speaks_of_one or step.runtime in there


def fill(
    step: Step,
    stack: Stack,
    component: str | None = None,
    endpoint: str = "",
    evidence: Mapping[str, Value] | None = None,
) -> Step:
    """The step with its placeholders filled from the target and the finding, ready to be typed.

    component: whom the cause names; without it, or when it is no container, {service} stays SERVICE. endpoint: the name
    of the one that the cause is about; without it, {endpoint_path} is that of the first. evidence: of the finding; what
    it may fill, and from which key, stands in `oncall.target.placeholders`.
    """
    known = values(stack, component, endpoint, evidence or {})
    return replace(step, command=PLACEHOLDER.sub(lambda match: known[match[1]], step.command))


ANCHOR = re.compile(r'<a id="(?P<id>[a-z0-9]+(-[a-z0-9]+)*)">\s*</a>')
PLACEHOLDER = re.compile(r"(?<![{$%])\{([a-z_]+)\}(?!\})")  # not ${shell}, not {{docker}}, not %{curl}
FENCE = re.compile(r"\s*(```+|~~~+)")
INFO = re.compile(r"\s*(?:```+|~~~+)\s*(?P<words>.*?)\s*")
LEVEL = re.compile(r"\|\s*[Pp](?P<level>[1-4])\s*\|(?P<name>[^|]*)\|(?P<within>[^|]*)\|")
DURATION = re.compile(r"(?P<number>[0-9]+)\s*(?P<unit>min|h|hour|minute)s?")
STEP = re.compile(r"(?P<indent>[0-9]+[.)]\s+)(?P<rest>\S.*)")
NOTE = re.compile(r"\s*(?:[-*]\s+)?(?P<key>Risk|Verify|Edit|Exit):\s*(?P<value>.*)", re.IGNORECASE)


def _section(id: str, title: str, number: int, body: list[str]) -> Section:
    """One scenario, from the lines below its heading."""
    severity = next((match[1] for line in body if (match := re.fullmatch(r"Severity:\s*[Pp]([1-4])\s*", line))), None)
    if severity is None:
        raise _error(number, f"the section {id!r} has no severity", "write a line such as `Severity: P1` below it")
    parts = {heading: (start, lines) for heading, start, lines in _parts(body, "### ", number)}
    if "Recovery" not in parts:
        raise _error(number, f"the section {id!r} has no recovery", "add `### Recovery` with numbered steps")
    _, symptoms = parts.get("Symptoms", (number, []))
    return Section(id, title, f"p{severity}", _items(symptoms), _steps(id, *parts["Recovery"]))


def _items(lines: list[str]) -> tuple[str, ...]:
    """The entries of a list; an entry may go on over several lines."""
    items: list[str] = []
    for line in lines:
        if line.startswith(("- ", "* ")):
            items.append(line[2:].strip())
        elif items and line.strip():
            items[-1] += " " + line.strip()
    return tuple(items)


def _steps(id: str, number: int, lines: list[str]) -> tuple[Step, ...]:
    """The numbered steps of a recovery."""
    starts = [index for index, fenced, line in _unfenced(lines) if not fenced and STEP.fullmatch(line)]
    if not starts:
        raise _error(number, f"the recovery of {id!r} has no steps", "number them: `1. Restart it.`")
    return tuple(_step(number + 1 + start, lines[start:end]) for start, end in pairwise([*starts, len(lines)]))


class _Block(Struct):
    """One fenced block of a step, with what stands right above it and the notes right below."""

    runtime: Runtime
    sentence: str = ""
    command: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


def _step(number: int, lines: list[str]) -> Step:
    """One step: its sentence, its fenced commands, its risk and its check."""
    blocks: list[_Block] = []
    sentence: list[str] = []
    notes: dict[str, str] = {}  # of the step, whichever block they stand below
    opened = False
    for index, fenced, line in _unfenced(lines):
        if fenced and FENCE.match(line):
            opened = not opened
            if opened:
                runtime = _runtime(number + index, line)
                if any(block.runtime == runtime for block in blocks):
                    raise _error(
                        number + index, "this step has two blocks for one runtime", "join them, or part the step"
                    )
                blocks.append(_Block(runtime, " ".join(sentence)))
                sentence = []
        elif fenced:
            blocks[-1].command.append(line)
            _typeable(number + index, line)
        elif match := NOTE.fullmatch(line):
            key, value = match["key"].lower(), match["value"].strip().strip("`")
            (blocks[-1].notes if blocks and key in ("edit", "exit") else notes)[key] = value
        elif line.strip():
            sentence.append(STEP.sub(r"\g<rest>", line).strip())
    if not blocks or not all("".join(block.command).strip() for block in blocks):
        raise _error(number, "this step has no command", "put one below it, between two lines of ```")
    risk = notes.get("risk", "").lower()
    if risk not in RISKS:
        mend = "write one of `- Risk: read-only`, `- Risk: restart`, `- Risk: data loss`"
        raise _error(number, f"this step has the risk {risk!r}" if risk else "this step has no risk", mend)
    if not re.fullmatch(r"test_\w+(\[[^\]]*\])?", notes.get("verify", "")):
        raise _error(number, "this step names no check that verifies it", "write `- Verify: test_the_check`")
    first, *others = (_as_step(number, block, notes | block.notes, blocks[0].sentence) for block in blocks)
    return replace(first, others=tuple(others))


def _as_step(number: int, block: _Block, notes: Mapping[str, str], sentence: str) -> Step:
    text = textwrap.dedent("\n".join(block.command)).strip("\n")
    edit = tuple(place.strip() for place in notes.get("edit", "").split(",") if place.strip())
    exits = _exits(number, notes.get("exit", "0"))
    risk = next(one for one in RISKS if one == notes["risk"].lower())
    return Step(block.sentence or sentence, text, risk, notes["verify"], edit, exits, block.runtime)


def _runtime(number: int, fence: str) -> Runtime:
    """The word behind the language: ```bash systemd."""
    match = INFO.fullmatch(fence)
    words = match["words"].split() if match else []
    if len(words) < 2:
        return ""
    if found := next((one for one in RUNTIMES if one == words[1]), None):
        return found
    raise _error(number, f"{words[1]!r} is no runtime", f"write one of {', '.join(RUNTIMES)} behind bash, or nothing")


def _exits(number: int, told: str) -> tuple[int, ...]:
    """The codes of `- Exit: 0, 1`."""
    codes = [code.strip() for code in told.split(",")]
    if not all(code.isascii() and code.isdigit() and int(code[:4]) <= 255 for code in codes):
        raise _error(number, f"{told!r} is no exit code", "write `- Exit: 1`, or `- Exit: 0, 1` for several")
    return tuple(map(int, codes))


def _typeable(number: int, line: str) -> None:
    """What would be shown escaped cannot be copied: a tab is the one sign in a command that may not be seen."""
    for sign in line.replace("\t", ""):
        if not sign.isprintable():
            raise _error(number, f"this command holds the sign U+{ord(sign):04X}, which nobody sees", "take it out")
    for name in PLACEHOLDER.findall(line):
        if name not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise _error(number, f"nothing fills the placeholder {{{name}}}", f"use one of: {known}")


def _levels(number: int, body: list[str]) -> dict[str, Level]:
    """The rows of the severity table, if this part holds it."""
    levels: dict[str, Level] = {}
    for index, line in enumerate(body, number + 1):
        if not (row := LEVEL.match(line)):
            continue
        within = DURATION.fullmatch(row["within"].strip().lower())
        if within is None:
            raise _error(
                index, f"{row['within'].strip()!r} is no time to respond in", "write `15 minutes` or `4 hours`"
            )
        unit = timedelta(hours=1) if within["unit"].startswith("h") else timedelta(minutes=1)
        levels[f"p{row['level']}"] = Level(row["name"].strip(), int(within["number"]) * unit)
    return levels


def _parts(lines: list[str], mark: str, number: int) -> Iterator[tuple[str, int, list[str]]]:
    """The parts below each heading of one rank: its title, its line, what stands below it."""
    starts = [index for index, fenced, line in _unfenced(lines) if not fenced and line.startswith(mark)]
    for start, end in pairwise([*starts, len(lines)]):
        yield lines[start].removeprefix(mark).strip(), number + start + 1, lines[start + 1 : end]


def _unfenced(lines: list[str]) -> Iterator[tuple[int, bool, str]]:
    """Each line with its index, and whether it stands in a fenced block (or is a fence): a # there is no heading."""
    fence = ""
    for index, line in enumerate(lines):
        match = FENCE.match(line)
        yield index, bool(fence or match), line
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence):
            fence = ""


def _closed_fences(lines: list[str]) -> None:
    """An open fence would swallow every section below it, without a word."""
    opened = 0
    for index, fenced, _ in _unfenced([*lines, ""]):
        if not fenced:
            opened = index + 1
    if opened <= len(lines):
        raise _error(opened + 1, "this block of commands is never closed", "end it with a line of ```")


def _blank_comments(text: str) -> str:
    """The page without its comments, every line where it was."""
    return re.sub(r"<!--.*?(-->|\Z)", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)


def _error(number: int, what: str, mend: str) -> PlaybookError:
    return PlaybookError(f"PLAYBOOK.md, line {number}: {what}; {mend}")
