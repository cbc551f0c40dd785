"""Which lines our own requests explain: by count and time, in any log, without a word of what the lines say."""

import itertools
import random
import time

import pytest

from oncall.probes.logs.own_lines import UNKNOWN, Clock, Entry, own_lines
from oncall.probing.ledger import NEVER_ARRIVED, NO_ANSWER, Request

ids = itertools.count()
LOGIN, FORGED = 0.5, (0.0, 0.04, 0.56, 0.57, 0.57)  # when a round's requests are sent
LEAVES = {0.04: "signature", 0.56: "malformed", 0.57: "signature"}


def request(began, seconds=0.02, *, kind="token", status=401, in_round="r"):
    ended = began + seconds
    return Request(id=str(next(ids)), kind=kind, place="p", round=in_round, began=began, ended=ended, status=status)


def rounds(count, apart=1.5, *, login_seconds=0.3, each=1, late=0.0, account="", ahead=0.0):
    """Rounds of our checks, and the lines that they leave; each: lines of one refusal; late: seconds after it."""
    requests, entries = [], []
    for number in range(count):
        begin, name = 1000 + number * apart, f"round-{number}"
        requests.append(request(begin + LOGIN, login_seconds, kind="login", in_round=name))
        requests += [request(begin + at, in_round=name) for at in FORGED]
        requests.append(request(begin + 0.6, 0.03, kind="socket", status=101, in_round=name))
        lines = [(begin + LOGIN + login_seconds - 0.005, "login", account and f"{account}{number}")]
        lines += [(begin + at + 0.01, kind, "") for at, kind in LEAVES.items()]
        entries += [Entry(at + late + ahead, kind, who) for at, kind, who in lines for _ in range(each)]
    return requests, sorted(entries, key=lambda entry: entry.at)


def left(requests, entries, clock=Clock(), **more):  # noqa: B008  frozen
    """The entries that count against the stack."""
    entries = sorted(entries, key=lambda entry: entry.at)
    return [e for e, own in zip(entries, own_lines(entries, requests, clock, **more), strict=True) if not own]


@pytest.mark.parametrize("count", [1, 2, 5, 30, 200])
@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("login_seconds", [0.05, 2.5])
@pytest.mark.parametrize("late", [0.0, 1.5])
def test_what_we_cause_never_counts(count, each, login_seconds, late):
    """One run or many in a row, one to three lines a refusal, a slow backend, a logger with a buffer."""
    assert left(*rounds(count, login_seconds=login_seconds, each=each, late=late)) == []


@pytest.mark.parametrize("count", [1, 8, 30])
def test_a_logger_whose_lines_come_now_and_then_late_accuses_nobody(count):
    """As on a machine that is busy: some lines come long after the answer."""
    requests, entries = rounds(count)
    some = random.Random(7)
    moved = [Entry(entry.at + some.choice((0, 0, 0, 0, 1.8)), entry.kind) for entry in entries]

    assert len(left(requests, moved)) <= 2


@pytest.mark.parametrize("count", [1, 2, 4, 30])
@pytest.mark.parametrize("kind", ["login", "signature", "malformed", "refused"])
def test_twelve_strangers_between_our_rounds_count(count, kind):
    """A real burst beside ours is found, whatever it consists of; of one or two rounds a few lines are forgiven."""
    requests, entries = rounds(count)
    strangers = [Entry(1001.0 + number * 0.03, kind) for number in range(12)]

    assert len(left(requests, [*entries, *strangers])) >= (10 if count >= 4 else 8)


def test_strangers_beside_a_slow_login_of_ours_count():
    """Its window is as long as it took; our other rounds tell that it leaves one line."""
    requests, entries = rounds(8, apart=4.0, login_seconds=2.5)
    strangers = [Entry(1000.6 + number * 0.1, "login") for number in range(12)]

    assert len(left(requests, [*entries, *strangers])) >= 11


@pytest.mark.parametrize("answered_after", [1.0, 12.0, 25.0])
def test_a_request_that_we_gave_up_on_may_be_logged_later(answered_after):
    """The backend goes on with it; what comes after half a minute is no longer ours."""
    gave_up = request(1000.0, 2.5, kind="login", status=NO_ANSWER)

    assert left([gave_up], [Entry(1002.5 + answered_after, "login")]) == []
    assert len(left([gave_up], [Entry(1000.0 + 60, "login")])) == 1


def test_a_request_still_on_its_way_is_known():
    """A run beside us has not read its answer, or was killed before."""
    on_its_way = Request(id="a", kind="token", place="p", round="r", began=1000.0)

    assert left([on_its_way], [Entry(1000.2, "signature")]) == []


@pytest.mark.parametrize(
    ("kind", "status", "line", "ours"),
    [
        ("login", 401, "login", True),
        ("login", 200, "login", False),
        ("login", 503, "failing", True),
        ("login", 401, "failing", False),
        ("login", NEVER_ARRIVED, "failing", False),
        ("token", 401, "login", False),
        ("token", 401, "error", False),
        ("socket", 401, "signature", True),
        ("socket", 401, "refused", True),
        ("socket", 101, "broken", True),
        ("socket", 101, "signature", False),
        ("request", 503, "error", True),
    ],
)
def test_a_request_explains_only_what_it_can_cause(kind, status, line, ours):
    """By what was asked, and how it was answered."""
    assert left([request(1000.0, kind=kind, status=status)], [Entry(1000.01, line)]) == (
        [] if ours else [Entry(1000.01, line)]
    )


@pytest.mark.parametrize("count", [1, 3, 4, 30])
def test_rounds_whose_refusals_lie_apart_are_understood(count):
    """Where nobody can log in in time, the sockets are refused seconds after the request without a token."""
    requests, entries = [], []
    for number in range(count):
        begin, name = 1000 + 3.8 * number, f"round-{number}"
        requests += [request(begin, 0.04, in_round=name), request(begin + 0.01, 2.5, kind="login", status=NO_ANSWER)]
        requests += [request(begin + at, 0.01, kind="socket", in_round=name) for at in (2.6, 2.61)]
        entries += [Entry(begin + at, "malformed") for at in (0.03, 2.605, 2.615)]

    assert left(requests, entries) == []


@pytest.mark.parametrize("count", [2, 4, 12, 30])
def test_rounds_on_a_broken_stack_are_understood(count):
    """Requests of all kinds fail at once, and a line may be of any of them: only their sum is the same each time."""
    chance, requests, entries = random.Random(count), [], []
    for number in range(count):
        begin, name = 1000 + 1.2 * number, f"round-{number}"

        def near(at, begin=begin):
            return begin + at + chance.uniform(0, 0.2)

        requests += [request(near(0.1), kind="request", status=503, in_round=name) for _ in range(4)]
        requests += [request(near(0.1), kind="login", status=503, in_round=name) for _ in range(2)]
        requests += [request(near(0.1), in_round=name)]
        sockets = [request(near(0.2), kind="socket", in_round=name) for _ in range(2)]
        requests += sockets
        entries += [Entry(each.began + 0.01, "refused") for each in sockets]

    assert left(requests, entries) == []


@pytest.mark.parametrize("ahead", [-40.0, 7.0])
def test_the_clock_of_the_logs_machine_is_reckoned_with(ahead):
    """Where it is known; where it is not, some seconds are forgiven."""
    requests, entries = rounds(5, ahead=ahead)

    assert left(requests, entries, Clock(ahead, 0.1)) == []
    assert left(*rounds(5, apart=20, ahead=3.0), UNKNOWN) == []


def test_rounds_from_before_the_log_begins_teach_nothing():
    """A backend that was started anew has lost the lines of most of our rounds."""
    requests, entries = rounds(30)
    start = 1000 + 25 * 1.5
    kept = [entry for entry in entries if entry.at >= start]

    assert left(requests, kept, first=start) == []


def test_a_run_of_somebody_else_is_known_by_its_account():
    """Of another user or machine no ledger tells, but its log line names the account that every run makes up."""
    _, entries = rounds(20, account="oncall-")
    strangers = [Entry(1200.0 + number, "login") for number in range(12)]

    assert left([], entries) == []
    assert len(left([], [*entries, *strangers])) == 12


def test_where_no_account_is_named_a_few_runs_of_others_pass():
    """Short moments of several kinds; not a row of one kind, and not any number of them."""
    _, entries = rounds(6, apart=60)
    assert left([], entries) == []
    _, entries = rounds(20, apart=60)
    assert len(left([], entries)) >= 10
    assert len(left([], [Entry(1000.0 + number / 9, "login") for number in range(12)])) == 12


def test_five_thousand_lines_beside_a_thousand_requests_take_no_time():
    """Whatever was refused: the cost does not grow with lines times requests."""
    requests = [request(1000 + number / 10, 2.5, status=NO_ANSWER, in_round=str(number // 9)) for number in range(4000)]
    entries = [Entry(1000 + number / 10, "signature") for number in range(5000)]
    began = time.process_time()
    own_lines(entries, requests, Clock())

    assert time.process_time() - began < 1.0
