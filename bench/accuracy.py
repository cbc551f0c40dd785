"""How often the diagnosis is right: every fault of the catalogue, double faults, benign scenarios, and a healthy stack.

The truth is data beside each fault (stack/faults), written without a look at the code that makes the diagnosis.
"""

import contextlib
import json
import os
import platform
import queue
import subprocess
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import patients, scoreboard, steadiness
from bench.measure import ROOT, NotMeasured
from bench.scoreboard import Row
from stack import faults, lifecycle
from stack.docker import lifecycle as docker_lifecycle
from stack.faults import Fault
from stack.faults.pairs import HELD_OUT, pairs
from stack.state import StackError
from tests.faults.of import OF_THE_WHOLE_MACHINE
from tests.scoring import as_whom, asked_for, diagnose

CALM = 2 * (os.cpu_count() or 1)  # the load up to which a machine keeps the limits that the checks go by


@dataclass(frozen=True)
class Case:
    """What is done to the stack before one run; broken by none: nothing."""

    name: str
    kind: str
    cause_class: str
    broken: tuple[Fault, ...] = ()
    held_out_result: str = ""

    @property
    def alone(self):
        """Whether every other run on this machine would see it too."""
        return any(fault.name in OF_THE_WHOLE_MACHINE for fault in self.broken)


def measure(names=(), docker=False, healthy=None, busy=None, jobs=1, result=None, sample_of=0):
    """0 when every row is right.

    sample_of: so many of all cases, spread over them, and no runs of a healthy stack unless they are asked for; 0: all.
    names: of faults and benign, pairs as one+other, and `healthy` for the runs of a healthy stack; without any: all.
    """
    mode = "docker" if docker else "embedded"
    cases = chosen([name for name in names if name != "healthy"], mode) if names else every(mode)
    cases = sample(cases, sample_of) if sample_of else cases
    healthy = (0 if (names or sample_of) and "healthy" not in names else 100) if healthy is None else healthy
    busy = min(healthy, 20 if busy is None else busy)
    if not result and not names and not sample_of:
        result = ROOT / "reports" / f"bench-accuracy-{mode}.json"
    promises = Promises(mode, result)
    try:
        work([case for case in cases if not case.alone], docker, jobs, promises)
        work([case for case in cases if case.alone], docker, 1, promises)
        if healthy:
            with patients.healthy(docker) as stack:
                rest(stack, "idle", healthy - busy, promises)
                with steadiness.busy():
                    rest(stack, "every core busy", busy, promises)
    finally:  # also of a run that somebody ended
        print("\n".join(["", *scoreboard.lines(promises.rows)]), flush=True)
    if result:
        print(f"written to {result}")
    return 0 if all(row.right for row in promises.rows) else 1


def every(mode):
    """All cases of a kind of stack."""
    cases = [single(fault) for fault in faults.catalogue(mode).values()]
    cases += [double(*both) for both in pairs(mode) + pairs(mode, held_out=True)]
    return cases + [case for benign in faults.benign_scenarios(mode).values() for case in paired_with(benign, mode)]


def sample(cases, number):
    """So many of them at equal distances."""
    return [cases[place * len(cases) // number] for place in range(number)] if number < len(cases) else cases


def chosen(names, mode):
    """The cases of these names."""
    cases = []
    for name in names:
        found = faults.named(name.split("+"), mode)
        if len(found) == 2:
            cases.append(double(*found))
        elif len(found) > 2:
            raise StackError(f"{name}: two faults make a pair, not {len(found)}")
        else:
            cases += paired_with(found[0], mode) if found[0].kind == "benign" else [single(found[0])]
    return cases


def single(fault):
    kind = "further" if fault.held_out_result else fault.kind
    return Case(fault.name, kind, fault.cause_class, (fault,), fault.held_out_result)


def double(first, second):
    held_out = HELD_OUT[first.mode].get((first.name, second.name))
    kind, held_out_result = ("further double", held_out.held_out_result) if held_out else ("double", "")
    return Case(f"{first.name} + {second.name}", kind, "two faults", (first, second), held_out_result)


def paired_with(benign, mode):
    """The benign alone, and together with a real fault."""
    real = faults.catalogue(mode)[benign.paired_with]
    yield Case(benign.name, "benign scenario", "alone", (benign,))
    yield Case(f"{benign.name} + {real.name}", "benign scenario", "beside a fault", (benign, real))


class Promises:
    """The rows, printed and written as they come."""

    def __init__(self, mode, result):
        self.mode, self.result, self.rows = mode, result, []
        self.lock = threading.Lock()
        self.about = {"mode": mode, "started": datetime.now(UTC).isoformat(timespec="seconds"), **here("accuracy")}

    def add(self, row):
        with self.lock:
            self.rows.append(row)
            print("\n".join(scoreboard.told(row)), flush=True)
            if self.result:
                rows = [asdict(each) | {"right": each.right} for each in self.rows]
                table = {**self.about, "totals": scoreboard.totals(self.rows), "rows": rows}
                Path(self.result).parent.mkdir(exist_ok=True)
                Path(self.result).write_text(json.dumps(table, indent=1))


def here(verb):
    """Which state of the project, on which machine."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {"commit": said.stdout.strip(), "command": f"python -m bench {verb}", "python": platform.python_version(),
            "cpus": os.cpu_count()}  # fmt: skip


def work(cases, docker, jobs, promises):
    """Run all cases, on as many stacks as there are jobs; what one worker cannot go on with ends the whole."""
    waiting, problems = queue.SimpleQueue(), []
    for case in cases:
        waiting.put(case)

    def worker():
        try:
            with patients.healthy(docker) as stack, contextlib.suppress(queue.Empty):
                while not problems:
                    promises.add(row(stack.home, waiting.get_nowait(), docker))
        except Exception as error:
            problems.append(error)

    if jobs == 1 and cases:
        worker()  # in this thread, so that Ctrl-C takes the stack down
    else:
        threads = [threading.Thread(target=worker) for _ in range(min(jobs, len(cases)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if problems:
        raise problems[0]


def row(home, case, docker):
    """Break the stack, diagnose it, score what was said, mend it; what is wrong on a busy machine is tried once more.

    Only a fault is: on a stack on which nothing is wrong a false alarm is one, however busy the machine.
    """
    found = once(home, case, docker)
    if found.wrong and found.load > CALM and any(fault.kind != "benign" for fault in case.broken):
        first, found = found, once(home, case, docker)
        found.again, found.first_load = first.wrong, first.load
    return found


def once(home, case, docker):
    life = docker_lifecycle if docker else lifecycle
    load = round(os.getloadavg()[0], 1)
    found = Row(case.name, case.kind, case.cause_class, load=load, held_out_result=case.held_out_result)
    try:
        faults.inject(life.running(home), case.broken, lambda line: None)
        scored(found, case.broken, home)
    except (StackError, NotMeasured, AssertionError) as error:
        found.wrong.append(f"not injected: {' '.join(str(error).split())[:300]}")
    finally:
        try:
            life.heal(home, lambda line: None)
        except StackError:  # the machine may have been out of breath for a moment
            life.heal(home, lambda line: None)
    return found


def scored(found, broken, home):
    found.load = round(os.getloadavg()[0], 1)
    through = next((through for fault in broken if (through := as_whom(fault))), ())
    try:
        run = diagnose(home.target, *asked_for(broken), through=through)
        scoreboard.score(found, broken, run, environment=shell(home))
    except subprocess.TimeoutExpired as error:
        found.wrong.append(f"no end within {error.timeout:.0f} s")
    return found


def shell(home):
    """What a person's shell has beside ours: on the embedded stack, where psql finds the server's own socket."""
    run = (home.read() or {}).get("run")
    return {"PGHOST": run} if run else {}


def rest(stack, name, count, promises):
    """Runs of a stack on which nothing is wrong."""
    for number in range(1, count + 1):
        promises.add(scored(Row(f"healthy, {name}, {number}", "healthy", name), (), stack.home))
