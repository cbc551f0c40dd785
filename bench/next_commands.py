"""Whether what is printed can be typed: after each fault of the Docker catalogue, the commands of every cause's `next`,
as the terminal, the page and the result print them, are compared, typed, and end as their step says.

Only looks are typed: with a time limit, in a folder of no meaning, all commands of one step in one shell.
"""

import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from bench import patients
from bench.measure import ROOT, NotMeasured, pytest
from bench.playbook_execution import BLANKS, type_each
from bench.recovery import red
from stack import faults
from stack.docker import lifecycle
from stack.state import StackError

COLUMN = 9  # where a command begins on the terminal, beside the label


@dataclass
class Step:
    """What one cause says to type. as_typed: a command each, with its exit code (None: it did not end), its seconds."""

    component: str
    section: str
    number: int
    exits: tuple[int, ...]
    commands: tuple[str, ...] = ()
    as_typed: list = field(default_factory=list)
    left_out: str = ""

    @property
    def wrong(self):
        """The commands that ended otherwise than the step says."""
        return [each for each in self.as_typed if each["code"] not in self.exits]


@dataclass
class Row:
    """One fault: what its causes say to type, whether every output says the same, what became of it."""

    fault: str
    steps: list[Step] = field(default_factory=list)
    same: bool = False
    problem: str = ""

    @property
    def as_said(self):
        return not self.problem and self.same and not any(step.wrong or step.left_out for step in self.steps)


def measure(names=(), result=None, docker=True):
    """0 when after every fault every output prints the same commands, and they end as their steps say."""
    chosen = faults.named(names, "docker") if names else list(faults.catalogue("docker").values())
    rows = []
    with patients.healthy(docker=True) as stack:
        for fault in chosen:
            rows.append(row(stack.home, fault))
            print("\n".join(told(rows[-1])), flush=True)
            if result:
                Path(result).write_text(json.dumps([asdict(each) for each in rows], indent=1))
            lifecycle.heal(stack.home, lambda line: None)
    typed = [each for one in rows for step in one.steps for each in step.as_typed]
    wrong = sum(len(step.wrong) for one in rows for step in one.steps)
    right = sum(each.as_said for each in rows)
    print(f"{len(rows)} faults, {len(typed)} commands typed, {len(typed) - wrong} ended as their step says")
    print(f"{sum(each.same for each in rows)} of {len(rows)} the same in every output; {right} of {len(rows)} as said")
    return 0 if right == len(rows) else 1


def row(home, fault):
    """Break it, look, type what every cause says."""
    found = Row(fault.name)
    try:
        faults.inject(lifecycle.running(home), [fault], lambda line: None)
        screen, page, run = looked_at(home)
        if not red(run):  # a processor that is busy elsewhere: a moment later it shows
            time.sleep(5)
            screen, page, run = looked_at(home)
        if not run["causes"]:
            raise NotMeasured("no cause is named")
        nexts = [(cause["component"], cause["next"]) for cause in run["causes"]]
        if not all(step for _, step in nexts):
            raise NotMeasured("a cause has nothing to type next")
        blocks = ["\n".join(step["commands"]) for _, step in nexts]
        found.same = blocks == page == screen
        with tempfile.TemporaryDirectory(prefix="oncall-next-") as folder:
            found.steps = [typed(component, step, Path(folder)) for component, step in nexts]
    except (StackError, NotMeasured) as error:
        found.problem = " ".join(str(error).split())[:300]
    return found


def looked_at(home):
    """A run: the blocks of commands on its terminal, those in its page, its result."""
    result, page = home.path / "next.json", home.path / "next.html"
    result.unlink(missing_ok=True)
    done = pytest((f"--target={home.target}", f"--html={page}", f"--json={result}", "-v"), ROOT)
    if not result.exists():
        raise NotMeasured(f"exit {done.code}: {done.said[-300:]}")
    return on_the_terminal(done.said), in_the_page(page.read_text("utf-8")), json.loads(result.read_text())


def on_the_terminal(said):
    """What stands beside each label `next`."""
    blocks, inside = [], False
    for line in said.splitlines():
        begins = line.startswith("next" + " " * (COLUMN - 4))
        inside = begins or (inside and line.startswith(" " * COLUMN))
        if begins:
            blocks.append(line[COLUMN:])
        elif inside:
            blocks[-1] += "\n" + line[COLUMN:]
    return blocks


def in_the_page(source):
    """What stands below each heading "Type next"."""
    parser = Page()
    parser.feed(source)
    return parser.blocks


class Page(HTMLParser):
    """The first block of commands behind each such heading."""

    def __init__(self):
        super().__init__()
        self.blocks, self.heading, self.wanted, self.inside = [], False, False, False

    def handle_starttag(self, tag, attributes):
        self.heading = tag == "h4"
        if tag == "pre" and self.wanted:
            self.wanted, self.inside = False, True
            self.blocks.append("")

    def handle_endtag(self, tag):
        self.heading = False
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data):
        if self.inside:
            self.blocks[-1] += data
        self.wanted |= self.heading and data.strip() == "Type next"


def typed(component, step, folder):
    """Type it, where it only looks and nothing in it is for a person to say."""
    found = Step(component, step["section"], step["step"], tuple(step["exits"]), tuple(step["commands"]))
    text = "\n".join(found.commands)
    if step["risk"] != "read-only":
        found.left_out = step["risk"]
    elif blank := BLANKS.search(text):
        found.left_out = f"{blank[0]} is for a person to say"
    else:
        found.as_typed = type_each(found.commands, folder)
    return found


def told(found):
    """The row for the eye."""
    said = found.problem or ("as said" if found.as_said else "NOT AS SAID" if found.same else "OUTPUTS DIFFER")
    sections = ", ".join(f"{step.section} {step.number}" for step in found.steps)
    codes = ", ".join(str(each["code"]) for step in found.steps for each in step.as_typed)
    yield f"{found.fault:42} {sections:32} exit {codes or '-':12} {said}"
    for step in found.steps:
        if step.left_out:
            yield f"    {step.section} {step.number} not typed: {step.left_out}"
        for each in step.wrong:
            yield f"    {each['command'][:150]}: exit {each['code']}, not {step.exits}: {each['said'][-200:]!r}"
