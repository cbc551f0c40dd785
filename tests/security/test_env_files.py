"""Env files as people write them, and as somebody writes them who wants a wrong secret, or our time. A12: no home."""

import subprocess
import sys
import time

import pytest

from oncall.finding import CouldNotCheck
from oncall.probes.auth.jwt_secret import WrittenSecret, written_in
from oncall.target.secrets import LARGEST_FILE, EnvFile, Secrets, load, parse_env_file
from tests.integration.playbook_runs import ROOT

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\nabc=\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """The secrets of a file with this text."""
    monkeypatch.chdir(tmp_path)

    def of(text, **environ):
        (tmp_path / ".env").write_text(text)
        return Secrets(environ, tmp_path / ".env", lambda value: None)

    return of


@pytest.mark.parametrize("quote", ["'", '"'])
def test_value_in_quotes_may_go_over_several_lines(secrets, quote):
    """A key as PEM; what stands behind it is read as well."""
    found = secrets(f"A=1\nKEY={quote}{PEM}{quote} # the key\nB=2\n")

    assert (found["A"], found["KEY"], found["B"]) == ("1", PEM, "2")


def test_assignments_within_quotes_are_none(secrets):
    """A line of a text that looks like an assignment belongs to the text."""
    found = secrets('TEXT="one\nPASSWORD=two\nthree"\n')

    assert "PASSWORD" not in found
    assert found["TEXT"] == "one\nPASSWORD=two\nthree"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("JWT_SECRET=abc PORT=3001\n", ("JWT_SECRET", "PORT")),
        ("export A=1 export B=2\n", ("A", "B")),
        ('A=1 B="2"\n', ("A", "B")),
        ('A="1" B=2\n', ("A",)),
        ("A='1'2\n", ("A",)),
        ('A="without an end\nB=1\n', ("A",)),
        ('A="without an end\nB="1"\n', ("A", "B")),
        ("A=1\nA=2 B=3\n", ("A", "B")),
    ],
)
def test_what_the_file_does_not_say_is_unknown_and_named(secrets, text, names):
    """Several assignments on one line, quotes that end elsewhere: a sentence with the name and the mend, no value."""
    found = secrets(text + "GOOD=yes\n")

    for name in names:
        with pytest.raises(CouldNotCheck, match=f"^{name} in .env (shares a line|has quotes that do not end)"):
            found[name]
    assert found["GOOD"] == "yes"


def test_a_key_over_several_lines_without_quotes_is_named(secrets):
    """Its first line alone is no key, though readers take it."""
    with pytest.raises(CouldNotCheck, match="^KEY in .env begins a text over several lines without quotes"):
        secrets(f"KEY={PEM}\nB=2\n")["KEY"]


def test_a_later_assignment_counts(secrets):
    """As in every reader of such files, the last one wins."""
    assert secrets("A=1 B=2\nA=3\n")["A"] == "3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DSN=host=db port=5432 dbname=app\n", "host=db port=5432 dbname=app"),
        ("OPTS=-Da=1 -Db=2\n", "-Da=1 -Db=2"),
        ("DSN='A=1 B=2'\n", "A=1 B=2"),
        ("DSN=x # or B=2\n", "x"),
        ("DSN=x#B=2\n", "x#B=2"),
    ],
)
def test_equal_signs_within_a_value_are_no_assignment(text, value):
    """Connection strings and options of other programs hold them."""
    file = parse_env_file(text)

    assert file.problems == {}
    assert [*file.values.values()] == [value]


def test_environment_still_serves_where_the_file_does_not_tell(secrets):
    """The environment comes first."""
    assert secrets("A=1 B=2\n", A="mine")["A"] == "mine"


def test_the_backends_own_secret_is_seen_as_it_was_written(tmp_path):
    """Its quotes are evidence; over several lines as well."""
    (tmp_path / "backend.env").write_text(f'A="x" # y\nJWT_SECRET="{PEM}"\nB=1 C=2\n')
    file = tmp_path / "backend.env"

    assert written_in(file, "backend.env_file", "A", wanted=True) == '"x" # y'
    written = WrittenSecret(written_in(file, "backend.env_file", "JWT_SECRET", wanted=True), "file")
    assert written.in_quotes
    assert written.meant == PEM
    assert written_in(file, "backend.env_file", "D", wanted=True) is None
    with pytest.raises(CouldNotCheck, match="^C in backend.env_file .* shares a line with another variable"):
        written_in(file, "backend.env_file", "C", wanted=True)


@pytest.mark.parametrize(
    "text",
    [
        "A=" + " " * 1_000_000 + "x",
        "A=x" + "\t" * 1_000_000 + "y",
        "A=x" + "\u2003" * 300_000 + "y",
        ("A=x" + " " * 199 + "y\n") * 5000,
        'A="' + '\\"' * 500_000,
        'A="\n' * 200_000,
        "A='" + "\\" * 1_000_000,
        "=" * 1_000_000,
        "A" * 1_000_000,
        "A=" + " B=" * 250_000,
        "\n" * 1_000_000,
        "\r" * 1_000_000,
        "# " * 500_000,
        "export " * 140_000,
        "A=1\n" * 200_000,
    ],
    ids=range(15),
)
def test_no_file_takes_long(tmp_path, text):
    """As much of anything as is read at all."""
    (tmp_path / ".env").write_text(text[: LARGEST_FILE // len(text[2].encode())])
    began = time.process_time()
    load(tmp_path / ".env")

    assert time.process_time() - began < 3


def test_file_that_is_not_there_is_no_problem(tmp_path):
    """Many run with the environment alone."""
    assert load(tmp_path / "none") == EnvFile()


def test_user_without_a_home_gets_a_diagnosis(tmp_path):
    """No HOME, and a user whom the password file does not know, as in many containers."""
    code = """
import os, sys, pathlib, pwd
from oncall.gate.redaction import installation_salt
from oncall.target.reader import read_target
import re2, oncall.facts, msgspec
read_target(pathlib.Path("oncall.toml"))
os.environ.pop("HOME", None), os.environ.pop("XDG_STATE_HOME", None)
if os.geteuid() == 0:
    os.setgid(54321), os.setuid(54321)
try:
    pathlib.Path.home()
except RuntimeError:
    assert len(installation_salt()) == 32
assert read_target(pathlib.Path("oncall.toml")).stack.secrets_file.endswith("~/x.env")
"""
    (tmp_path / "oncall.toml").write_text('secrets_file = "~/x.env"')
    tmp_path.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
