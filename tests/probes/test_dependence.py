"""Dependences that real containers tell: by Compose's label, and by the hosts in their variables."""

import pytest

from oncall.target.kinds import Component
from tests.probes.docker_patients import NO_ENGINE, look, patients

pytestmark = [pytest.mark.docker, pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE)]
SECRET = "hunter2-of-the-queue"


@pytest.fixture(scope="module")
def project():
    """An API with a label, a worker with a DSN, a stranger with a host's name."""
    label = "com.docker.compose.depends_on=cache:service_started:false,gone:service_healthy:true"
    with patients("graph") as made:
        made.at_once(
            (("backend", "sleep", "600"), {"options": ("--label", label)}),
            (("worker", "sleep", "600"), {"options": ("-e", f"AMQP_URL=amqp://me:{SECRET}@queue:5672/%2f")}),
            (("stranger", "sleep", "600"), {"options": ("-e", "CACHE_HOST=cache:6379", "-e", "NOTE=queue")}),
            (("cache", "sleep", "600"), {}),
            (("queue", "sleep", "600"), {}),
        )
        yield made


def test_labels_and_variables_are_read(project):
    """Of declared parts by their names, of others by their services'; a word that happens to be a name is none."""
    stack = project.stack()
    del stack.components["stranger"]
    fact = look("dependences", stack)

    assert {(edge.component, edge.on): edge.source for edge in fact.edges} == {
        ("backend", "cache"): "Compose label",
        ("worker", "queue"): "variable AMQP_URL",
        ("stranger", "cache"): "variable CACHE_HOST",
    }
    assert fact.asked == {"queue": ("worker",), "cache": ("stranger",)}  # a label names no address
    assert SECRET not in str(fact)


def test_a_component_may_have_another_name_than_its_service(project):
    """Edges speak of components."""
    stack = project.stack()
    stack.components["jobs"] = Component(service="queue")
    del stack.components["queue"]

    assert ("worker", "jobs") in {(edge.component, edge.on) for edge in look("dependences", stack).edges}
