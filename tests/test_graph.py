"""Who depends on whom: from the target file, and from what serves what."""

import pytest

from oncall.target.graph import circles, declared_graph, depends
from oncall.target.kinds import Component
from oncall.target.reader import TargetError, read_target
from oncall.target.schema import Backend, Stack
from oncall.testing import judge
from oncall.verdict import Verdict

WITH_A_WORKER = Stack(components={"worker": Component(service="worker", depends_on=("cache", "postgres")),
                                  "cache": Component(service="redis")},
                      backend=Backend(depends_on=("postgres", "cache")))  # fmt: skip


def test_a_plain_target_has_the_usual_graph():
    """API on database; login and socket on the API that serves them."""
    assert depends(Stack()) == {
        "backend": ("postgres",),
        "frontend": ("backend",),
        "auth": ("backend",),
        "websocket": ("backend",),
    }
    assert declared_graph(Stack()).below["auth"] == ("backend", "postgres")
    assert "frontend" in declared_graph(Stack()).patient


def test_components_of_ones_own_are_in_it():
    """Near ones first, then what these depend on."""
    assert declared_graph(WITH_A_WORKER).below["worker"] == ("cache", "postgres")
    assert declared_graph(WITH_A_WORKER).below["websocket"] == ("backend", "postgres", "cache")


def test_a_circle_is_found():
    """And does not hang whoever walks along it."""
    circle = Stack(components={"a": Component(service="a", depends_on=("b",)),
                               "b": Component(service="b", depends_on=("a",))})  # fmt: skip

    assert next(circles(circle)) == ("a", "b")
    assert declared_graph(circle).below["a"] == ("b",)
    assert list(circles(WITH_A_WORKER)) == []


def test_a_circle_names_its_members_only():
    """Whoever is to break it does not look at what merely hangs on it."""
    circle = Stack(
        components={"cache": Component(service="redis", depends_on=("backend",))},
        backend=Backend(depends_on=("postgres", "cache")),
    )

    assert next(circles(circle)) == ("backend", "cache")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[backend]\ndepends_on = ['postgrse']\n", 'names no component: "postgrse"; did you mean postgres?'),
        ("[backend]\ndepends_on = ['cache']\n", 'names no component: "cache"; write [components.cache]'),
        ("[backend]\ndepends_on = 'postgres'\n", 'must be a list of components such as ["postgres"]'),
        ("[backend]\ndepends_on = ['backend']\n", "backend.depends_on closes a circle: backend -> backend"),
        (
            "[components.a]\nservice = 'a'\ndepends_on = ['b']\n[components.b]\nservice = 'b'\ndepends_on = ['a']\n",
            "components.a.depends_on closes a circle: a -> b; leave one of them out",
        ),
    ],
)  # fmt: skip
def test_wrong_dependencies_are_refused(tmp_path, text, sentence):
    """One sentence, with the key and the mend."""
    (tmp_path / "oncall.toml").write_text(text)

    with pytest.raises(TargetError) as caught:
        read_target(tmp_path / "oncall.toml")
    assert any(sentence in problem for problem in caught.value.problems), caught.value.problems


def test_a_late_worker_stands_behind_its_silent_cache():
    """What the target file says of a component of one's own counts as what the suite knows of the shipped ones."""
    cache = Verdict(check="test_cache", nodeid="a", severity="p2", outcome="failed", component="cache", layer="answers")
    worker = Verdict(
        check="test_lag", nodeid="b", severity="p2", outcome="failed", component="worker", layer="fast", manner="late"
    )

    assert [cause.component for cause in judge(cache, worker, stack=WITH_A_WORKER).causes] == ["cache"]
    assert len(judge(cache, worker).causes) == 2
