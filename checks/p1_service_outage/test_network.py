"""P1 Service outage: containers that cannot reach one another."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("container-network")]


@pytest.mark.judges("peer_network")
def test_services_share_a_network(peer_network, service, finding):
    """Everything runs, but requests between the parts fail."""
    assert peer_network.problem is None, finding(
        f"{service} {peer_network.problem}",
        evidence=peer_network.evidence,
        component=service,
        layer="exists",
        blames="network",
        corroboration="the engine's own record of its networks",
    )


@pytest.mark.judges("listening")
def test_service_listens_at_its_port(listening, service, finding):
    """The container runs, and whoever asks it is refused or waits for nothing."""
    assert not listening.symptom, finding(
        listening.symptom,
        evidence=listening.evidence,
        component=service,
        layer="reachable",
        manner=listening.manner,
        blames=listening.blames,
        corroboration=listening.corroboration,
    )


@pytest.mark.judges("name_resolution")
@pytest.mark.component("network")
def test_database_name_resolves_in_the_backend(name_resolution, finding):
    """The backend answers, but everything that needs data fails with 'ENOTFOUND'."""
    assert name_resolution.problem is None, finding(
        f"the name {name_resolution.name} {name_resolution.problem} in the backend",
        evidence={
            "asked with": name_resolution.tool,
            "in": name_resolution.container,
            "said": name_resolution.said,
            **({"extra_hosts": name_resolution.pinned} if name_resolution.pinned else {}),
        },
        component="backend",
        layer="reachable",
        blames=name_resolution.blames,
        manner=name_resolution.manner,
        corroboration="a query inside the backend's container",
    )


@pytest.mark.component("network")
def test_database_port_answers_in_the_backend(port_from_inside, finding):
    """The backend answers, but everything that needs data fails with 'ECONNREFUSED' or a timeout."""
    assert port_from_inside.problem is None, finding(
        f"{port_from_inside.address} {port_from_inside.problem} when asked from the backend",
        evidence={"asked with": port_from_inside.tool, "in": port_from_inside.container, "said": port_from_inside.said},
        component="backend",
        layer="reachable",
        blames=port_from_inside.blames,
        manner=port_from_inside.manner,
        root="name_resolution",
        corroboration="a query inside the backend's container" if port_from_inside.blames == "network" else "",
    )
