"""What Docker costs: a hundred containers of other projects, an engine that never answers, logs of any size."""

import json
import os

from bench import noisy_neighbours, patients, table
from bench.measure import Candidate, NotMeasured, pytest, rounds

ALONE = "-m p1, 3 containers"
CROWDED = "-m p1, 100 more containers"
HUNG = "-m p1, engine hangs"
HUNG_ALL = "all checks, engine hangs"
OTHERS = 100
RATIO = 1.5
BUDGET = 10.0
MEMORY = 300  # MB
BROKEN = "\N{REPLACEMENT CHARACTER}"


def measure(count=12, without_logs=False):
    """0 when every promise is kept."""
    with patients.healthy(docker=True) as stack, patients.silent_engine(stack) as silent:
        folder = stack.home.path / "bench"
        folder.mkdir()
        kept = [*_times(stack, folder, silent, count)]
        kept += [] if without_logs else [*_memory(stack, folder)]
    return 0 if all(kept) else 1


def _times(stack, folder, silent, count):
    """Half of the runs before the crowd comes and half after it has gone: whatever drifts strikes both alike."""
    page = f"--html={folder / 'report.html'}"
    healthy, hung = f"--target={stack.home.target}", f"--target={silent}"
    alone = [
        Candidate(ALONE, (healthy, page, "-m", "p1")),
        Candidate(HUNG, (hung, page, "-m", "p1"), every=2, expected=1),
        Candidate(HUNG_ALL, (hung, page), every=2, expected=1),
    ]
    _only(_judged(hung, folder), "test_docker_engine_answers")
    _load("before")
    half = max(2, (count + 1) // 2)
    before = rounds(alone, half)
    with noisy_neighbours.others(stack, OTHERS):
        _load(f"with {OTHERS} more containers")
        crowded = rounds([Candidate(CROWDED, (healthy, page, "-m", "p1"))], count)
    _load("after")
    after = rounds(alone, half)
    timings = {name: before[name] + after[name] for name in before} | crowded
    for line in table.rows(timings, ALONE):
        print(line)
    for what, measured in (("medians", "median"), ("minima", "least")):
        ratio = getattr(timings[CROWDED], measured) / getattr(timings[ALONE], measured)
        yield _bar(f"{CROWDED} / {ALONE}, {what}", ratio, RATIO, "the ratio", " x")
    for name in (HUNG, HUNG_ALL):
        yield _bar(f"{name}, slowest", max(timings[name].seconds), BUDGET + 1, "the budget + 1 s")


def _memory(stack, folder):
    """The largest process of a run, with and without the logs; the report holds no half character."""
    usual = pytest((f"--target={stack.home.target}", f"--html={folder / 'report.html'}"))
    print(f"all checks, usual logs: {usual.peak:.0f} MB, {usual.seconds:.2f} s")
    with noisy_neighbours.writers(stack):
        _load("1 GB of log, and 20 lines of 10 MB")
        target = f"--target={patients.with_components(stack, *noisy_neighbours.WRITERS)}"
        runs = []
        for _ in range(3):
            done, verdicts = _judged(target, folder)
            _only((done, verdicts), *(f"test_log_shows_no_fatal_error[{name}]" for name in noisy_neighbours.WRITERS))
            runs.append(done)
        said = (folder / "report.html").read_text() + (folder / "result.json").read_text()
        if "€uro𝄞" not in said or "über alles 𝄞" not in said:
            raise NotMeasured("the report does not hold what the containers wrote")
    because = f"slowest {max(run.seconds for run in runs):.2f} s"
    yield _bar("all checks, 1 GB of log and lines of 10 MB", max(run.peak for run in runs), MEMORY, because, " MB")
    yield _bar("cut characters in the report", said.count(BROKEN), 0, "of the same", "")


def _judged(target, folder):
    """A whole run, and what it says of each check."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    done = pytest((target, f"--html={folder / 'report.html'}", f"--json={result}"))
    if not result.exists():
        raise NotMeasured(f"exit {done.code}\n{done.said}")
    return done, json.loads(result.read_text())["verdicts"]


def _only(judged, *checks):
    """These fail and no others: only then was the problem met, and only it."""
    done, verdicts = judged
    failed = {verdict["check"].rpartition("::")[2] for verdict in verdicts if verdict["outcome"] in ("failed", "error")}
    if failed != set(checks):
        raise NotMeasured(f"red are {sorted(failed)} instead of {sorted(checks)}\n{done.said}")


def _bar(what, value, limit, because, unit=" s"):
    print(table.bar(what, value, limit, because, unit))
    return value <= limit


def _load(when):
    print(f"load {os.getloadavg()[0]:.1f} {when}", flush=True)
