"""P2 WebSocket disconnections: too many connections."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("websocket-connections"), pytest.mark.component("websocket")]


@pytest.mark.judges("connection_metric")
@pytest.mark.unnoticed
@pytest.mark.component("backend")
def test_connection_count_is_exported(connection_metric, finding):
    """Nobody can tell how many people are connected."""
    assert not connection_metric.problem, finding(
        f"backend's metrics page {connection_metric.problem}",
        evidence=connection_metric.evidence,
        component="backend",
        layer=connection_metric.exchange.layer,
        manner=connection_metric.exchange.manner,
    )


def test_connections_are_under_their_limit(websocket_connections, limits, finding):
    """New people stay offline, or the connections of the others drop."""
    assert websocket_connections.count <= limits.websocket_connections, finding(
        f"{websocket_connections.count:.0f} WebSocket connections are open, over {limits.websocket_connections}",
        evidence={"metric": websocket_connections.metric, "series": websocket_connections.samples},
        component="websocket",
        layer="fast",
    )


@pytest.mark.component("backend")
def test_file_descriptors_are_under_their_limit(open_files, limits, finding):
    """The backend stops accepting connections, with 'too many open files' in its log."""
    assert open_files.percent <= limits.open_fds_percent, finding(
        f"{finding.name('backend')} has {open_files.percent:.0f} % of its file descriptors open",
        evidence={"open": open_files.open, "limit": open_files.limit},
        component="backend",
        layer="fast",
        root="service_open_files[backend]",
    )


def test_no_burst_of_socket_errors(socket_log, limits, finding):
    """People go offline and come back, again and again."""
    assert socket_log.most < limits.log_burst, finding(
        f"log of backend: {socket_log.symptom}",
        evidence=socket_log.evidence,
        component="websocket",
        layer="log_evidence",
    )
