"""How long a run takes beside its rivals: side by side, as ratios, in rounds that are interleaved."""

import contextlib
import json
import tempfile
from pathlib import Path

from bench import degraded, embedded, monitoring, patients, plain, playbook, pytest_floor, scale
from bench.measure import ROOT, Candidate, NotMeasured, as_expected, own, rounds
from bench.promises import Promises
from tests.engine import missing

P1, ALL = "-m p1", "all checks"
SHARE, AIM, WHOLE = 0.35, 0.25, 1.5
PARTS = {
    "embedded": "the embedded stack, healthy and hung",
    "checks": "10, 100 and 1000 checks on the same fact",
    "healthy": "the stack under Compose, and everybody who looks at it",
    "cold": "the same without byte code, as after a fresh checkout",
    "containers": "3, 30 and 100 containers",
    "logs": "10 kB to 1 GB of log",
    "degraded": "the stack under Compose, sick; rivals once each, side by side",
}
WITHOUT_DOCKER = ("embedded", "checks")


def measure(count=4, names=(), docker=False, result=str(ROOT / "reports" / "bench-speed.json")):
    """0 when every promise is kept. names: these parts only; docker: those under Compose only."""
    if unknown := set(names) - set(PARTS):
        raise NotMeasured(f"there is no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    wanted = [part for part in PARTS if part in (names or PARTS) and not (docker and part in WITHOUT_DOCKER)]
    if (reason := missing()) and set(wanted) - set(WITHOUT_DOCKER):
        print(f"left out: {', '.join(part for part in wanted if part not in WITHOUT_DOCKER)} (Docker: {reason})")
        wanted = [part for part in wanted if part in WITHOUT_DOCKER]
    promises = Promises()
    with contextlib.ExitStack() as until_the_end:
        until_the_end.callback(promises.end, Path(result))  # what was measured is told, whatever comes
        stack = None
        folder = Path(until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="oncall-bench-")))
        for part in wanted:
            if stack is None and part not in WITHOUT_DOCKER:
                stack = until_the_end.enter_context(patients.healthy(docker=True))
            promises.begin(part, PARTS[part])
            _part(part, promises, stack, folder, count)
    return 0 if promises.kept else 1


def _part(part, promises, stack, folder, count):
    few = max(2, count // 2)
    if part == "embedded":
        embedded.measure(promises, count)
    elif part == "checks":
        scale.checks(promises, folder, few)
    elif part == "healthy":
        _healthy(promises, stack, folder, count)
    elif part == "cold":
        _cold(promises, stack, folder, few)
    elif part == "containers":
        scale.containers(promises, stack, folder, few)
    elif part == "logs":
        scale.logs(promises, stack, folder, few)
    else:
        degraded.measure(promises, stack, folder)


def _healthy(promises, stack, folder, count):
    playbook.must_work(stack)
    if not playbook.has_ping(stack):
        promises.say("the backend's image has no ping: `getent hosts postgres` stands for `ping -c 1 postgres`")
    if not monitoring.installed():
        promises.say(
            "left out: monitoring-plugins (apt-get install monitoring-plugins-basic monitoring-plugins-standard)"
        )
    rivals = list(playbook.candidates(stack, 120))
    candidates = [
        *_ours(stack, folder),
        *rivals,
        plain.candidate(stack, "the same claims the plain way, p1", "-m", "p1"),
        plain.candidate(stack, "the same claims the plain way, all"),
        *(monitoring.candidates(stack, 120, expected=0) if monitoring.installed() else ()),
        *_bare(stack, folder),
    ]
    found = rounds(candidates, count)
    stack.restart("backend")  # a log begins anew: the plain suite's forged tokens are a burst of somebody else's by now
    promises.show(found, P1)
    promises.say(f"MB is the largest process's; the bench's own {own():.0f} MB hide what is smaller")
    for name, options in ((P1, ("-m", "p1")), (ALL, ())):
        slowest = sorted(_looks(stack, folder, options).items(), key=lambda look: -look[1])[:4]
        promises.say(f"slowest looks of {name}: {', '.join(f'{key} {seconds:.2f} s' for key, seconds in slowest)}")
    for rival in rivals:
        share = found[P1].median / found[rival.name].median
        promises.say(f"-m p1 takes {share:.2f} of {rival.name} (aim: {AIM})")
    share = found[P1].median / found[rivals[0].name].median
    promises.bar(f"-m p1 / {rivals[0].name}, medians", share, SHARE, "the ratio", " x")
    share = found[P1].least / found[rivals[0].name].least
    promises.bar(f"-m p1 / {rivals[0].name}, minima", share, SHARE, "the ratio", " x")
    promises.bar("all checks / -m p1, medians", found[ALL].median / found[P1].median, WHOLE, "the ratio", " x")
    promises.bar("all checks / -m p1, minima", found[ALL].least / found[P1].least, WHOLE, "the ratio", " x")


def _cold(promises, stack, folder, count):
    candidates = [
        *_ours(stack, folder, cold=True),
        plain.candidate(stack, "the same claims the plain way, p1", "-m", "p1", cold=True),
        *_bare(stack, folder, cold=True),
    ]
    promises.show(rounds(candidates, count, warm_up=False), P1)


def _looks(stack, folder, options):
    """Seconds by look, of one more run."""
    file = folder / "snapshot.json"
    run = (f"--target={stack.home.target}", f"--html={folder / 'report.html'}", f"--save={file}", *options)
    as_expected(Candidate("a run that is saved", run))
    return {key: look["seconds"] or 0.0 for key, look in json.loads(file.read_text())["probes"].items()}


def _ours(stack, folder, cold=False):
    healthy, page = f"--target={stack.home.target}", f"--html={folder / 'report.html'}"
    return [
        Candidate(P1, (healthy, page, "-m", "p1"), cold=cold),
        Candidate(ALL, (healthy, page), cold=cold),
        Candidate("start-up: -m p1 --collect-only", (healthy, "-m", "p1", "--collect-only"), cold=cold),
    ]


def _bare(stack, folder, cold=False):
    healthy = f"--target={stack.home.target}"
    yield pytest_floor.candidate(
        "bare pytest, as many as p1", folder, pytest_floor.how_many(healthy, "-m", "p1"), cold=cold
    )
    yield pytest_floor.candidate("bare pytest, as many as all", folder, pytest_floor.how_many(healthy), cold=cold)


if not ROOT.joinpath("checks").is_dir():
    raise SystemExit("bench: run me in a checkout")
