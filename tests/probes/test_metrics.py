"""The metrics page: one check judges it, two others use its numbers."""

import pytest

from oncall.finding import CouldNotCheck, NotPart
from oncall.target.schema import Metrics
from tests.probes.looking import backend, look
from tests.probes.patients import free_port, raw_server, response, silent, site

HEALTH = response(b'{"status": "ok"}', content_type="application/json")
PAGE = b"""# HELP websocket_connections open sockets
# TYPE websocket_connections gauge
websocket_connections{room="a"} 3
websocket_connections{room="b"} 4
process_open_fds 20
process_max_fds 100
"""


def server(page, status="200 OK", content_type="text/plain; version=0.0.4"):
    return raw_server(site({"/health": HEALTH, "/metrics": response(page, status, content_type)}))


def test_labels_are_summed():
    """The count is of all sockets, whatever their labels."""
    with server(PAGE) as port:
        fact = look("websocket_connections", backend(port))
        files = look("open_files", backend(port))

    assert (fact.count, fact.samples) == (7, 2)
    assert files.percent == 20


@pytest.mark.parametrize(
    ("page", "status", "content_type", "words"),
    [
        (b"no", "404 Not Found", "text/plain", "answers 404"),
        (b"no", "500 Oops", "text/plain", "answers 500"),
        (b"<!doctype html><p>hello", "200 OK", "text/html", "is an HTML page, not metrics"),
        (b"this is {not it", "200 OK", "text/plain", "is not in the Prometheus format"),
        (b'{"a": 1}', "200 OK", "application/json", "is not in the Prometheus format"),
        (b"", "200 OK", "text/plain", "holds no metric"),
        (b"up 1\n", "200 OK", "text/plain", "does not export websocket_connections"),
    ],
)
def test_a_page_without_the_count_is_told_why(page, status, content_type, words):
    """Each reason has its words, and the deeper looks point here."""
    with server(page, status, content_type) as port:
        fact = look("metrics_page", backend(port))
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "connection_metric"):
            look("websocket_connections", backend(port))

    assert fact.problem == words


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf"])
def test_a_count_that_is_no_count_is_unknown(value):
    """NaN is not under any limit."""
    with server(f"websocket_connections {value}\n".encode()) as port:
        assert look("metrics_page", backend(port)).problem is None
        with pytest.raises(CouldNotCheck, match="no count"):
            look("websocket_connections", backend(port))


@pytest.mark.parametrize("limit", ["", "process_max_fds 0\n", "process_max_fds -1\n", "process_max_fds +Inf\n"])
def test_no_limit_of_file_descriptors_is_unknown(limit):
    """A limit that is missing, zero or endless cannot be come near to."""
    page = f"websocket_connections 0\nprocess_open_fds 20\n{limit}".encode()
    with server(page) as port, pytest.raises(CouldNotCheck, match="process_max_fds"):
        look("open_files", backend(port))


def test_file_descriptors_do_not_need_the_sockets():
    """A page without the socket count still tells its file descriptors."""
    with server(b"process_open_fds 50\nprocess_max_fds 100\n") as port:
        assert look("open_files", backend(port)).percent == 50


@pytest.mark.parametrize("status", ["401 No", "403 No"])
def test_refused_credentials_are_unknown(status):
    """A page that we may not read says nothing."""
    with server(b"", status) as port, pytest.raises(CouldNotCheck, match=r"set backend\.metrics\.headers"):
        look("metrics_page", backend(port))


def test_a_missing_token_is_named():
    """A header whose secret is not set is not sent half."""
    metrics = Metrics(headers={"Authorization": "Bearer ${METRICS_TOKEN}"})
    with server(PAGE) as port, pytest.raises(CouldNotCheck, match="METRICS_TOKEN"):
        look("metrics_page", backend(port, metrics=metrics))


def test_a_dead_backend_is_told_once():
    """No health answer, no finding about metrics."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "backend_health"):
        look("metrics_page", backend(free_port()))


def test_a_gateway_that_answers_502_to_everything_is_told_once():
    """It is the health check's story, as for the login and the socket."""
    gateway = site({}, response(b"", "502 Bad Gateway"))
    with raw_server(gateway) as port, pytest.raises(CouldNotCheck, match="502 to everything"):
        look("metrics_page", backend(port))


def test_a_hanging_metrics_page_of_a_healthy_backend_is_a_finding():
    """Only the metrics page hangs: that is its own fault."""

    def talk(connection, path):
        site({"/health": HEALTH})(connection, path) if path == "/health" else silent(connection, path)

    with raw_server(talk) as port:
        assert look("metrics_page", backend(port)).problem.startswith("accepted the connection but did not answer")


def test_no_metrics_declared():
    """absent = true is not looked at."""
    with server(PAGE) as port, pytest.raises(NotPart):
        look("metrics_page", backend(port, metrics=Metrics(absent=True)))


@pytest.mark.parametrize(
    ("probe", "names"),
    [
        ("connection_metric", {"websocket_connections": ""}),
        ("websocket_connections", {"websocket_connections": ""}),
        ("open_files", {"open_fds": ""}),
        ("open_files", {"max_fds": ""}),
    ],
)
def test_an_empty_name_says_that_this_stack_does_not_tell(probe, names):
    """Declared, so the check is skipped; the other numbers of the page count."""
    text = "websocket_connections 7\nprocess_open_fds 3\nprocess_max_fds 9\n_total 5\n"
    with server(text.encode()) as port:
        stack = backend(port, metrics=Metrics(**names))
        with pytest.raises(NotPart, match="says that no metric tells how many"):
            look(probe, stack)
        other = "websocket_connections" if probe == "open_files" else "open_files"
        assert look(other, stack).inconclusive_reason() is None
