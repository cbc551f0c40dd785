"""The strict score: each of the five points is lost by what it is there for, and by nothing else."""

import pytest

from bench import strict
from bench.strict import POINTS, Expected

EXPIRED = Expected("role-expired", "postgres", "p1", (r"expired|valid until",), also=("auth",))
BLANK_PAGE = Expected("page-blank", "frontend", "p2", (r"blank",))


def cause(component="postgres", severity="p1", symptom="the role's password has expired", next="echo seen", **step):
    commands = [next] if next else []
    told = {"commands": commands, "risk": "read-only", "exits": [0], **step} if next else None
    return {"component": component, "severity": severity, "symptom": symptom, "evidence": {"said": "28P01"},
            "findings": [], "consequences": [], "next": told}  # fmt: skip


def lost(expected, causes):
    """The points that are not right."""
    score = strict.scored(expected, causes)
    return [point for point in POINTS if not score.points[point]]


def test_a_right_diagnosis_has_every_point():
    """One cause, the component, its words, its severity, a command that works; what was said is kept."""
    score = strict.scored([EXPIRED], [cause()])

    assert (score.right, score.wrong, score.also, score.accused) == (True, [], False, 0)
    assert score.typed[0].as_typed == [{"command": "echo seen", "code": 0, "said": "seen"}]


@pytest.mark.parametrize(
    ("causes", "points"),
    [
        ([], [*POINTS]),
        ([cause(), cause("backend")], ["one cause"]),
        ([cause("backend")], ["component"]),
        ([cause(symptom="login fails with 503")], ["words"]),
        ([cause(severity="p2")], ["severity"]),
        ([cause(next=None)], ["next"]),
        ([cause(next="echo again && false")], ["next"]),
        ([cause(next="true")], ["next"]),
        ([cause(next="no-such-program-here", exits=[127])], ["next"]),
        ([cause(next="ps -p ''", exits=[1])], ["next"]),
        ([cause(next="echo YOUR_NAME")], ["next"]),
        ([cause(next="cd BACKEND_FOLDER; echo on")], ["next"]),
        ([cause(next="echo on", risk="restart")], ["next"]),
    ],
)
def test_a_point_is_lost_by_what_it_is_there_for(causes, points):
    """Too many causes, another part, words that tell nothing, another severity, a command that cannot be typed."""
    assert lost([EXPIRED], causes) == points


def test_words_may_stand_in_the_evidence_and_in_the_statement():
    """The headline is short; what the server said stands below it."""
    quoted = cause(symptom="login refused") | {"statement": "FATAL: role is valid until 2020"}

    assert lost([EXPIRED], [quoted]) == []
    assert lost([EXPIRED], [quoted | {"statement": "", "evidence": {"valid until": "2020"}}]) == []


def test_another_component_that_would_be_right_is_counted_apart():
    """It is right, and it is not the best; it is no healthy part that was accused."""
    score = strict.scored([EXPIRED], [cause("auth")])

    assert (score.right, score.also, score.accused) == (True, True, 0)


def test_a_healthy_part_that_is_accused_is_counted():
    """Whoever follows it loses an hour."""
    assert strict.scored([EXPIRED], [cause(), cause("network")]).accused == 1
    assert strict.scored([EXPIRED], [cause(), cause("auth")]).accused == 0


def test_two_faults_want_two_causes_each_as_it_is_alone():
    """A point is right when it is right for both."""
    page = cause("frontend", "p2", "the page stays blank")

    assert lost([EXPIRED, BLANK_PAGE], [page, cause()]) == []
    assert lost([EXPIRED, BLANK_PAGE], [cause()]) == ["one cause", "component", "words", "severity"]
    assert lost([EXPIRED, BLANK_PAGE], [cause(), page | {"severity": "p1"}]) == ["severity"]


def test_two_faults_of_one_component_are_told_apart_by_their_words():
    """Nothing but its words says which cause is whose."""
    full = Expected("disk-full", "postgres", "p1", (r"no space",))
    causes = [cause(symptom="no space left on device"), cause()]

    assert lost([EXPIRED, full], causes) == []
    assert lost([EXPIRED, full], causes[::-1]) == []
