"""How long a run takes, beside the two things that nobody can be faster than: bare pytest, and the slowest look."""

import json
from statistics import median

from bench import patients, table
from bench.measure import ROOT, Candidate, NotMeasured, pytest, rounds

BARE = "bare pytest, as many as p1"
P1 = "-m p1, healthy"
FULL_HUNG = "all checks, hung"
BUDGET = 10.0


def measure(count=12):
    with patients.healthy() as stack, patients.hung(stack) as hung_target:
        folder = stack.home.path / "bench"
        folder.mkdir()
        page, snapshot = f"--html={folder / 'report.html'}", folder / "snapshot.json"
        healthy, hung = f"--target={stack.home.target}", f"--target={hung_target}"
        candidates = [
            bare(BARE, folder, how_many(healthy, "-m", "p1")),
            Candidate(P1, (healthy, page, "-m", "p1")),
            bare("bare pytest, as many as all", folder, how_many(healthy)),
            Candidate("all checks, healthy", (healthy, page)),
            Candidate("-m p1, hung", (hung, page, "-m", "p1"), every=4, expected=1),
            Candidate(FULL_HUNG, (hung, page), every=4, expected=1),
        ]
        looks = []

        def look():
            pytest((healthy, page, "-m", "p1", f"--save={snapshot}"))
            saved = json.loads(snapshot.read_text())["looks"]
            looks.append({key: look["seconds"] or 0.0 for key, look in saved.items()})

        timings = rounds(candidates, count, look)
    report(timings, looks)
    return 0


def how_many(*selection):
    """How many checks a selection has."""
    listed = pytest(("--collect-only", *selection))
    if listed.code:
        raise NotMeasured(f"the checks cannot be listed\n{listed.said}")
    return sum("::" in line for line in listed.said.splitlines())


def bare(name, folder, number):
    """Pytest with empty checks and without a plugin: what nobody can be faster than."""
    place = folder / f"bare-{number}"
    place.mkdir(exist_ok=True)
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "test_nothing.py").write_text("".join(f"def test_{n}():\n    pass\n\n\n" for n in range(number)))
    return Candidate(f"{name} ({number})", (), cwd=place, plugins=False)


def report(timings, looks):
    """The table and the bars."""
    unit = next(name for name in timings if name.startswith(BARE))
    for line in table.rows(timings, unit):
        print(line)
    slowest = {key: median(round[key] for round in looks if key in round) for key in looks[-1]}
    key = max(slowest, key=slowest.__getitem__)
    print(f"{'slowest single look of p1: ' + key:{max(map(len, timings))}} {slowest[key]:6.2f} s")
    print()
    limit = slowest[key] + 2.5 * timings[unit].median
    print(table.bar(P1, timings[P1].median, limit, "the slowest look + 2.5 x bare pytest, medians"))
    least = min(max(round.values()) for round in looks)
    limit = least + 2.5 * timings[unit].least
    print(table.bar(P1, timings[P1].least, limit, "the same, minima"))
    print(table.bar(FULL_HUNG, timings[FULL_HUNG].median, BUDGET + 1, "the budget + 1 s"))


if not ROOT.joinpath("checks").is_dir():
    raise SystemExit("bench: run me in a checkout")
