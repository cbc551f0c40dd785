"""How long a run takes on the embedded stack, beside bare pytest and the slowest look."""

import json
from statistics import median

from bench import patients, pytest_floor
from bench.measure import Candidate, pytest, rounds

BARE = "bare pytest, as many as p1"
P1 = "-m p1, healthy"
FULL_HUNG = "all checks, hung"
BUDGET = 10.0


def measure(promises, count):
    """Needs no Docker."""
    with patients.healthy() as stack, patients.hung(stack) as hung_target:
        folder = stack.home.path / "bench"
        folder.mkdir()
        page, snapshot = f"--html={folder / 'report.html'}", folder / "snapshot.json"
        healthy, hung = f"--target={stack.home.target}", f"--target={hung_target}"
        candidates = [
            pytest_floor.candidate(BARE, folder, pytest_floor.how_many(healthy, "-m", "p1")),
            Candidate("start-up: -m p1 --collect-only", (healthy, "-m", "p1", "--collect-only")),
            Candidate(P1, (healthy, page, "-m", "p1")),
            pytest_floor.candidate("bare pytest, as many as all", folder, pytest_floor.how_many(healthy)),
            Candidate("all checks, healthy", (healthy, page)),
            Candidate("-m p1, hung", (hung, page, "-m", "p1"), every=4, expected=1),
            Candidate(FULL_HUNG, (hung, page), every=4, expected=1),
        ]
        looks = []

        def look():
            pytest((healthy, page, "-m", "p1", f"--save={snapshot}"))
            saved = json.loads(snapshot.read_text())["probes"]
            looks.append({key: look["seconds"] or 0.0 for key, look in saved.items()})

        timings = rounds(candidates, max(4, count), look)
    _tell(promises, timings, looks)


def _tell(promises, timings, looks):
    unit = next(name for name in timings if name.startswith(BARE))
    promises.show(timings, unit)
    slowest = {key: median(round[key] for round in looks if key in round) for key in looks[-1]}
    key = max(slowest, key=slowest.__getitem__)
    promises.say(f"slowest single look of p1: {key}, {slowest[key]:.2f} s")
    limit = slowest[key] + 2.5 * timings[unit].median
    promises.bar(P1, timings[P1].median, limit, "the slowest look + 2.5 x bare pytest, medians")
    least = min(max(round.values()) for round in looks)
    promises.bar(P1, timings[P1].least, least + 2.5 * timings[unit].least, "the same, minima")
    promises.bar(FULL_HUNG, max(timings[FULL_HUNG].seconds), BUDGET + 1, "the budget + 1 s")
