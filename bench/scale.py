"""How the time grows: with the containers of others, with the checks, with the size of the logs."""

from bench import noisy_neighbours, patients, playbook, pytest_floor
from bench.measure import ROOT, Candidate, pytest, rounds

RATIO = 1.5
EACH = 3.0  # ms
CHECKS = (10, 100, 1000)
LINE = "2026-01-01T00:00:00Z INFO GET /api/suites 200 in 12 ms " + "0123456789 " * 20
LOGS = {"log-10kb": 10_000, "log-1mb": 1_000_000, "log-100mb": 100_000_000, "log-1gb": 1_000_000_000}

CONFTEST = '''
from oncall.facts import Fact
from oncall.probing.register import probe

pytest_plugins = ["oncall.plugin"]


class Slots(Fact, frozen=True, kw_only=True):
    free: int

    def inconclusive_reason(self):
        return None


@probe()
def slots() -> Slots:
    """Nothing is looked at: what is left is the price of a check."""
    return Slots(free=9)
'''
CHECK = '''
def test_claim_{number:04}(slots, finding):
    """People notice number {number}."""
    assert slots.free > 3, finding(f"only {{slots.free}} slots are free", component="postgres")
'''


def containers(promises, stack, folder, count):
    """3, 30 and 100 containers on the engine; those of others only run."""
    healthy, page = f"--target={stack.home.target}", f"--html={folder / 'report.html'}"
    p1 = Candidate("-m p1", (healthy, page, "-m", "p1"))

    def several(number):
        rivals = [next(playbook.candidates(stack, 120))]
        found = rounds([p1, *rivals], max(2, count))
        return {f"{name}, {number} containers": timing for name, timing in found.items()}

    first = several(3)
    with noisy_neighbours.others(stack, 27):
        found = several(30)
        with noisy_neighbours.others(stack, 70):
            found |= several(100)
    found = {name: first[name] + again for name, again in several(3).items()} | found
    promises.show(found, "-m p1, 3 containers")
    for what, measured in (("medians", "median"), ("minima", "least")):
        many, few = (getattr(found[f"-m p1, {number} containers"], measured) for number in (100, 3))
        promises.bar(f"-m p1, 100 containers / 3, {what}", many / few, RATIO, "the ratio", " x")


def checks(promises, folder, count):
    """A foreign suite of so many checks on one fact, with report and result; beside it as many empty ones."""
    ours = [_suite(folder, number) for number in CHECKS]
    empty = [pytest_floor.candidate("bare pytest", folder, number) for number in CHECKS]
    found = rounds([*ours, *empty], max(2, count))
    promises.show(found, empty[0].name)
    few, _, many = (sum(found[one.name].cpu) / len(found[one.name].cpu) for one in ours)
    promises.say(f"a further check costs {1000 * (many - few) / (CHECKS[-1] - CHECKS[0]):.2f} ms of processor time")
    for least in (False, True):
        few, _, many = ((found[one.name].least if least else found[one.name].median) for one in ours)
        each = 1000 * (many - few) / (CHECKS[-1] - CHECKS[0])
        promises.bar(f"a further check, {'minima' if least else 'medians'}", each, EACH, "of 1000 to 10 checks", " ms")


def _suite(folder, number):
    place = folder / f"suite-{number}"
    place.mkdir(exist_ok=True)
    (place / "conftest.py").write_text(CONFTEST)
    (place / "oncall.toml").write_text('name = "scale"\n')
    options = "-q -rN --tb=no --capture=sys --show-capture=no --import-mode=importlib --self-contained-html"
    options += " -p no:anyio -p no:logging -p no:unraisableexception -p no:cacheprovider"
    (place / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\nrender_collapsed = all\n")
    many = "".join(CHECK.format(number=each) for each in range(number))
    (place / "test_claims.py").write_text(f"import pytest\n\npytestmark = pytest.mark.p1\n{many}")
    files = ("--html=report.html", "--json=result.json", "--target=oncall.toml")
    return Candidate(f"checks on one fact ({number})", start=lambda: pytest(files, place, PYTHONPATH=str(ROOT)))


def logs(promises, stack, folder, count):
    """A further service each that has written so much; all of them are there in all runs."""
    scripts = {name: f"yes '{LINE}' | head -c {size}; echo" for name, size in LOGS.items()}
    with noisy_neighbours.writers(stack, scripts):
        page = f"--html={folder / 'report.html'}"
        candidates = [
            Candidate(f"-m p1, {name}", (f"--target={patients.with_components(stack, name)}", page, "-m", "p1"))
            for name in LOGS
        ]
        found = rounds(candidates, max(2, count))
    promises.show(found, candidates[0].name)
    small, large = (found[candidates[place].name].median for place in (0, -1))
    promises.bar("-m p1, 1 GB of log / 10 kB, medians", large / small, RATIO, "the ratio", " x")
