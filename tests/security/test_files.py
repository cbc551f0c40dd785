"""Attack A8: somebody else may write where our files go. Attack A14: a clock was wrong once."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from oncall.reporting.json import VERSION
from oncall.results.comparison import Result
from oncall.results.files import Files
from oncall.results.history import History

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
CHECKS = """
import pytest

@pytest.mark.p1
def test_slots(slots, finding):
    \"\"\"Nobody gets in.\"\"\"
    assert slots.free, finding("no slot", component="postgres")
"""
PROBE = """
@probe()
def slots() -> Slots:
    return Slots(free=0, limit=9)
"""


def mode(file):
    return stat.S_IMODE(file.stat().st_mode)


@pytest.fixture
def shared(tmp_path):
    """A folder that everybody may write, beside a file of ours that nobody else may."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "mine").chmod(0o600)
    return folder


def write(path, content=b"facts", **settings):
    files = Files(**settings)
    files.write(str(path), "snapshot", lambda: content)
    return files


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_file_is_private_whatever_the_umask(tmp_path, umask):
    """0600, also where a file that anybody can read stood before; the draft is gone."""
    (tmp_path / "facts.json").write_text("old")
    (tmp_path / "facts.json").chmod(0o644)
    before = os.umask(umask)
    try:
        files = write(tmp_path / "facts.json")
    finally:
        os.umask(before)

    assert not files.problem
    assert (tmp_path / "facts.json").read_bytes() == b"facts"
    assert mode(tmp_path / "facts.json") == 0o600
    assert os.listdir(tmp_path) == ["facts.json"]


def test_mode_is_widened_on_request(tmp_path):
    """A web server of another user may be meant to read the page."""
    write(tmp_path / "page.html", mode=0o644)

    assert mode(tmp_path / "page.html") == 0o644


def test_drafts_have_names_that_nobody_can_guess(tmp_path):
    """Two drafts of one process differ, and hold neither the file's name nor the process's number."""
    seen = []
    for _ in range(2):
        files = Files()
        files.write(str(tmp_path / "facts.json"), "snapshot", lambda: seen.append(os.listdir(tmp_path)) or b"")
    drafts = [name for names in seen for name in names if name != "facts.json"]

    assert len(set(drafts)) == 2
    assert not any(str(os.getpid()) in name or "facts" in name for name in drafts)


@as_root
def test_foreign_link_in_a_shared_folder_is_replaced_and_not_followed(shared, tmp_path):
    """The link's name becomes our file; what it pointed to is as it was."""
    (shared / "facts.json").symlink_to(tmp_path / "mine")
    os.lchown(shared / "facts.json", NOBODY, NOBODY)
    files = write(shared / "facts.json")

    assert not files.problem
    assert (tmp_path / "mine").read_text() == "precious"
    assert not (shared / "facts.json").is_symlink()
    assert (shared / "facts.json").read_bytes() == b"facts"


@as_root
def test_foreign_link_on_the_way_is_refused(shared, tmp_path):
    """A folder's name that somebody else has planted is one sentence."""
    (shared / "reports").symlink_to(tmp_path)
    os.lchown(shared / "reports", NOBODY, NOBODY)
    files = write(shared / "reports" / "mine")

    assert (tmp_path / "mine").read_text() == "precious"
    assert len(files.problem) == 1
    assert "symbolic link of another user" in files.problem[0]


@as_root
def test_foreign_pipe_in_a_shared_folder_is_refused(shared):
    """Somebody listening at the place of a snapshot gets nothing."""
    os.mkfifo(shared / "facts.json")
    os.chown(shared / "facts.json", NOBODY, NOBODY)
    reader = os.open(shared / "facts.json", os.O_RDONLY | os.O_NONBLOCK)
    try:
        files = write(shared / "facts.json")

        assert os.read(reader, 100) == b""
        assert files.problem == [f"the snapshot {shared}/facts.json could not be written: it belongs to another user"]
    finally:
        os.close(reader)


def test_own_link_is_followed(tmp_path):
    """`reports/latest.html` may lead to another disk: it stays a link."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "latest").symlink_to("elsewhere/page.html")
    files = write(tmp_path / "latest")

    assert not files.problem
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "elsewhere" / "page.html").read_bytes() == b"facts"


def test_circle_of_links_is_one_sentence(tmp_path):
    """So is a link to itself."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    assert "too many symbolic links" in write(tmp_path / "a").problem[0]


def test_failure_leaves_the_old_file_and_no_draft(tmp_path):
    """Whatever breaks while it is written, a bug of ours included."""
    (tmp_path / "facts.json").write_text("old")
    with pytest.raises(ZeroDivisionError):
        Files().write(str(tmp_path / "facts.json"), "snapshot", lambda: bytes([1 // 0]))

    assert os.listdir(tmp_path) == ["facts.json"]
    assert (tmp_path / "facts.json").read_text() == "old"


def test_special_files_stay_what_they_are(tmp_path):
    """/dev/null, a pipe with a reader; a pipe without one is refused instead of waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert "could not be written" in write(tmp_path / "pipe").problem[0]
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert not write(tmp_path / "pipe").problem
        assert os.read(reader, 100) == b"facts"
    finally:
        os.close(reader)
    assert not write("/dev/null").problem
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_dev_stdout_is_where_the_output_goes(tmp_path, to):
    """Also where it is a file: what was printed before stays."""
    code = "import sys; from tests.security.test_files import write; print('before', flush=True); write('/dev/stdout')"
    code += "; print(' after')"
    with (tmp_path / "out").open("wb") as file:
        out = subprocess.PIPE if to == "pipe" else file
        done = subprocess.run([sys.executable, "-c", code], stdout=out, check=True)

    assert (done.stdout or (tmp_path / "out").read_bytes()) == b"before\nfacts after\n"


def test_every_file_of_a_run_is_private(suite, pytester):
    """Page, JUnit file, result, snapshot, post-mortem and what is kept; in folders that were not there."""
    files = {"--html": "new/page.html", "--junitxml": "newer/junit.xml", "--json": "result.json"}
    files |= {"--save": "facts.json", "--postmortem": "incident.md"}
    run = suite(PROBE, CHECKS, *(f"{option}={file}" for option, file in files.items()))

    assert run.ret == 1
    for file in files.values():
        assert mode(pytester.path / file) == 0o600, file
    assert not list(pytester.path.rglob("*.tmp"))


def test_kept_runs_are_private(tmp_path):
    """They hold the same facts."""
    kept = add(History(tmp_path, "nightly", 3), NOW)

    assert mode(kept) == mode(kept.with_suffix(".html")) == 0o600


@as_root
def test_trap_at_the_place_of_a_kept_page_is_not_followed(shared, tmp_path):
    """The draft of a page has a name that can be guessed; a link that lies there is removed."""
    trap = shared / ".nightly-2026-11-25T030000Z.html.tmp"
    trap.symlink_to(tmp_path / "mine")
    os.lchown(trap, NOBODY, NOBODY)
    (shared / ".nightly-2026-11-25T030000Z.json.tmp").symlink_to(tmp_path / "mine")
    kept = add(History(shared, "nightly", 3), datetime(2026, 11, 25, 3, tzinfo=UTC))

    assert (tmp_path / "mine").read_text() == "precious"
    assert kept.is_file()


NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def add(history, started):
    result = b'{"version": %d, "stack": "motel", "started": "%s", "verdicts": []}'
    return history.add(started, b"<p>page", result % (VERSION, started.isoformat().encode()))


def stamps(folder):
    return sorted({file.stem.removeprefix("nightly-") for file in folder.glob("nightly-*.json")})


def test_a_clock_once_wrong_costs_no_true_run(tmp_path):
    """Thirty runs of 2099 stand there: the true ones stay, as many as were asked for, and it is said every time."""
    history = History(tmp_path, "nightly", 3)
    for number in range(30):
        add(history, datetime(2099, 1, 1, tzinfo=UTC) + timedelta(days=number))
    for number in range(5):
        own = add(history, NOW + timedelta(days=number))
        note = history.prune(own)

        assert "30 kept runs of nightly" in note
        assert "after now, up to 2099-01-30" in note
    true = [stamp for stamp in stamps(tmp_path) if stamp < "2090"]

    assert true == [f"2026-11-{day}T030000Z" for day in (27, 28, 29)]
    assert len(stamps(tmp_path)) == 33


def test_a_clock_that_is_wrong_now_costs_nothing_either(tmp_path):
    """A battery is empty, it is 1970: what is dated after that stays and is told of."""
    history = History(tmp_path, "nightly", 2)
    for number in range(4):
        add(history, NOW + timedelta(days=number))
    note = history.prune(add(history, datetime(1970, 1, 1, tzinfo=UTC)))

    assert "4 kept runs" in note
    assert len(stamps(tmp_path)) == 5


def test_the_true_runs_are_what_the_next_is_compared_with(tmp_path):
    """A result of 2099 is no earlier run."""
    history = History(tmp_path, "nightly", 3)
    add(history, NOW)
    add(history, datetime(2099, 1, 1, tzinfo=UTC))
    now = Result(version=VERSION, stack="motel", started=NOW + timedelta(days=1), verdicts=())

    assert history.last(now).started == NOW


def test_machines_may_disagree_by_minutes_without_a_word(tmp_path):
    """Two machines share a folder; one is 40 s ahead."""
    history = History(tmp_path, "nightly", 3)
    add(history, NOW + timedelta(seconds=40))

    assert history.prune(add(history, NOW)) == ""


TRAVEL = """
import time_machine, datetime, os
if moment := os.environ.get("TRAVEL"):
    time_machine.travel(datetime.datetime.fromisoformat(moment), tick=True).start()
"""


def test_wrong_clock_from_end_to_end(suite, pytester, monkeypatch):
    """One night of 2099, then true ones: the true ones stay and the run says what stands there."""
    ini = pytester.path / "tox.ini"

    def night(moment):
        monkeypatch.setenv("TRAVEL", moment)
        text = ini.read_text()
        if "oncall_report" not in text:
            ini.write_text(text + "\noncall_report = reports/diagnosis.html\n")
        return suite(TRAVEL + PROBE, CHECKS, "--run-name=nightly", "--keep=2", "--self-contained-html")

    night("2026-11-20T03:00:00+00:00")
    night("2099-01-01T03:00:00+00:00")
    night("2099-01-02T03:00:00+00:00")
    night("2026-11-21T03:00:00+00:00")
    last = night("2026-11-22T03:00:00+00:00")
    kept = stamps(pytester.path / "reports")

    assert [stamp[:4] for stamp in kept].count("2099") == 2
    assert [stamp[:10] for stamp in kept if stamp < "2090"] == ["2026-11-21", "2026-11-22"]
    assert "bear a date after now" in last.stdout.str()
