"""What a run may cost the stack, counted at the stack: whoever is looked at must not fall over because of it."""

import pytest

from bench import cost
from bench.counting_proxy import Requests
from stack import lifecycle
from stack.docker import lifecycle as docker_lifecycle
from tests.patient import running, until_calm

TIME, TRIES = "database time", 5
MODES = [
    pytest.param("embedded", marks=pytest.mark.stack),
    pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.catalogue]),
]


@pytest.fixture(scope="module", params=MODES)
def stack(request, tmp_path_factory):
    """A healthy stack of each kind; looking does it no harm."""
    if request.param == "embedded":
        yield lifecycle.running(request.getfixturevalue("home"))
        return
    with running(tmp_path_factory.mktemp("docker"), docker_lifecycle) as home:
        yield docker_lifecycle.running(home)


@pytest.fixture(scope="module")
def account(stack):
    """The account of one run of each selection."""
    return {name: cost.counted(stack, *options) for name, options in cost.SELECTIONS.items()}


@pytest.mark.parametrize("selection", cost.SELECTIONS)
def test_run_keeps_its_bounds(stack, account, selection):
    """One run asks no more of the stack than is promised; the one bound that is a time, on a machine that has some."""
    run = account[selection]
    for _ in range(TRIES):
        if all(TIME in what for what, _, _ in exceeded(run, selection)):
            if not exceeded(run, selection):
                break
            until_calm()
            run = cost.counted(stack, *cost.SELECTIONS[selection])
    excess = [f"{what}: {value:g} instead of at most {limit:g}" for what, value, limit in exceeded(run, selection)]

    assert not excess, "\n".join([*excess, *cost.rows(selection, run)])


def exceeded(run, selection):
    """What is more than is promised."""
    return [bound for bound in cost.over(run, cost.BOUNDS[selection]) if bound[1] > bound[2]]


@pytest.mark.parametrize("selection", cost.SELECTIONS)
def test_account_is_complete(account, selection):
    """What came through the doors is what the backend and PostgreSQL themselves have counted: no look goes around."""
    run = account[selection]
    asked = [each for each in run.asked if "/assets/" not in each]
    at_backend = [each for each in run.proxies["backend"].requests if not each.startswith("UPGRADE")]
    at_backend += [
        each for each in run.proxies["frontend"].requests if " /api/" in each
    ]  # which the frontend passes on
    answered = [f"{line['method']} {line['path']}" for line in run.log]
    if "engine" in run.proxies:  # Docker's own health check asks as well, and nobody can tell who it was
        answered = [each for each in answered if each != "GET /health"]
        at_backend = [each for each in at_backend if each != "GET /health"]

    assert "GET /health" in asked
    assert sorted(answered) == sorted(at_backend)
    assert run.connections == 1
    assert run.queries > 5
    assert run.database_ms > 0


def test_p1_run_leaves_the_accounts_alone(account):
    """In an outage nothing is added to the log of logins, and no socket is opened."""
    run = account["-m p1"]

    assert not [each for each in run.asked if not each.startswith("GET ")]


def test_door_tells_requests_from_their_bodies():
    """A body that looks like a request is none; what follows an upgrade is no request either."""
    found = []
    reading = Requests(found)
    said = b"POST /a?b=c HTTP/1.1\r\nContent-Length: 23\r\n\r\nGET /no HTTP/1.1\r\n\r\n..."
    said += b"GET /d HTTP/1.1\r\nHost: x\r\n\r\n"
    said += b"GET /e HTTP/1.1\r\nUpgrade: websocket\r\n\r\nGET /f HTTP/1.1\r\n\r\n"
    for byte in said:
        reading.feed(bytes([byte]))

    assert found == ["POST /a", "GET /d", "UPGRADE /e"]
