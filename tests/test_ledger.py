"""The ledger of our own requests: what is kept, for whom, and that nobody can turn it against us."""

import os
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from oncall.probing import ledger as ledger_module
from oncall.probing.ledger import LARGEST, NO_ANSWER, Ledger

HERE = "127.0.0.1:3001"
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state" / "pytest-oncall"


def send(ledger, count=1, *, kind="token", address=HERE, status=401):
    for _ in range(count):
        with ledger.sending(kind, address) as request:
            request.status = status


def test_a_later_run_knows_what_was_sent(folder):
    """With its kind, its times and how it ended; an address is known by all its names of the loopback."""
    first, began = Ledger(folder), time.time()
    send(first, status=403)
    (found,) = Ledger(folder).since(LONG_AGO, ["localhost:3001"])

    assert (found.kind, found.status, found.round) == ("token", 403, first.round)
    assert began - 0.01 < found.began <= (found.ended or 0) < time.time() + 0.01
    assert Ledger(folder).since(LONG_AGO, ["127.0.0.1:3002"]) == ()


def test_a_run_beside_us_knows_it_before_the_answer(folder):
    """A line may stand in the log before we have read the answer, and a run that is killed never reads it."""
    ledger = Ledger(folder)
    with ledger.sending("login", HERE):
        (found,) = Ledger(folder).since(LONG_AGO, [HERE])

        assert (found.ended, found.status) == (None, NO_ANSWER)


def test_of_ordinary_requests_only_the_failed_ones_are_noted(folder):
    """There are many of them, and most are answered."""
    ledger = Ledger(folder)
    send(ledger, 5, kind="request", status=200)
    send(ledger, kind="request", status=503)

    assert [each.status for each in ledger.since(LONG_AGO, [HERE])] == [503]


def test_nothing_in_it_is_secret_and_nobody_else_may_read_it(folder):
    """No address, no token; 0600 in 0700, also where the folder was made wider before."""
    folder.mkdir(parents=True, mode=0o755)
    send(Ledger(folder), address="secret-host.example:443")
    file = folder / "requests"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret-host" not in file.read_text()


@pytest.mark.parametrize("trap", ["link", "pipe", "folder", "linked-folder", "file-as-folder", "full"])
def test_what_stands_in_the_way_is_left_alone(folder, tmp_path, trap):
    """A link, a pipe, a folder of that name, no place at all: this run still knows its own requests, and no more."""
    victim = tmp_path / "victim"
    victim.mkdir() if trap == "linked-folder" else victim.write_text("mine")
    folder.parent.mkdir(parents=True)
    if trap in ("link", "pipe", "folder"):
        folder.mkdir()
    {
        "link": lambda: (folder / "requests").symlink_to(victim),
        "pipe": lambda: os.mkfifo(folder / "requests"),
        "folder": lambda: (folder / "requests").mkdir(),
        "linked-folder": lambda: folder.symlink_to(victim),
        "file-as-folder": lambda: folder.write_text(""),
        "full": lambda: folder.symlink_to("/proc/self/fdinfo"),
    }[trap]()
    ledger, began = Ledger(folder), time.monotonic()
    send(ledger, 3)

    assert len(ledger.since(LONG_AGO, [HERE])) == 3
    assert time.monotonic() - began < 8
    if trap == "linked-folder":
        assert not (victim / "requests").exists()
    else:
        assert victim.read_text() == "mine"


def test_a_folder_of_somebody_else_is_not_written_to(folder, monkeypatch):
    """With sudo the home may still be the user's."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    folder.mkdir(parents=True)
    ledger = Ledger(folder)
    send(ledger)

    assert not (folder / "requests").exists()
    assert len(ledger.since(LONG_AGO, [HERE])) == 1


def test_without_a_home_it_lives_in_memory():
    """Also over the rounds of `--wait`, which are told apart."""
    ledger = Ledger(None)
    send(ledger)
    ledger.new_round()
    send(ledger)

    assert len({each.round for each in ledger.since(LONG_AGO, [HERE])}) == 2


def test_it_never_grows_beyond_its_bound(folder):
    """The newest requests stay, also where old ones and rubbish fill it."""
    ledger = Ledger(folder)
    send(ledger)
    file = folder / "requests"
    old = ledger_module.Request(
        id="0" * 12, kind="token", place=ledger.place(HERE), round="r", began=time.time() - 90_000, ended=1.0
    )
    with file.open("ab") as stream:
        stream.write((old.line() + b"\xff rubbish " * 9 + b"\n") * (LARGEST // 100))
        stream.write(b"half a line")
    send(Ledger(folder), 3)

    assert file.stat().st_size < 2000
    assert len(Ledger(folder).since(LONG_AGO, [HERE])) >= 3
    assert sorted(each.name for each in folder.iterdir()) == ["requests", "salt"]


WRITER = """
import sys
from pathlib import Path
from oncall.probing.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for _ in range(300):
    with ledger.sending("token", "127.0.0.1:3001") as request:
        request.status = 401
"""


def test_many_runs_at_once_lose_nothing(folder, monkeypatch):
    """Processes and threads beside each other, while the file is shortened again and again."""
    send(Ledger(folder))
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, folder]) for _ in range(4)]
    monkeypatch.setattr(ledger_module, "LARGEST", 400_000)
    ledger = Ledger(folder)
    threads = [threading.Thread(target=send, args=(ledger, 100)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [writer.wait(30) for writer in writers] == [0] * 4

    found = Ledger(folder).since(LONG_AGO, [HERE])
    assert len(found) == 1 + 4 * 300 + 4 * 100
    assert all(each.ended for each in found)


def test_whoever_holds_the_lock_holds_nobody_up(folder):
    """A run that was stopped in the middle of it, say."""
    import fcntl

    ledger = Ledger(folder)
    send(ledger)
    holder = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        began = time.monotonic()
        send(ledger)
        took = time.monotonic() - began
    finally:
        os.close(holder)

    assert took < 8
    assert len(Ledger(folder).since(LONG_AGO, [HERE])) == 2


def test_what_failed_in_this_round_is_known():
    """Server errors and silence; no refusal, no socket that a page opened, nothing of another place or round."""
    ledger = Ledger(None)
    send(ledger, kind="request", status=500)
    ledger.new_round()
    send(ledger, kind="request", status=502)
    send(ledger, kind="login", status=NO_ANSWER)
    send(ledger, kind="socket", status=NO_ANSWER)
    send(ledger, kind="token", status=401)
    send(ledger, kind="request", status=503, address="127.0.0.1:3000")

    assert [each.status for each in ledger.failed([HERE])] == [502, NO_ANSWER]
