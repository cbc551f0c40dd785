"""The folder of kept runs: what is kept, what is removed, and several writers at once."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from oncall.results.comparison import Answer, Result
from oncall.results.history import History, wrong_name
from tests.integration.playbook_runs import ROOT

NIGHT = datetime(2026, 11, 25, 3, tzinfo=UTC)
A_RUN = {"nightly-2026-11-25T030000Z.html", "nightly-2026-11-25T030000Z.json"}


def result(started, **fields):
    answer = Answer(check="test_a", nodeid="test_a", severity="p1", outcome="passed")
    about = {"version": 1, "stack": "motel", "name": "nightly", "verdicts": (answer,)}
    return Result(started=started, **about | fields)


def add(history, started, page=b"<p>page", **fields):
    return history.add(started, page, msgspec.json.encode(result(started, **fields)))


def names(folder):
    return {file.name for file in folder.iterdir()}


def test_run_is_kept_under_its_name_and_moment(tmp_path):
    """A page and a result, and no draft is left."""
    file = add(History(tmp_path, "nightly", 30), NIGHT)

    assert file == tmp_path / "nightly-2026-11-25T030000Z.json"
    assert names(tmp_path) == A_RUN
    assert file.with_suffix(".html").read_bytes() == b"<p>page"


def test_run_without_a_page_is_kept_as_well(tmp_path):
    """The next run can still be compared with it."""
    add(History(tmp_path, "nightly", 30), NIGHT, page=None)

    assert names(tmp_path) == {"nightly-2026-11-25T030000Z.json"}


def test_last_runs_stay_and_older_ones_go(tmp_path):
    """As many runs as were asked for, this one included."""
    history = History(tmp_path, "nightly", 3)
    for number in range(5):
        own = add(history, NIGHT + timedelta(days=number))

        assert history.prune(own) == ""
    assert sorted(names(tmp_path)) == sorted(
        f"nightly-2026-11-{day}T030000Z.{kind}" for day in (27, 28, 29) for kind in ("html", "json")
    )


FOREIGN = (
    "nightly.html",
    "nightly.json",
    "nightly-2020-01-01T000000Z.txt",
    "nightly-2020-01-01T000000Z.html.bak",
    "nightly-2020-01-01T000000Z-1.json",
    "nightly-2020-01-01T000000Z-02.json",
    "nightly-2020-01-01.html",
    "nightly-2020-01-01t000000z.html",
    "nightly-2020-01-01T000000Z.json\n",
    "nightly-\u0662020-01-01T000000Z.json",
    "xnightly-2020-01-01T000000Z.html",
    "nightly-two-2020-01-01T000000Z.html",
    ".nightly-2020-01-01T000000Z.html",
    "nightly-2020-01-01T000000Z.html.tmp",
    "diagnosis-2020-01-01T000000Z.json",
)


def test_no_other_file_is_ever_removed(tmp_path):
    """Files that only look like a run, runs of other names, folders and links stay."""
    (tmp_path / "elsewhere").write_text("kept")
    for name in FOREIGN:
        (tmp_path / name).write_text("somebody's")
    (tmp_path / "nightly-2020-01-02T000000Z.html").mkdir()
    (tmp_path / "nightly-2020-01-03T000000Z.json").symlink_to(tmp_path / "elsewhere")
    before = names(tmp_path)
    history = History(tmp_path, "nightly", 1)
    for number in range(3):
        history.prune(add(history, NIGHT + timedelta(hours=number)))

    assert names(tmp_path) == before | {"nightly-2026-11-25T050000Z.html", "nightly-2026-11-25T050000Z.json"}


def test_draft_of_a_killed_run_goes_after_a_day(tmp_path):
    """A young draft may belong to a run that is writing it."""
    old, young = (tmp_path / f".nightly-2026-11-2{day}T030000Z.json.tmp" for day in (0, 4))
    for file in (old, young):
        file.write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    history = History(tmp_path, "nightly", 30)
    history.prune(add(history, NIGHT))

    assert names(tmp_path) == A_RUN | {young.name}


class Crowded(History):
    """Another run is kept between the look at the folder and the removal."""

    def kept(self):
        seen = super().kept()
        add(History(self.folder, self.name, self.keep), NIGHT + timedelta(days=1))
        return seen


def test_a_run_that_is_kept_meanwhile_stays(tmp_path):
    """What was not there when the old ones were counted is not one of them."""
    own = add(History(tmp_path, "nightly", 1), NIGHT)
    Crowded(tmp_path, "nightly", 1).prune(own)

    assert len(names(tmp_path)) == 4


def test_own_run_stays_when_the_clock_went_back(tmp_path):
    """The run that was just made is not the one to go, though its name is the oldest."""
    history = History(tmp_path, "nightly", 1)
    add(history, NIGHT + timedelta(days=300))
    own = add(history, NIGHT)
    history.prune(own)

    assert own.exists()


def test_two_runs_of_one_second_are_two(tmp_path):
    """Neither overwrites the other."""
    history = History(tmp_path, "nightly", 30)
    first, second = add(history, NIGHT), add(history, NIGHT)

    assert (first.name, second.name) == ("nightly-2026-11-25T030000Z.json", "nightly-2026-11-25T030000Z-2.json")
    assert [run.number for run in sorted(history.kept())] == [1, 2]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from oncall.results.history import History
folder, mark = Path(sys.argv[1]), sys.argv[2]
history = History(folder, "nightly", 1000)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(25):
    history.add(datetime(2026, 11, 25, 3, tzinfo=UTC), mark.encode() * 50_000, mark.encode() * 50_000)
"""


def test_many_writers_of_one_second_lose_nothing(tmp_path):
    """Four processes, a hundred runs of the same second: a hundred whole pairs, each pair from one run."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, mark], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for mark in "abcd"
    ]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.close()

    assert [writer.wait(60) for writer in writers] == [0] * 4
    for writer in writers:
        writer.stdout.close()
    pairs = [(file.read_bytes(), file.with_suffix(".html").read_bytes()) for file in tmp_path.glob("nightly-*.json")]
    assert len(pairs) == 100
    assert all(one == two and set(one) == {one[0]} and len(one) == 50_000 for one, two in pairs)
    assert sorted(one[:1] for one, _ in pairs) == [b"a"] * 25 + [b"b"] * 25 + [b"c"] * 25 + [b"d"] * 25
    assert not list(tmp_path.glob(".*"))


def test_reader_meets_whole_files_only(tmp_path):
    """While somebody writes and prunes, whoever looks for the last run gets a whole one."""
    history, done, found = History(tmp_path, "nightly", 30), threading.Event(), []
    add(history, NIGHT)
    now = result(NIGHT + timedelta(days=400))

    def read():
        while not done.is_set():
            found.append(history.last(now))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 100):
        history.prune(add(history, NIGHT + timedelta(days=number)))
    done.set()
    reader.join()

    assert len(found) > 10
    assert all(found)


def test_last_run_is_the_newest_comparable_one(tmp_path):
    """Runs of another selection, later ones and damaged files are passed over."""
    history = History(tmp_path, "nightly", 30)
    add(history, NIGHT)
    add(history, NIGHT + timedelta(hours=1), selection="-m 'p1'")
    add(history, NIGHT + timedelta(hours=9))
    history.add(NIGHT + timedelta(hours=2), None, b'{"version": 1, "stack')
    history.add(NIGHT + timedelta(hours=2), None, b"")
    history.add(NIGHT + timedelta(hours=2), None, b"[" * 100_000)
    history.add(NIGHT + timedelta(hours=2), None, b'{"version": 1, "started": "2026-11-25T05:00:00"}')
    os.mkfifo(tmp_path / "nightly-2026-11-25T050001Z.json")

    assert history.last(result(NIGHT + timedelta(hours=3))).started == NIGHT
    assert history.last(result(NIGHT + timedelta(hours=3), selection="-m 'p1'")).started == NIGHT + timedelta(hours=1)
    assert history.last(result(NIGHT)) is None


def test_folder_that_is_not_there_holds_nothing(tmp_path):
    """The first run of all has nothing to be compared with."""
    assert History(tmp_path / "none", "nightly", 30).last(result(NIGHT)) is None


def test_full_disk_leaves_nothing_behind(tmp_path, tiny_disk):
    """The error reaches the caller; no half file, no draft."""
    history = History(tiny_disk, "nightly", 30)
    with pytest.raises(OSError, match="No space left"):
        history.add(NIGHT, b"x" * 2_000_000, b"{}")

    assert names(tiny_disk) == set()


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("name", ["nightly", "p1-hourly", "7", "a" * 60])
def test_good_names(name):
    """Slugs."""
    assert wrong_name(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", "Nightly", "a b", "a/b", "..", ".", "../x", "a_b", "-a", "a-", "a--b", "nächtlich", "a\n", "a.html", "a" * 61]
    + ["nightly-2026-11-25T030000Z"],
)
def test_bad_names(name):
    """Nothing that leads elsewhere, hides, or looks like a kept run of another name."""
    assert wrong_name(name).startswith("must be a name such as nightly")
