"""Secrets: where they are looked up, what is said of a missing one, and that none is shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oncall.finding import CouldNotCheck
from oncall.target.secrets import Secrets, meant, parse_env_file, read_env_file

ROOT = Path(__file__).parent.parent


@pytest.fixture
def learned():
    """What the redactor was told."""
    return []


@pytest.fixture
def secrets(tmp_path, monkeypatch, learned):
    """Secrets of an environment and a file's text."""
    monkeypatch.chdir(tmp_path)

    def make(text="", **environ):
        (tmp_path / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())
        return Secrets(environ, tmp_path / ".env", learned.append)

    return make


def test_environment_wins_over_the_file(secrets):
    """The environment is the nearer word."""
    found = secrets("A=file\nB=file\n", A="environment")

    assert (found["A"], found["B"]) == ("environment", "file")


def test_every_value_handed_out_is_learned_first(secrets, learned):
    """What leaves this place can be redacted; what nobody asked for stays unknown."""
    found = secrets("A=one\nB=two\nC=three\n")

    assert found["A"] + (found.get("B") or "") + found.expand("${T}", T="four") == "onetwofour"
    assert learned == ["one", "two", "four"]


def test_missing_variable_says_where_to_put_it(secrets):
    """The sentence names the variable and both places."""
    with pytest.raises(CouldNotCheck) as caught:
        secrets("OTHER=1")["ONCALL_DB_PASSWORD"]

    assert str(caught.value) == "ONCALL_DB_PASSWORD is not set: put it into the environment or into .env"


def test_missing_file_is_no_problem(tmp_path):
    """Many run with the environment alone."""
    with pytest.raises(CouldNotCheck, match=r"A is not set: put it into the environment or into .*no\.env$"):
        Secrets({}, tmp_path / "no.env", print)["A"]
    with pytest.raises(CouldNotCheck, match="A is not set: put it into the environment$"):
        Secrets({}, None, print)["A"]


@pytest.mark.parametrize(("text", "environ"), [("A=\n", {}), ("", {"A": ""}), ('A="  "\n', {"A": " "})])
def test_empty_variable_counts_as_not_set(secrets, text, environ):
    """An empty password is a slip, and is said to be empty."""
    found = secrets(text, **environ)

    with pytest.raises(CouldNotCheck, match="^A is empty: put it into the environment or into .env$"):
        found["A"]
    assert "A" not in found


def test_empty_environment_falls_through_to_the_file(secrets):
    """Compose and CI set variables to nothing; the file still counts."""
    assert secrets("A=file", A="")["A"] == "file"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "it is a folder"),
        ("pipe", "it is not a regular file"),
        ("latin", "it is not UTF-8 text"),
        ("large", "it is larger than 256 KiB"),
        ("x" * 300, "file name too long"),
    ],
)
def test_unreadable_file_is_said_and_the_environment_still_serves(tmp_path, monkeypatch, name, why):
    """A broken secrets file makes only its own secrets unknown."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"A=\xff\n")
    (tmp_path / "large").write_bytes(b"#" * (1 << 21))
    secrets = Secrets({"HERE": "x"}, Path(name), lambda value: None)

    assert secrets["HERE"] == "x"
    with pytest.raises(CouldNotCheck, match="^A is not set in the environment, and .* cannot be read: " + why):
        secrets["A"]


def test_forbidden_file_is_said(tmp_path):
    """A secrets file that this user may not read is named with the reason."""
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / ".env").chmod(0)
    code = """
import os, sys
from pathlib import Path
from oncall.target.secrets import CouldNotCheck, Secrets
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.chown(".", 65534, 65534)
    os.setuid(65534)
try:
    Secrets({}, Path(".env"), print)["A"]
except CouldNotCheck as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)

    assert result.stdout == "A is not set in the environment, and .env cannot be read: permission denied\n"
    assert result.stderr == ""


def test_expand_fills_only_braced_names(secrets):
    """Only ${NAME} is filled in, $${ stands for the signs, and a filled-in value is not read again."""
    found = secrets("A=one\nB=${A}\n")

    assert found.expand("x ${A} $A $(A) {A} $${A} ${B} ${TOKEN}", TOKEN="t$") == "x one $A $(A) {A} ${A} ${A} t$"


def test_expand_of_a_missing_name_could_not_check(secrets):
    """A header whose secret is missing is not sent half filled."""
    with pytest.raises(CouldNotCheck, match="NOPE is not set"):
        secrets().expand("Bearer ${NOPE}")


def test_no_value_is_shown(secrets):
    """Neither repr nor str shows a value."""
    found = secrets("A=canary1", B="canary2")

    assert repr(found) == str(found) == "<Secrets of the environment and .env>"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain", "plain"),
        ("with blanks  ", "with blanks"),
        ("a#b", "a#b"),
        ("a #b", "a"),
        ("# nothing", ""),
        ("'single # $ \\n'", "single # $ \\n"),
        ("'a' # comment", "a"),
        (r'"two\nlines \"q\" \\ \$ \x"', 'two\nlines "q" \\ $ \\x'),
        ('"unbalanced', '"unbalanced'),
        ("it's", "it's"),
        ("'a'b", "'a'b"),
        ("a=b=", "a=b="),
        ("${OTHER}", "${OTHER}"),
        ("", ""),
    ],
)
def test_dialect_of_the_file(written, value):
    """The file means what Compose takes it to mean, but for ${NAME}s, which stay."""
    assert meant(written) == value


def test_raw_values_show_the_mistakes():
    """The look at the backend's secret must see quotes, comments and ${...} as they were written."""
    text = '\ufeffA=\'x\'\r\n# B=no\r\nexport  C = "${D}" # c\r\n\r\nnonsense\r\nA="last"  \r\n1X=2\r\nE=\r\n'

    assert parse_env_file(text).written == {"A": '"last"  ', "C": '"${D}" # c', "E": ""}


def test_file_with_mark_and_windows_ends(secrets, tmp_path):
    """A file saved by a Windows editor reads as any other."""
    secrets(b"\xef\xbb\xbfA=one\r\nexport B='two'\r\n")

    assert read_env_file(tmp_path / ".env") == {"A": "one", "B": "two"}


def test_account_name_is_no_secret():
    """An account called "probe" must not mask that word in every report."""
    learned = []

    assert Secrets({"ACCOUNT": "probe"}, None, learned.append).plain("ACCOUNT") == "probe"
    assert learned == []
