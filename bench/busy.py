"""A healthy stack on a machine that has no time: ten processes compute beside it, and nothing may be said of the stack.

What could not be judged is unknown, and says that it is this machine; the first run has no byte code to start from.
"""

import os
import tempfile
from collections import Counter
from dataclasses import dataclass

from bench import patients, steadiness
from tests.scoring import diagnose

PROCESSES = 10
INNOCENT = {"postgres", "docker", "backend", "frontend", "auth", "websocket", "network"}
AT_ONE_GO = 6  # runs, before the machine may breathe


@dataclass(frozen=True)
class Row:
    """One run: what was said, and what of it is wrong."""

    name: str
    code: int
    seconds: float | None
    load: float
    outcomes: Counter
    causes: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self):
        counted = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        took = f"{self.seconds:5.1f} s" if self.seconds is not None else "    - "
        causes = "; ".join(self.causes) or "no cause"
        line = f"{self.name:22} exit {self.code}  {took}  load {self.load:4.1f}  {counted}  [{causes}]"
        return "\n".join([line, *(f"    WRONG {each}" for each in self.wrong)])


def measure(count=20, docker=False):
    """0 when no run says anything of the stack."""
    rows = []
    with patients.healthy(docker) as stack:
        while len(rows) < count:
            with steadiness.busy(PROCESSES):
                for _ in range(min(AT_ONE_GO, count - len(rows))):
                    rows.append(run(stack.home.target, len(rows) + 1, without_byte_code=not rows))
                    print(rows[-1], flush=True)
    wrong = [row for row in rows if row.wrong]
    print(f"{len(rows) - len(wrong)} of {len(rows)} runs said nothing wrong of the stack")
    return 1 if wrong else 0


def run(target, number, without_byte_code=False):
    """One run on the busy machine."""
    name = f"busy {number}" + (", no byte code" if without_byte_code else "")
    with tempfile.TemporaryDirectory() as empty:
        said = diagnose(target, variables={"PYTHONPYCACHEPREFIX": empty} if without_byte_code else {})
    return Row(
        name=name,
        code=said.code,
        seconds=said.result.get("seconds"),
        load=os.getloadavg()[0],
        outcomes=Counter(verdict["outcome"] for verdict in said.verdicts.values()),
        causes=tuple(f"{cause['severity']} {cause['component']}: {cause['symptom']}" for cause in said.causes),
        wrong=tuple(wrong(said)),
    )


def wrong(said):
    """What a run should not have said; empty when it is right."""
    if not said.verdicts:
        yield f"no result: {said.screen[-300:]}"
    for verdict in said.verdicts.values():
        if verdict["outcome"] == "error":
            yield f"{verdict['check']}: {verdict['reason']}"
        if verdict["outcome"] == "failed" and (verdict["blames"] or verdict["component"]) in INNOCENT:
            yield f"{verdict['check']}: {verdict['symptom']}"
    yield from (
        f"cause {each['component']}: {each['symptom']}" for each in said.causes if each["component"] in INNOCENT
    )
    unknown = [verdict for verdict in said.verdicts.values() if verdict["outcome"] == "unknown"]
    if unknown and not any(verdict["blames"] == "host" for verdict in unknown):
        yield f"unknown without the machine: {unknown[0]['check']}: {unknown[0]['reason']}"
