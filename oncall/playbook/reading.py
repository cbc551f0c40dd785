"""PLAYBOOK.md as text -> records. Whatever cannot be read is said with its line and its mend. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.playbook.records import RISKS, Level, Playbook, PlaybookError, Section, Step
from oncall.target.placeholders import PLACEHOLDER, PLACEHOLDERS, RUNTIMES, Runtime

ANCHOR = re.compile(r'<a id="(?P<id>[a-z0-9]+(-[a-z0-9]+)*)">\s*</a>')
FENCE = re.compile(r"\s*(```+|~~~+)")
INFO = re.compile(r"\s*(?:```+|~~~+)\s*(?P<words>.*?)\s*")
LEVEL = re.compile(r"\|\s*[Pp](?P<level>[1-4])\s*\|(?P<name>[^|]*)\|(?P<within>[^|]*)\|")
DURATION = re.compile(r"(?P<number>[0-9]+)\s*(?P<unit>min|h|hour|minute)s?")
STEP = re.compile(r"(?P<indent>[0-9]+[.)]\s+)(?P<rest>\S.*)")
NOTE = re.compile(r"\s*(?:[-*]\s+)?(?P<key>Risk|Verify|Edit|Exit):\s*(?P<value>.*)", re.IGNORECASE)


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
