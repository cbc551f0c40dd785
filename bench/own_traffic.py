"""Whether our own requests become a finding: many runs in a row, in each form of log, beside a slow login, and while a
broken database is waited for."""

import json
import tempfile
from dataclasses import dataclass
from itertools import product

from bench import patients
from bench.measure import pytest

FORMATS = ("json", "plain", "apache")
BURSTS = ("test_no_burst_of_authentication_errors", "test_no_burst_of_socket_errors")
WAIT, WAITS = 60, 3
SLOW, PATIENT = "2.5", 4.0  # seconds for a login; a limit under which it is waited for


@dataclass(frozen=True)
class Burst:
    """One run's answer to one of BURSTS. own: lines that it has subtracted; left: those it has not."""

    check: str
    outcome: str
    symptom: str
    own: int
    left: int


def measure(count=30):
    """0 when no run has found what runs have caused."""
    found = []
    with patients.healthy(docker=True) as stack, tempfile.TemporaryDirectory(prefix="oncall-state-") as state:
        for form in FORMATS:
            stack.restart("backend", LOG_FORMAT=form)
            found += told(f"{count} runs, {form}", [runs(stack, state) for _ in range(count)])
        patient = patients.target(stack, "patient", {**stack.state["target"], "limits": {"login_seconds": PATIENT}})
        for form, target in product(FORMATS, (stack.home.target, patient)):
            stack.restart("backend", LOG_FORMAT=form, LOGIN_SECONDS=SLOW)
            name = f"{count} runs, {form}, logins of {SLOW} s that are {'awaited' if target == patient else 'given up'}"
            found += told(name, [runs(stack, state, target=target) for _ in range(count)])
        for form in FORMATS:
            stack.restart("backend", LOG_FORMAT=form, LOGIN_SECONDS=None)
            stack.stop("postgres")
            waits = [runs(stack, state, f"--wait={WAIT}", seconds=WAIT + 60) for _ in range(WAITS)]
            found += told(f"{WAITS} times --wait {WAIT} without a database, {form}", waits)
            stack.start("postgres")
    return 1 if found else 0


def runs(stack, state, *options, seconds=60.0, target=None, name="own"):
    """What one run says of bursts in the backend's log."""
    snapshot = stack.home.path / f"{name}.snap.json"
    snapshot.unlink(missing_ok=True)
    result = snapshot.with_name(f"{name}.json")
    files = (f"--html={snapshot.with_suffix('.html')}", f"--json={result}", f"--save={snapshot}")
    done = pytest((f"--target={target or stack.home.target}", *files, *options), most=seconds, XDG_STATE_HOME=state)
    if not result.exists():
        raise AssertionError(done.said)
    facts = json.loads(snapshot.read_text())["probes"]
    return [
        Burst(
            verdict["check"],
            verdict["outcome"],
            verdict["symptom"] or verdict["reason"],
            *(sum(kind.get(key, 0) for kind in kinds_of(facts, log)) for key in ("own", "count")),
        )
        for verdict in json.loads(result.read_text())["verdicts"]
        for name, log in zip(BURSTS, ("authentication_log", "socket_log"), strict=True)
        if name in verdict["check"]
    ]


def kinds_of(facts, log):
    """The kinds of error that a look has counted; nothing where it did not look."""
    return (facts.get(log, {}).get("fact") or {}).get("kinds", ())


def told(name, answers):
    """Print one line; the answers that accuse the stack of what we did."""
    every = [burst for answer in answers for burst in answer]
    bad = [burst for burst in every if burst.outcome == "failed"]
    open_ = sum(burst.outcome not in ("failed", "passed") for burst in every)
    own, left = (max((getattr(burst, key) for burst in every), default=0) for key in ("own", "left"))
    line = f"{name}: {len(bad)} findings about ourselves; {own} lines subtracted and {left} left at most"
    print(line + (f"; {open_} could not look" if open_ else ""), flush=True)
    for burst in bad[:3]:
        print(f"  {burst.check}: {burst.symptom}", flush=True)
    return bad
