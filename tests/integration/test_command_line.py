"""Bad input of every kind: exit 4, clear sentences, never a traceback; and what people really type."""

import os
import re
import subprocess
import sys

import pytest

from tests.integration.playbook_runs import ROOT, clean_environment


def assert_refused(run, *words, code=4):
    assert run.code == code, run.screen
    assert "Traceback" not in run.screen
    assert "INTERNALERROR" not in run.screen
    assert all(word in run.screen for word in words), run.screen


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[backend]\nurll = 'http://localhost'\n", ["backend.urll", "backend.url"]),
        ("[limits]\nhealth_seconds = 'two'\n", ["limits.health_seconds must be a number above 0"]),
        ("[limits]\nhealth_seconds = -1\n", ["limits.health_seconds must be a number above 0"]),
        ("[postgres]\nport = 70000\n", ["postgres.port must be between 1 and 65535"]),
        ("[backend]\nurl = 'ftp://x'\n", ["backend.url must start with http:// or https://"]),
        ("[postgres]\nport = 1\nport = 2\n", ["line 3"]),
        ("this is no TOML", ["line 1"]),
        ("[postgres]\npassword = 'hunter2'\n", ["postgres.password"]),
        ("[accepted]\ntest_x = 1\n", ["accepted.test_x"]),
        (
            "[accepted]\ntest_database_acepts_writes = { reason = 'typo', until = 2030-01-01 }\n",
            ["test_database_acepts_writes is not a check; did you mean test_database_accepts_writes?"],
        ),
    ],
)
def test_wrong_target_is_refused_in_clear_sentences(runs, tmp_path, text, words):
    """Each wrong key is named with the file; nothing is looked at."""
    (tmp_path / "wrong.toml").write_text(text)
    run = runs(tmp_path / "wrong.toml")

    assert_refused(run, "wrong.toml", *words)
    assert "hunter2" not in run.screen
    assert not (tmp_path / "result.json").exists()


def test_target_that_is_no_file_is_refused(runs, tmp_path):
    """A missing file, a folder, a pipe, bytes that are no text."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff\xfe'\n")

    assert_refused(runs(tmp_path / "none.toml"), "there is no such file")
    assert_refused(runs(tmp_path), "is a folder")
    assert_refused(runs(tmp_path / "pipe"), "is not a regular file")
    assert_refused(runs(tmp_path / "bytes.toml"), "is not UTF-8 text")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget=soon"], ["--budget", "invalid number of seconds value: 'soon'"]),
        (["--budget=0"], ["--budget", "invalid number of seconds value: '0'"]),
        (["--budget=-1"], ["--budget"]),
        (["--budget=nan"], ["--budget"]),
        (["--budget=inf"], ["--budget"]),
        (["--fail-on=p5"], ["--fail-on", "p5"]),
        (["--active=teleport"], ["--active teleport: no check needs it", "hold"]),
        (["-m", "p11"], ["p11"]),
        (["-m", "p1 and"], ["p1 and"]),
        (["-k", "("], ["("]),
        (["checks/p9_nothing"], ["p9_nothing"]),
        (["--assert=plain"], ["--assert=plain is refused"]),
    ],
    ids=str,
)
def test_wrong_option_is_refused_in_one_sentence(home, runs, tmp_path, options, words):
    """Exit 4, the option and what is wrong with it, no report."""
    run = runs(home.target, *options)

    assert_refused(run, *words)
    assert not (tmp_path / "report.html").exists()


def test_optimised_python_is_refused(home, runs):
    """python -O removes every assert, so that no check could ever fail."""
    python, *rest = runs.command(home.target)

    assert_refused(runs.typed(python, "-O", *rest), "python -O")


def test_selection_that_selects_nothing_is_not_green(home, runs, tmp_path):
    """Exit 5, and last night's report stays."""
    run = runs(home.target, "-k", "nothing_like_this")

    assert run.code == 5


def test_target_may_be_typed_with_a_blank_and_lie_outside(home):
    """`pytest -m p1 --target /elsewhere/oncall.toml`, as people type it, runs the checks of the checkout."""
    words = [sys.executable, "-m", "pytest", "--target", home.target, "-m", "p1", "--html=/dev/null"]
    done = subprocess.run(words, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60)

    assert done.returncode in (0, 6), done.stdout
    assert "diagnosis of reference" in done.stdout
    assert re.search(r"answered P1 (\d+)/\1\n", done.stdout)


def test_target_may_come_from_the_environment(home, runs):
    """ONCALL_TARGET names the file when no option does."""
    run = runs(None, ONCALL_TARGET=str(home.target))

    assert run.code == 0, run.screen
    assert "diagnosis of reference" in run.screen


def test_proxies_of_the_environment_are_never_used(home, runs):
    """A proxy that leads nowhere changes nothing: a stack is reached directly or not at all."""
    nowhere = "http://127.0.0.1:9"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "SOCKS_PROXY")
    proxies = {spelling: nowhere for name in names for spelling in (name, name.lower())}
    run = runs(home.target, **proxies)

    assert run.code == 0, run.screen


def test_fail_on_excuses_lesser_severities(patient, runs):
    """With --fail-on p2 a finding of p3 is told and does not fail the run; without it does."""
    patient.edit_target("limits.query_mean_seconds", 0.0000001)

    run = runs(patient.home.target, "--fail-on=p2")
    strict = runs(patient.home.target)

    assert run.checks("failed") == strict.checks("failed") == {"test_no_query_is_slow_on_average"}
    assert "test_no_query_is_slow_on_average" in run.diagnosis
    assert (run.code, strict.code) == (0, 1)


@pytest.mark.parametrize(
    "variables",
    [{"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}],
    ids=["LANG=C", "ascii"],
)
def test_any_locale_shows_the_diagnosis(patient, runs, variables):
    """Signs that a stream cannot take are written another way; nothing is lost, nothing crashes."""
    patient.stop("postgres")
    run = runs(patient.home.target, **variables)

    assert run.code == 1
    assert "UnicodeEncodeError" not in run.screen
    assert "end of diagnosis" in run.screen
    assert run.screen.isascii()


def test_no_line_is_cut_without_a_terminal(patient, runs):
    """With -v, every reason and every command stands in a cron mail in full, whatever COLUMNS says."""
    patient.stop("postgres")
    run = runs(patient.home.target, "-v", COLUMNS="40")

    reasons = {verdict["reason"] for verdict in run.verdicts.values() if verdict["outcome"] == "unknown"}
    assert reasons
    assert all(any(reason in line for line in run.screen.splitlines()) for reason in reasons)
    assert "..." not in run.diagnosis.replace("... ", "")


def test_former_spellings_are_hidden_aliases(runs, home, tmp_path):
    """What stood in a cron line of the last release still works, and is not advertised."""
    run = runs(home.target, f"--result={tmp_path}/former.json", "--notify-on=sick", "--with=hold", "-m", "p1")
    shown = runs(None, "--help").screen

    assert run.code == 0, run.screen
    assert (tmp_path / "former.json").exists()
    assert "--json" in shown
    assert not [
        line for line in shown.splitlines() if line.strip().startswith(("--with", "--result", "--after", "--run="))
    ]
