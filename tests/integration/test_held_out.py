"""The held-out runner on a real stack: faults of a test of its own are injected, scored, healed and written."""

import json

from bench import held_out
from stack.held_out import HeldOut

ABOUT = {"mode": "embedded", "source": "https://example.org/a-report", "also": ()}


def stopped(stack):
    """Somebody stopped the database."""
    stack.stop("postgres")


DATABASE = HeldOut(
    name="stopped", component="postgres", severity="p1", words=(r"ended|refused",), inject=stopped, **ABOUT
)
WRONG = HeldOut(name="misjudged", component="frontend", severity="p3", words=(r"blank",), inject=stopped, **ABOUT)


def test_faults_are_scored_one_by_one_and_both_at_once(tmp_path, capsys):
    """A line each with the wrong points and what was said, totals, and the same as data."""
    file = tmp_path / "bench-held-out-embedded.json"
    cases = [("stopped", (DATABASE,), ""), ("misjudged", (WRONG,), ""), ("stopped+misjudged", (DATABASE, WRONG), "")]

    right, wrong, double = held_out.run("embedded", cases, file)
    said = capsys.readouterr().out.splitlines()

    assert right.right, right.score.wrong
    assert right.score.typed[0].as_typed
    assert [point for point, well in wrong.score.points.items() if not well] == ["component", "words", "severity"]
    assert wrong.score.accused == 1
    assert not double.right
    assert said[0].startswith("ok  stopped (")
    assert said[1].startswith("BAD misjudged (")
    assert "wrong: component, words, severity | said: P1 postgres: " in said[1]
    written = json.loads(file.read_text())
    assert written["totals"]["single"]["right"] == 1
    assert written["totals"]["single"]["healthy parts accused"] == 1
    assert written["totals"]["double"]["faults"] == 1
    assert written["rows"][0]["score"]["typed"][0]["as_typed"][0]["said"]


class Refuses:
    """A stack that no fault can be injected into."""

    target, environment, healed = None, None, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def inject(self, faults):
        raise AssertionError("it did not come to be")

    def heal(self):
        self.healed += 1


def test_a_fault_that_cannot_be_brought_about_is_no_miss_of_the_diagnosis(capsys):
    """It is said, the stack is healed, and the next one has its turn."""
    stack = Refuses()

    rows = held_out.run("two", [("a", (DATABASE,), ""), ("b", (DATABASE,), "")], patient=lambda mode: stack)

    assert [row.problem for row in rows] == ["not measured: AssertionError: it did not come to be"] * 2
    assert stack.healed == 2
    assert held_out.totals(rows)["single"] == {"faults": 2, "measured": 0, "right": 0} | held_out.totals(rows)["single"]
    assert "wrong: not measured: AssertionError" in capsys.readouterr().out
