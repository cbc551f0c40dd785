"""Run the playbook on a stack, and compare what it says with what a fault's entry in the catalogue promises.

python -m tests.scoring postgres-stopped backend-killed      (a stack runs: python -m stack up)
"""

import importlib
import os
import re
import sys
from collections import Counter
from pathlib import Path

from oncall.testing import run

ROOT = Path(__file__).parent.parent
SAYS_WHAT_IT_SAW = "test_log_shows_no_fatal_error"  # of another's fault too: the causes tell whose it is
AT_A_CLOSED_DOOR = ("engine-without-permission",)
NAMED = re.compile(r"[a-z]\w*[._:/]\w|[A-Z]{2,}|\b(?:set|wait)\b")  # a setting, a place: what one can go and mend
KEYLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")


def diagnose(target, *options, timeout=90, cwd=ROOT, through=(), variables=None):
    """The whole playbook on this target; raises subprocess.TimeoutExpired. variables: added to the environment."""
    return run(target, *options, suite=cwd, within=through, environment=variables, timeout=timeout)


def as_whom(fault):
    """Root passes every door, so where a closed one is the fault it leaves its keys at home."""
    return KEYLESS if fault.name in AT_A_CLOSED_DOOR and os.geteuid() == 0 else ()


def asked_for(broken):
    """The options with which a run sees these faults."""
    active = sorted({fault.active for fault in broken} - {""})
    return (f"--active={','.join(active)}",) if active else ()


def covers(entries, check):
    """Whether a list names this check, with its parameter or for all of them."""
    return check in entries or check.partition("[")[0] in entries


def differences(fault, code, verdicts):
    """All in which a run differs from the fault's lists; empty when they agree. A benign one's lists are empty."""
    expected = 0 if fault.kind == "benign" else 1
    wrong = [] if code == expected else [f"exit code {code}, not {expected}"]
    if not verdicts:
        return [*wrong, "no verdict at all"]
    for outcome, entries in (("failed", fault.must_fail), ("unknown", fault.unknown)):
        for entry in entries:
            found = [v for check, v in verdicts.items() if covers([entry], check)]
            wrong += [f"{entry} should be {outcome}, there is no such check"] if not found else []
            wrong += [f"{v['check']} should be {outcome}, is {said(v)}" for v in found if v["outcome"] != outcome]
    for check, verdict in verdicts.items():
        if verdict["outcome"] in ("passed", "skipped"):
            continue
        if covers(fault.must_fail, check) or covers(fault.unknown, check):
            continue
        if verdict["outcome"] == "failed" and covers(fault.may_fail, check):
            blamed = verdict["blames"] or verdict["component"]
            alien = blamed != fault.component and check.partition("[")[0] != SAYS_WHAT_IT_SAW
            wrong += [f"{check} may fail, but blames {blamed}"] if alien else []
        else:
            wrong.append(f"{check} should pass, is {said(verdict)}")
    return wrong


def paired(faults, causes):
    """Which cause tells of which fault: [(fault, cause or None)], and the causes that are left over.

    A fault without a check that must fail is none to be named. The fault's own component comes before the one that it
    is `indistinguishable_from`; of two causes of one component, that one which holds more of its checks.
    """
    wanted = [fault for fault in faults if fault.must_fail]
    left, found = list(causes), {}
    for names in (lambda fault: {fault.component}, lambda fault: {fault.indistinguishable_from}):
        for fault in wanted:
            fitting = [cause for cause in left if fault.name not in found and cause["component"] in names(fault)]
            if fitting:
                found[fault.name] = max(fitting, key=lambda cause: sum(covers(fault.must_fail, c) for c in told(cause)))
                left.remove(found[fault.name])
    return [(fault, found.get(fault.name)) for fault in wanted], left


def told(cause):
    """The failed checks in a cause."""
    return [*cause["findings"], *cause["consequences"]]


def localisation(faults, result):
    """What is wrong with the causes of a run under these faults (none: a healthy stack); empty when all is right."""
    causes = result.get("causes", [])
    pairs, left = paired(faults, causes)
    wrong = [f"no cause names {fault.component} ({fault.name})" for fault, cause in pairs if cause is None]
    wrong += [f"{cause['component']} is named, and is no cause: {cause['symptom']}" for cause in left]
    return wrong + folding(pairs, causes, result.get("verdicts", []))


def folding(pairs, causes, verdicts):
    """What is wrong with how the verdicts lie in the causes."""
    shown = Counter(check for cause in causes for check in told(cause))
    blocked = Counter(check for cause in causes for check in cause["blocked"])
    failed = {verdict["check"] for verdict in verdicts if verdict["outcome"] == "failed"}
    unknown = {verdict["check"]: verdict for verdict in verdicts if verdict["outcome"] == "unknown"}
    wrong = [f"{check} failed, and is in no cause" for check in sorted(failed - set(shown))]
    wrong += [f"{check} is in a cause, and did not fail" for check in sorted(set(shown) - failed)]
    wrong += [f"{check} is blocked, and not unknown" for check in sorted(set(blocked) - set(unknown))]
    wrong += [f"{check} is in several causes" for check, times in (shown + blocked).items() if times > 1]
    for check, verdict in unknown.items():
        if pairs and check not in blocked:
            wrong.append(f"{check} is unknown behind no cause: {verdict['reason']}")
        elif not pairs and not NAMED.search(verdict["reason"] or ""):
            wrong.append(f"{check} does not name what to set: {verdict['reason']}")
    for fault, cause in pairs:
        others = [entry for other, _ in pairs if other is not fault for entry in other.must_fail]
        own = [check for check in failed if covers(fault.must_fail, check) and not covers(others, check)]
        wrong += [f"{check} belongs to {fault.name}" for check in own if cause and check not in told(cause)]
    return wrong


def said(verdict):
    return f"{verdict['outcome']}: {verdict['symptom'] or verdict['reason']}"


def main():
    from stack import faults
    from stack.state import Home

    home = Home(Path(os.environ.get("STACK_HOME", ROOT / ".stack")))
    docker = bool((home.read() or {}).get("project"))
    lifecycle = importlib.import_module("stack.docker.lifecycle" if docker else "stack.lifecycle")
    mode = "docker" if docker else "embedded"
    for fault in faults.named(sys.argv[1:] or list(faults.catalogue(mode)), mode):
        lifecycle.heal(home, lambda line: None)
        faults.inject(lifecycle.running(home), [fault], lambda line: None)
        run = diagnose(home.target, *asked_for([fault]), through=as_whom(fault))
        wrong = [*differences(fault, run.code, run.verdicts), *localisation([fault], run.result)]
        separator = "\n       " if wrong else " "
        print(f"{'ok  ' if not wrong else 'BAD '} {fault.name}", *wrong, sep=separator, flush=True)
    lifecycle.heal(home, lambda line: None)


if __name__ == "__main__":
    main()
