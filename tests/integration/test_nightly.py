"""The night run as docs/nightly.md has it: cron, systemd, several at once, other users, and whom it informs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stack import lifecycle
from tests.integration.playbook_runs import ROOT, checkout, clean_environment
from tests.listening import listening
from tests.patient import quiet, running
from tests.result_files import hold_against_schema

PAGE = (ROOT / "docs/nightly.md").read_text()
UNREADABLE = "test_jwt_secret_is_the_same_everywhere"  # an ordinary user reads no environment of another's process
CRON = re.findall(r"```cron\n(?:\S+ ){5} *(.+)\n```", PAGE)
SERVICE, TIMER = re.findall(r"```ini\n(.+?)```", PAGE, re.DOTALL)
AS_WRITTEN = "/opt/pytest-oncall"
RUN = re.compile(r"nightly-\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?")
DATABASE = "test_database_is_reachable"

needs_other_user = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="becoming another user needs root and setpriv"
)


def test_the_readme_has_the_same_line():
    """What is executed here is what people copy there."""
    assert f"`0 3 * * *  {CRON[0]}`" in (ROOT / "README.md").read_text()


class Checkout:
    """A checkout as it stands in /opt: the suite, its environment, the target of a running stack."""

    def __init__(self, folder, target):
        self.folder = checkout(folder)
        (folder / ".venv").symlink_to(sys.prefix)
        shutil.copy(target, folder / "oncall.toml")
        with (folder / "oncall.toml").open("a") as file:
            file.write(f"\n[accepted]\n{UNREADABLE} = {{ reason = 'no root at night', until = 2199-12-31 }}\n")
        self.reports = folder / "reports"
        self.reports.mkdir()
        self.home = folder.parent

    def begin(self, line, within=(), **variables):
        """A line as cron starts it: no terminal, no input, /bin/sh, and nothing in the environment but a home."""
        environment = [f"{name}={value}" for name, value in ({"HOME": self.home} | variables).items()]
        line = line.replace(AS_WRITTEN, str(self.folder))
        words = ["sh", "-c", 'exec "$@" <&-', "sh", *within, "env", "-i", *environment, "/bin/sh", "-c", line]
        return subprocess.Popen(
            words, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def night(self, *options, within=(), line=None, code=0, **variables):
        """One run by the first line of the page; returns what it said."""
        process = self.begin(" ".join([line or CRON[0], *options]), within, **variables)
        said, _ = process.communicate(timeout=60)
        text = said.decode()

        assert process.returncode == code, text
        assert "Traceback" not in text
        assert "INTERNALERROR" not in text
        return text

    def results(self, name="nightly"):
        """Every kept result, the oldest first, each held against the schema."""
        found = [json.loads(file.read_text()) for file in sorted(self.reports.glob(f"{name}-*.json"))]
        for one in found:
            hold_against_schema(one)
        return sorted(found, key=lambda one: one["started"])

    def stems(self):
        return {file.stem for file in self.reports.glob("nightly-*")}

    def untidy(self):
        """Drafts, and kept runs of which one half is missing."""
        drafts = [*self.reports.glob(".*")]
        return drafts + [
            stem for stem in self.stems() for kind in ("html", "json") if not (self.reports / f"{stem}.{kind}").exists()
        ]


@pytest.fixture
def opt(home, tmp_path):
    """A checkout that looks at the running stack."""
    return Checkout(tmp_path / "opt", home.target)


def test_cron_line_works_night_after_night(opt, patient):
    """The line of the page, in cron's own poor environment: each night says what is new, still there, gone."""
    first = opt.night()
    patient.stop("postgres")
    second = opt.night(code=1)
    third = opt.night(code=1)
    lifecycle.heal(patient.home, quiet)
    fourth = opt.night()

    nights = opt.results()
    assert len(nights) == 4
    assert not opt.untidy()
    assert all(RUN.fullmatch(stem) for stem in opt.stems())
    assert "Healthy" in first
    assert "since" not in first
    assert nights[0]["comparison"] is None
    assert "new      P1 connection refused at" in second
    assert DATABASE in [one["check"] for one in nights[1]["comparison"]["new"]]
    assert nights[1]["comparison"]["earlier"] == nights[0]["started"]
    assert "still    P1 connection refused at" in third
    assert {one["since"] for one in nights[2]["comparison"]["still"]} == {nights[1]["started"]}
    assert nights[2]["comparison"]["new"] == nights[2]["comparison"]["unclear"] == []
    assert "gone     P1 connection refused at" in fourth
    assert [one["since"] for one in nights[3]["comparison"]["gone"]] == [nights[1]["started"]] * len(
        nights[2]["comparison"]["still"]
    )
    newest = opt.reports / "nightly.html"
    assert newest.read_bytes() == max(opt.reports.glob("nightly-*.html"), key=lambda file: file.name).read_bytes()


def test_cron_line_that_mails_only_problem(opt, patient):
    """Nothing is printed by a healthy night, the whole diagnosis by a sick one."""
    assert opt.night(line=CRON[1]) == ""

    patient.stop("postgres")
    process = opt.begin(CRON[1])
    said, _ = process.communicate(timeout=60)

    assert "end of diagnosis" in said.decode()
    assert len(opt.results()) == 2


def test_outage_run_leaves_the_nightly_report_alone(opt):
    """Without a name it goes under its own; and a named one of another selection is not compared."""
    opt.night()
    before = {file: file.read_bytes() for file in opt.reports.iterdir()}
    outage = opt.night(line=f"cd {AS_WRITTEN} && .venv/bin/pytest -m p1")

    assert {file: file.read_bytes() for file in before} == before
    assert "since" not in outage
    assert [one["name"] for one in opt.results("diagnosis")] == ["diagnosis"]
    assert (opt.reports / "diagnosis.html").exists()

    opt.night("-m p1")
    assert [one["comparison"] for one in opt.results()] == [None, None]


def test_only_the_last_runs_stay(opt):
    """--keep 2, three nights; somebody's own file stays."""
    own = opt.reports / "nightly-2020-01-01.html"
    own.write_text("somebody's")
    for _ in range(3):
        opt.night("--keep=2")

    assert len(opt.results()) == 2
    assert own.read_text() == "somebody's"
    assert len(opt.results()[-1]["comparison"]["new"]) == 0


def test_three_at_once(opt):
    """Each is kept whole, and the newest page is one of theirs."""
    processes = [opt.begin(CRON[0]) for _ in range(3)]
    said = [process.communicate(timeout=90)[0].decode() for process in processes]

    assert [process.returncode for process in processes] == [0] * 3, said
    assert len(opt.results()) == 3
    assert not opt.untidy()
    pages = [file.read_bytes() for file in opt.reports.glob("nightly-*.html")]
    assert (opt.reports / "nightly.html").read_bytes() in pages
    assert len({one["started"] for one in opt.results()}) == 3


def test_a_replay_is_compared_and_not_kept(opt, patient, tmp_path):
    """A snapshot says what was new when it was taken; the folder stays as it was."""
    opt.night()
    patient.stop("postgres")
    opt.night(f"--save={tmp_path}/snap.json", code=1)
    before = {file.name for file in opt.reports.iterdir()}
    said = opt.night(f"--replay={tmp_path}/snap.json", code=1, ONCALL_PING="http://127.0.0.1:9/x")

    assert "new      P1 connection refused at" in said
    assert "heartbeat" not in said
    assert {file.name for file in opt.reports.iterdir()} == before | {"diagnosis.html"}


@pytest.mark.parametrize("name", ["'../x'", "Nightly", "'a b'", "''"])
def test_wrong_name_is_one_sentence(opt, name):
    """Exit 4, and nothing is written."""
    said = opt.night(line=f"cd {AS_WRITTEN} && .venv/bin/pytest --run-name={name}", code=4)

    assert said.strip() == (
        "ERROR: --run-name must be a name such as nightly: lower-case letters, digits and single dashes, 60 at most"
    )
    assert not [*opt.reports.iterdir()]


@pytest.mark.parametrize(
    "option", ["--keep=0", "--keep=many", "--ping=ftp://tok3n-secret", "--notify=tok3n-secret", "--notify-on=never"]
)
def test_wrong_option_is_one_sentence(opt, option):
    """Exit 4; an address is not repeated."""
    said = opt.night(option, code=4)

    assert option.partition("=")[0] in said
    assert "tok3n" not in said


# As another user.


@pytest.fixture(scope="module")
def shared():
    """A stack whose files everybody may read, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="oncall-nightly-"))
    folder.chmod(0o755)
    try:
        with running(folder) as home:
            subprocess.run(["chmod", "-R", "o+rX", home.path], check=True)
            yield folder, home
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def common(shared):
    """A checkout that root and nobody share."""
    folder, home = shared
    place = Path(tempfile.mkdtemp(dir=folder))
    place.chmod(0o755)
    return Checkout(place / "opt", home.target)


@pytest.fixture(scope="module")
def nobody():
    """What to start a command with, so that it runs as nobody.

    A Python below /root is closed to everybody else: nobody may then read everything, and write no more than before.
    """
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reading = [*plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    for within in (plain, reading):
        words = [*within, "/bin/sh", "-c", f"exec {sys.executable} -c 'import oncall.plugin'"]
        if subprocess.run(words, cwd="/", capture_output=True).returncode == 0:
            return within
    pytest.skip("nobody cannot start this Python")


@needs_other_user
def test_other_user_runs_the_cron_line_twice(common, nobody):
    """With a folder of their own it is the same as for root, without a home to write to."""
    os.chown(common.reports, 65534, 65534)
    common.home = "/nonexistent"
    common.night(within=nobody)
    said = common.night(within=nobody)

    assert "nothing new, nothing gone" in said
    assert "PROBLEM" not in said
    assert len(common.results()) == 2


@needs_other_user
def test_users_share_a_folder(common, nobody):
    """Where everybody may write, each goes on where the other stopped, and removes what is too old of either."""
    common.reports.chmod(0o777)
    common.night("--keep=2")
    common.night("--keep=2", within=nobody)
    said = common.night("--keep=2", within=nobody)

    assert "nothing new, nothing gone" in said
    assert "PROBLEM" not in said
    assert len(common.results()) == 2
    assert (common.reports / "nightly.html").stat().st_uid == 65534


@needs_other_user
def test_file_of_another_user_that_cannot_go_is_told(common, nobody):
    """In a folder as /tmp is, what belongs to root stays: one line each, the run is kept, the diagnosis is whole."""
    common.reports.chmod(0o1777)
    common.night()
    (common.reports / "nightly.html").unlink()
    said = common.night("--keep=1", within=nobody)

    assert "PROBLEM  2 old files of the run nightly in" in said
    assert "could not be removed: Operation not permitted" in said
    assert len(common.results()) == 2

    common.night()
    common.night(within=nobody, code=6)  # now the newest page is root's: it cannot be replaced
    assert len(common.results()) == 4


@needs_other_user
def test_folder_that_is_not_writable_costs_nothing_but_the_files(common, nobody):
    """The terminal tells all of it; healthy is exit 6."""
    said = common.night(within=nobody, code=6)

    assert "Healthy" in said
    assert "no HTML report written; everything is above" in said
    assert said.count("Permission denied") == 2
    assert not [*common.reports.iterdir()]


# With systemd.


def test_units_are_right(tmp_path):
    """systemd's own reader finds nothing to say about the units of the page."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    service = SERVICE.replace(f"{AS_WRITTEN}/.venv/bin/pytest", sys.executable).replace("User=oncall", "User=root")
    (tmp_path / "oncall-nightly.service").write_text(service.replace(AS_WRITTEN, str(tmp_path)))
    (tmp_path / "oncall-nightly.timer").write_text(TIMER)
    units = [tmp_path / "oncall-nightly.service", tmp_path / "oncall-nightly.timer"]
    environment = clean_environment(SYSTEMD_LOG_LEVEL="warning", SYSTEMD_UNIT_PATH=f"{tmp_path}:")
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, env=environment)

    assert [line for line in done.stderr.splitlines() if "oncall-nightly" in line] == []


def test_command_of_the_unit_works(opt):
    """As systemd starts it: in its folder, with a path and a language, without a home."""
    command = re.search("ExecStart=(.+)", SERVICE)[1]
    folder = re.search("WorkingDirectory=(.+)", SERVICE)[1]
    said = opt.night(line=f"unset HOME; cd {folder}; exec {command}", PATH="/usr/bin:/bin", LANG="C.UTF-8")

    assert "Healthy" in said
    assert len(opt.results()) == 1


# Whom it informs.


def test_dead_man_address_hears_how_it_ended(opt, patient):
    """Healthy: the address; sick: the address and the exit code, with the diagnosis; never the token itself."""
    with listening() as server:
        address = f"{server.url}/5f2b9c1e-token"
        healthy = opt.night(f"--ping={address}")
        patient.stop("postgres")
        sick = opt.night(code=1, ONCALL_PING=address)

    assert [call.path for call in server.calls] == ["/5f2b9c1e-token", "/5f2b9c1e-token/1"]
    assert "Healthy" in server.calls[0].body
    assert "connection refused at" in server.calls[1].body
    assert "new      P1" in server.calls[1].body
    kept = "".join(file.read_text() for file in opt.reports.iterdir())
    for text in (healthy, sick, kept, *(call.body for call in server.calls)):
        assert "5f2b9c1e" not in text
        assert all(secret not in text for secret in patient.secrets.values())


def test_dead_man_address_may_stand_beside_the_other_secrets(opt, patient):
    """cron's environment holds nothing, so .env does."""
    with listening() as server:
        patient.edit_secrets(ONCALL_PING=f"{server.url}/5f2b9c1e-token")
        opt.night()

    assert [call.path for call in server.calls] == ["/5f2b9c1e-token"]


def test_dead_man_address_that_hangs_costs_five_seconds_at_the_end(opt):
    """The diagnosis and the files are there before; one line tells of it, and the exit code stays."""
    with listening(hangs=60) as server:
        said = opt.night(f"--ping={server.url}/5f2b9c1e-token")

    *_, counted, problem = said.strip().splitlines()
    assert "passed" in counted
    assert problem == "PROBLEM  the heartbeat URL could not be called: no answer within 5 s"
    assert len(opt.results()) == 1


@pytest.mark.parametrize(
    ("address", "words"),
    [("http://127.0.0.1:9/5f2b9c1e-token", "Connection refused"), ("5f2b9c1e-token", "must be an address")],
)
def test_dead_man_address_that_does_not_work_changes_no_exit_code(opt, address, words):
    """One line, without the address."""
    said = opt.night(ONCALL_PING=address)

    assert said.count("heartbeat") == 1
    assert words in said
    assert "5f2b9c1e" not in said


def test_dead_man_address_hears_of_a_night_without_checks(opt):
    """A selection that selects nothing must not pass for a healthy night."""
    with listening() as server:
        opt.night("-k nothing_like_this", code=5, ONCALL_PING=f"{server.url}/x")

    assert [call.path for call in server.calls] == ["/x/5"]
    assert "No check was run" in server.calls[0].body


def test_outage_run_does_not_pass_for_the_night(opt):
    """The variables speak for named runs alone; an address that is typed is always called."""
    line = f"cd {AS_WRITTEN} && .venv/bin/pytest -m p1"
    with listening() as server:
        opt.night(line=line, ONCALL_PING=f"{server.url}/night")
        opt.night(f"--ping={server.url}/typed", line=line, ONCALL_PING=f"{server.url}/night")

    assert [call.path for call in server.calls] == ["/typed"]


def test_no_address_is_called_for_a_suite_of_somebody_else(suite):
    """The plugin is inert where no check uses a probe, whatever stands in the environment."""
    with listening() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ONCALL_PING", f"{server.url}/x")
        environment.setenv("ONCALL_NOTIFY", server.url.replace("http", "json"))
        suite("", "def test_one(): assert 1").assert_outcomes(passed=1)

    assert server.calls == []


def test_message_is_sent_when_something_is_wrong(opt, patient):
    """The text for the incident channel, and what is new; a healthy night sends none."""
    with listening() as server:
        address = server.url.replace("http", "json") + "/tok3n-4711"
        opt.night(ONCALL_NOTIFY=address)
        assert server.calls == []
        patient.stop("postgres")
        said = opt.night(f"--notify={address}", code=1)

    (call,) = server.calls
    told = json.loads(call.body)
    assert told["title"].startswith("reference: P1 postgres")
    assert "connection refused at" in told["message"]
    assert "new: P1 connection refused at" in told["message"]
    assert "tok3n" not in said + call.body


def test_message_on_change_alone(opt, patient):
    """With --notify-on change a known problem is told once, and so is its end."""
    with listening() as server:
        address = server.url.replace("http", "json")
        options = ["--notify-on=change", f"--notify={address}"]
        opt.night(*options)
        patient.stop("postgres")
        opt.night(*options, code=1)
        opt.night(*options, code=1)
        lifecycle.heal(patient.home, quiet)
        opt.night(*options)

    told = [json.loads(call.body) for call in server.calls]
    assert [one["type"] for one in told] == ["failure", "success"]
    assert "gone: P1 connection refused at" in told[1]["message"]


def test_message_that_cannot_be_sent_is_told(opt, patient):
    """One line an address, by the name of its service alone."""
    patient.stop("postgres")
    said = opt.night("--notify=json://127.0.0.1:9/tok3n-4711", "--notify=nosuch://tok3n-4711", code=1)

    assert "PROBLEM  the message to json was not sent: the service did not take it" in said
    assert "PROBLEM  the message to nosuch was not sent: apprise does not know such an address" in said
    assert "tok3n" not in said
