"""Who depends on whom, where the target file says nothing: from the facts of a run; and how it is printed."""

import pytest

from oncall.cli.main import main
from oncall.diagnosis.causes import diagnose
from oncall.diagnosis.dependence import edges, graph
from oncall.facts.backend import HealthAnswer, SubCheck
from oncall.facts.dependence import Dependences, Edge
from oncall.facts.http import Exchange
from oncall.target.kinds import Component, HttpApi, Worker
from oncall.target.schema import Backend, Health, Stack
from oncall.verdict import Verdict

QUEUE = Component(service="queue")
STACK = Stack(components={"queue": QUEUE, "mailer": Worker(service="mailer")})
TOLD = Dependences(
    containers=3,
    edges=(
        Edge(component="mailer", on="queue", source="variable AMQP_URL"),
        Edge(component="backend", on="queue", source="Compose label"),
    ),
)


def pairs(stack, **facts):
    return {(edge.component, edge.on): edge.source for edge in edges(stack, facts, "oncall.toml")}


def health(*names, **blames):
    exchange = Exchange(address="http://x/health", outcome="answered", status=200)
    checks = tuple(SubCheck(name=name, status="ok", healthy=True, blames=blames.get(name, "")) for name in names)
    return HealthAnswer(exchange=exchange, expected=(200,), checks=checks)


def test_what_the_containers_tell_is_the_graph():
    """Beside what holds where nobody says anything."""
    found = pairs(STACK, dependences=TOLD)

    assert found["mailer", "queue"] == "variable AMQP_URL"
    assert found["backend", "queue"] == "Compose label"
    assert found["backend", "postgres"].startswith("default")
    assert found["auth", "backend"] == "serves it"


def test_the_target_file_has_the_last_word():
    """A component that says whom it depends on is believed, whatever its label says."""
    stack = Stack(components={"queue": QUEUE, "mailer": Worker(service="mailer", depends_on=("postgres",))})
    found = pairs(stack, dependences=TOLD)

    assert found["mailer", "postgres"] == "depends_on in oncall.toml"
    assert ("mailer", "queue") not in found


def test_a_health_body_names_what_it_asks():
    """By the target's own word for a sub-check, or because it is called like a component."""
    found = pairs(STACK, backend_health=health("database", "queue", "disk", database="postgres"))

    assert found["backend", "postgres"] == "health sub-check database"
    assert found["backend", "queue"] == "health sub-check queue"
    assert not [pair for pair in found if "disk" in pair]


def test_a_health_body_speaks_of_its_own_api():
    """With several, "postgres" is the database of the one that was asked."""
    orders = HttpApi(url="http://y", service="orders", depends_on=(), health=Health(blames={"db": "queue"}))
    stack = Stack(components={"queue": QUEUE, "orders": orders})
    found = pairs(stack, **{"backend_health[orders]": health("db", db="queue")})

    assert found["orders", "queue"] == "health sub-check db"


def test_a_silent_worker_stands_behind_the_queue_that_its_variable_names():
    """Nobody wrote that down in the target file."""
    common = {"severity": "p1", "outcome": "failed", "layer": "answers"}
    queue = Verdict(check="test_queue", nodeid="a", component="queue", **common)
    mailer = Verdict(check="test_mail", nodeid="b", component="mailer", **common)
    depends = graph(STACK, {"dependences": TOLD})

    assert [cause.component for cause in diagnose([queue, mailer], {}, depends).causes] == ["queue"]


def test_the_graph_is_printed_with_its_sources(tmp_path, capsys):
    """One line an edge; what could not be asked is said at the end."""
    file = tmp_path / "oncall.toml"
    file.write_text(
        "[docker]\nabsent = true\n[backend]\nabsent = true\n[components.a]\nservice = 'a'\ndepends_on = ['postgres']\n"
    )

    assert main(["checks", "--graph", "--target", str(file)]) == 0
    said = capsys.readouterr().out
    assert "a         ->  postgres  depends_on in" in said
    assert "not known: dependences" in said


@pytest.mark.parametrize("text", ["[backend]\nurll = 1\n", "[backend"])
def test_a_target_that_cannot_be_read_is_said_in_a_sentence(tmp_path, capsys, text):
    """Exit 4, as a run would."""
    file = tmp_path / "oncall.toml"
    file.write_text(text)

    assert main(["checks", "--graph", "--target", str(file)]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_checks_are_listed(tmp_path, monkeypatch, capfd):
    """Those of the suite that stands here."""
    (tmp_path / "test_one.py").write_text("def test_it_is_there():\n    pass\n")
    monkeypatch.chdir(tmp_path)

    assert main(["checks"]) == 0
    assert "test_it_is_there" in capfd.readouterr().out


def test_a_default_is_no_declaration():
    """The short form says "postgres" where the file says nothing: what the stack tells comes before."""
    found = pairs(Stack(backend=Backend(), components={"queue": QUEUE}), dependences=TOLD)

    assert found["backend", "queue"] == "Compose label"
