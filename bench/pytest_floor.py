"""Pytest with empty checks and without a plugin: what nobody can be faster than."""

from bench.measure import Candidate, NotMeasured, pytest


def how_many(*selection):
    """How many checks a selection has."""
    listed = pytest(("--collect-only", *selection))
    if listed.code:
        raise NotMeasured(f"the checks cannot be listed\n{listed.said}")
    return sum("::" in line for line in listed.said.splitlines())


def candidate(name, folder, number, **more):
    """So many empty checks."""
    place = folder / f"bare-{number}"
    place.mkdir(exist_ok=True)
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "test_nothing.py").write_text("".join(f"def test_{n}():\n    pass\n\n\n" for n in range(number)))
    return Candidate(f"{name} ({number})", (), cwd=place, plugins=False, **more)
