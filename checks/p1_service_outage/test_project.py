"""P1 Service outage: nothing of the Compose project is there."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("project-not-created"), pytest.mark.component("docker")]


@pytest.mark.judges("compose_project")
def test_project_has_containers(compose_project, finding):
    """The whole product is gone: it was never started here, or was taken down."""
    assert compose_project.containers, finding(
        f"nothing of the project {compose_project.name} was created",
        evidence=compose_project.evidence,
        component="docker",
        layer="exists",
        manner="absent",
        corroboration="the engine's own list of containers",
    )
