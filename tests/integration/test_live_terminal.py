"""On a real terminal: a cause stands there while looks still hang, the last screen fits, and no text moves it."""

import re
import subprocess

import pytest

from stack import lifecycle
from tests.integration import hanging
from tests.integration.evil_backend import evil
from tests.integration.playbook_runs import ROOT, TRIES, clean_environment, was_starved
from tests.integration.pseudo_terminal import PAINT, ROWS, watched
from tests.patient import until_calm

DATABASE = "so far: P1 postgres: "
HUNG = re.compile(r"P1 frontend( \(likely\))?: frontend accepted the connection but did not answer")
ATTACK = (
    "\x1b[2J\x1b[1;1H\x1b[31m\x1b]0;owned\x07\x1b]8;;http://evil\x1b\\click\x1b[?1049h\x1bc\x9b2J\x00\b\b\b\x7f"
    "\r\n::error::no\r\n\x0b\x0c\u202egpj.\u2066 \u200b\ufeff\u2028"
)


@pytest.fixture
def two_faults(patient):
    """The database is stopped, and the frontend hangs: it accepts, and never answers."""
    patient.stop("postgres")
    with hanging.silent() as (port, _):
        patient.edit_target("frontend.url", f"http://127.0.0.1:{port}")
        yield patient


def seen_in_calm(runs, words, **how):
    """What was seen of a run that this machine had time for: on a busy one a page that hangs is "not known"."""
    for _ in range(TRIES):
        seen = watched(words, **how)
        if not was_starved(runs.folder):
            break
        until_calm()
    return seen


def ended(file):
    """When each look ended."""
    return {key: float(moment) for key, _, moment in (line.partition(" ") for line in file.read_text().splitlines())}


@pytest.mark.parametrize("how", ["terminal", "pipe", "dumb"])
def test_cause_is_there_while_a_hung_look_still_runs(two_faults, runs, tmp_path, how):
    """Within a second of its deciding fact, before the hung look is given up; with a terminal and without."""
    recorded = ("-p", "tests.integration.settled", f"--settled={tmp_path}/settled")
    words = runs.command(two_faults.home.target, *recorded)
    seen = seen_in_calm(runs, words, terminal=how != "pipe", TERM="dumb" if how == "dumb" else "xterm-256color")
    told, ends = seen.when(DATABASE), ended(tmp_path / "settled")

    assert seen.code == 1, seen.text
    assert told - ends["database_connection"] < 1.0
    assert told < ends["frontend_page"]
    assert ends["frontend_page"] < seen.when(HUNG) < ends["frontend_page"] + 1.0
    assert "waiting for the page that people open" in seen.text
    assert not re.search(r"(?m)^[.Fs?E]+ *(\[|$)", seen.text), "pytest's dots say nothing that these lines do not say"


def test_last_screen_answers_everything(two_faults, runs):
    """24 rows of 80 columns: both causes with their commands, from the first marker to the prompt."""
    seen = seen_in_calm(runs, runs.command(two_faults.home.target))
    screen = seen.screen()
    rows = [row.rstrip() for row in screen.display]
    end = next(number for number, row in enumerate(rows) if "end of diagnosis" in row)

    assert any("diagnosis of reference" in row for row in rows[:end])
    assert any(row.startswith("P1 postgres: postgres has ended") for row in rows)
    assert any(HUNG.match(row) for row in rows)
    assert sum(row.startswith("next ") for row in rows) == sum(row.startswith("respond  by ") for row in rows) == 2
    assert any(re.fullmatch(r"respond  by .*; explains \d+ failed, \d+ unknown", row) for row in rows)
    assert re.fullmatch(r"\d+ failed, .* in [\d.]+s", [row for row in rows if row][-1])
    assert not any("waiting for" in row for row in rows)
    assert (screen.cursor.x, screen.cursor.y < ROWS) == (0, True)


def test_readme_shows_what_a_run_looks_like(patient, runs):
    """The page that everybody reads first is not invented: but for numbers, a stopped database looks just so."""
    patient.stop("postgres")
    sample = (ROOT / "README.md").read_text().partition("-- diagnosis of ")[2].partition("end of diagnosis")[0]
    run = runs(patient.home.target)
    real = run.diagnosis.partition("-- diagnosis of ")[2].partition("end of diagnosis")[0]

    assert re.sub(r"\d+", "9", re.sub(r"/tmp/\S*?/(?=data/|logs/)", "", real)) == re.sub(r"\d+", "9", sample)


def test_waiting_is_one_line_that_is_rewritten(home, runs, tmp_path):
    """On a terminal it comes and goes in its own row; in a log it is a line every two seconds."""
    with hanging.silent() as (port, _):
        words = runs.command(hanging.aimed_at(port, lifecycle.running(home), tmp_path / "hung.toml"))
        seen, piped = watched(words), watched(words, terminal=False)
    rows = [line for line in seen.text.split("\n") if "waiting for" in line]
    seconds = [int(second) for second in re.findall(r"(?m)^waiting for .* \((\d+) of 10 s\)$", piped.text)]

    assert len(rows) <= 1 + seen.text.count("so far"), "a row of its own only below a cause"
    assert sum(row.count("waiting for") for row in rows) > len(rows)
    assert not any("waiting for" in row for row in seen.screen().display)
    assert seconds == list(range(2, 2 + 2 * len(seconds), 2))
    assert seconds


def test_fast_run_says_nothing_in_between(patient, runs):
    """Nobody is told of a wait that is over before they can read it."""
    seen = watched(runs.command(patient.home.target))

    assert seen.code == 0, seen.text
    assert "waiting for" not in seen.text
    assert "so far" not in seen.text
    assert "Healthy: " in seen.text


@pytest.mark.parametrize(
    ("variables", "options", "terminal", "coloured"),
    [
        ({}, (), True, True),
        ({"NO_COLOR": "1"}, (), True, False),
        ({"PY_COLORS": "0"}, (), True, False),
        ({"TERM": "dumb"}, (), True, False),
        ({}, ("--color=no",), True, False),
        ({}, (), False, False),
        ({"PY_COLORS": "1"}, (), False, True),
        ({}, ("--color=yes",), False, True),
    ],
    ids=lambda each: str(each),
)
def test_colour_is_for_those_who_want_it(replayed, variables, options, terminal, coloured):
    """As pytest decides it: a terminal has colours unless told otherwise, a file has none unless asked."""
    seen = watched([*replayed, *options], terminal=terminal, **variables)

    assert "diagnosis of reference" in seen.text
    assert bool(PAINT.search(seen.raw)) == coloured


@pytest.fixture(scope="module")
def replayed(home, tmp_path_factory):
    """The words of a run that replays a snapshot."""
    from tests.integration.playbook_runs import Runs

    folder = tmp_path_factory.mktemp("snapshot")
    runs = Runs(folder)
    assert runs(home.target, f"--save={folder}/facts.json").code == 0
    return runs.command(None, f"--replay={folder}/facts.json")


@pytest.mark.parametrize("verbose", [(), ("-v",)], ids=["short", "whole"])
def test_nothing_that_the_stack_says_moves_the_terminal(patient, runs, verbose):
    """Escape codes, bells, backspaces, CI commands and bidi signs in health, page, login and metrics: only shown."""
    with evil([ATTACK]) as (port, _):
        patient.edit_target("backend.url", f"http://127.0.0.1:{port}")
        patient.edit_target("frontend.url", f"http://127.0.0.1:{port}")
        for key in ("websocket.url", "websocket.public_url"):
            patient.edit_target(key, f"ws://127.0.0.1:{port}/realtime")
        seen = watched(runs.command(patient.home.target, *verbose))
    screen = seen.screen()
    rest = PAINT.sub(b"", seen.raw).decode()

    lines = re.sub(r"(waiting for [^\r\n]*\r +|collecting [.]* )\r", "", rest).split("\r\n")  # rewritten rows

    assert seen.code == 1, seen.text
    assert not verbose or "\\x1b[2J" in rest, "the attack is shown"
    assert [line for line in lines if not line.isprintable()] == []
    assert not any(line.startswith("::") for line in lines)
    assert screen.title == ""
    assert (screen.cursor.x, screen.margins) == (0, None)
    assert any("end of diagnosis" in row for row in screen.display)


def test_through_a_pipe_nothing_is_cut_and_lines_come_at_once(two_faults, runs):
    """`pytest -m p1 | cat`: the shell's own way, no escape, no row folded."""
    words = " ".join([*map(str, runs.command(two_faults.home.target)), "-m", "p1", "|", "cat"])
    done = subprocess.run(
        words, shell=True, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )
    lines = done.stdout.splitlines()

    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert lines[0].startswith(DATABASE)
    assert any(line.startswith("P1 postgres: postgres has ended") for line in lines)


def test_bug_in_the_report_costs_the_report_alone(patient, runs):
    """The terminal then tells all of it, with every check's evidence, and says that the file is missing."""
    patient.stop("postgres")
    run = runs(patient.home.target, "-p", "tests.integration.broken_report")

    assert run.code == 1
    assert "P1 postgres: postgres has ended" in run.diagnosis
    assert all(check in run.diagnosis for check in run.checks("failed", "unknown"))
    assert "could not be made: ZeroDivisionError: a chart without a height" in run.screen
    assert "no HTML report written; everything is above" in run.screen
