"""Our own requests are no finding, run after run, where a log names no accounts; strangers beside us still are.

All forms of log, slow logins and a broken database are measured by `python -m bench own-traffic`.
"""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.own_traffic import runs
from stack.docker import lifecycle
from tests.patient import running

pytestmark = [pytest.mark.docker, pytest.mark.catalogue]
RUNS, STRANGERS = 8, 48
AUTHENTICATION = "test_no_burst_of_authentication_errors"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A backend that logs plain sentences."""
    with running(tmp_path_factory.mktemp("docker"), lifecycle) as home:
        stack = lifecycle.running(home)
        stack.restart("backend", LOG_FORMAT="plain")
        yield stack


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Where the ledger of these runs is."""
    return str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def row(stack, state):
    """What each of some runs in a row has said."""
    return [runs(stack, state) for _ in range(RUNS)]


def test_runs_in_a_row_find_nothing_that_they_have_caused(row):
    """Their refusals are in the log, ever more of them, and are subtracted."""
    answers = [burst for answer in row for burst in answer]

    assert {burst.outcome for burst in answers} == {"passed"}
    assert max(burst.own for burst in answers) > 10
    assert max(burst.left for burst in answers) <= 2


def test_strangers_beside_our_runs_are_found(stack, state, row):
    """Refused logins of other people, right after our own; a few are forgiven where a login of ours was given up."""
    for number in range(STRANGERS):
        refused(stack, f"guest-{number}")
    (burst,) = (each for each in runs(stack, state) if each.check == AUTHENTICATION)

    assert (burst.outcome, 12 <= burst.left <= STRANGERS) == ("failed", True), burst


def test_a_run_beside_another_finds_nothing(stack, row, tmp_path):
    """What the other one sends is known before it is answered."""
    stack.restart("backend", LOG_FORMAT="apache")
    with ThreadPoolExecutor(3) as pool:
        answers = pool.map(lambda number: runs(stack, str(tmp_path), name=f"own-{number}"), range(3))

    assert "failed" not in {burst.outcome for answer in answers for burst in answer}


def refused(stack, account):
    """A login that is refused."""
    body = json.dumps({"username": account, "password": "wrong"}).encode()
    url = f"http://127.0.0.1:{stack.ports['backend']}/api/auth/login"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(  # noqa: S310  an address of our own
            urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=20
        )
