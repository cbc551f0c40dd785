"""How `-m p1` grows with the services of one project: three, and fifty, each in a tiny container of its own.

Nothing but containers: what is measured is what every further service costs, declared in the target file or not.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Candidate, rounds
from bench.promises import Promises
from tests.probes.docker_patients import patients

FEW, MANY = 3, 50
RATIO, MEGABYTES = 2.0, 150.0
NOTHING_ELSE = "".join(
    f"[{part}]\nabsent = true\n" for part in ("host", "backend", "frontend", "postgres", "auth", "websocket")
)


def measure(count=6):
    """0 when every promise is kept."""
    promises = Promises()
    with tempfile.TemporaryDirectory() as name, patients("few") as few, patients("many") as many:
        for made, number in ((few, FEW), (many, MANY)):
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda each, made=made: _start(made, each), range(number)))
        for declared in (True, False):
            _compare(promises, Path(name), {FEW: few, MANY: many}, declared, count)
    return 0 if promises.kept else 1


def _start(made, number):
    made.start(f"part-{number}", "sleep", "3600", options=("--memory", "64m"))


def _compare(promises, folder, projects, declared, count):
    word = "declared" if declared else "undeclared"
    candidates = []
    for number, made in projects.items():
        target = folder / f"{word}-{number}.toml"
        named = "".join(f'[components.part-{each}]\nservice = "part-{each}"\n' for each in range(number))
        said = f'name = "parts"\n[docker]\nproject = "{made.project}"\n{NOTHING_ELSE}'
        target.write_text(said + (named if declared else ""))
        options = (f"--target={target}", f"--html={folder / 'report.html'}", "-m", "p1")
        candidates.append(Candidate(f"-m p1, {number} services, {word}", options))
    promises.begin(word, f"{FEW} and {MANY} services of one project, {word}")
    found = rounds(candidates, count)
    promises.show(found, candidates[0].name)
    few, many = (found[candidate.name] for candidate in candidates)
    for what, measured in (("medians", "median"), ("minima", "least")):
        ratio = getattr(many, measured) / getattr(few, measured)
        promises.bar(f"-m p1, {MANY} services / {FEW}, {word}, {what}", ratio, RATIO, "the ratio", " x")
    promises.bar(f"-m p1, {MANY} services, {word}, memory", many.peak, MEGABYTES, "its peak", " MB")
