"""Whatever cannot be written, the terminal tells the whole diagnosis; a report is replaced as a whole or not at all."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.playbook_runs import ROOT

OLD = "the report of last night"


def namespaces_are_refused():
    try:
        return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False).returncode != 0
    except FileNotFoundError:
        return True


needs_mounts = pytest.mark.skipif(
    namespaces_are_refused(), reason="mounting in a private namespace is not allowed here (needs root and unshare)"
)


@pytest.fixture(params=["healthy", "sick"])
def condition(request, patient):
    """A stack in either state, and the exit code of a run that cannot write its files."""
    if request.param == "sick":
        patient.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    return {"healthy": 6, "sick": 1}[request.param]


def privately(script, *arguments):
    """A command that changes mounts for itself alone, then becomes what follows it."""
    count = len(arguments)
    return ["unshare", "-m", "sh", "-ec", f'{script}\nshift {count}; exec "$@"', "sh", *map(str, arguments)]


def assert_diagnosis_is_whole(run, condition):
    assert run.code == condition, run.screen
    assert "Traceback" not in run.screen
    assert "INTERNALERROR" not in run.screen
    assert "end of diagnosis" in run.screen
    if condition == 1:
        assert "test_database_accepts_writes" in run.diagnosis
        assert "PLAYBOOK.md" in run.diagnosis
    else:
        assert "Healthy" in run.diagnosis


FULL_TMP = """
full="$1/full-tmp"
mkdir -p "$full"
mount -t tmpfs -o size=64k tmpfs "$full"
printf '%s\n' "$1" "$2" "$3" | while read -r kept; do
  case "$kept" in /tmp/*) mkdir -p "$full/${kept#/tmp/}"; mount --bind "$kept" "$full/${kept#/tmp/}";; esac
done
mount --rbind "$full" /tmp
cat /dev/zero > /tmp/filling 2>/dev/null || true
"""


@needs_mounts
def test_full_tmp_changes_nothing(condition, patient, runs, tmp_path_factory):
    """A full /tmp stops neither the run nor the report."""
    kept = [tmp_path_factory.getbasetemp(), patient.data.parent, ROOT]
    run = runs(patient.home.target, within=privately(FULL_TMP, *kept))

    assert_diagnosis_is_whole(run, condition if condition == 1 else 0)
    assert "Diagnosis" in run.report


FULL_REPORTS = """
mount -t tmpfs -o size=64k tmpfs "$1"
printf %s "the report of last night" > "$1/diagnosis.html"
cp "$1/diagnosis.html" "$1/diagnosis.xml"
cat /dev/zero > "$1/filling" 2>/dev/null || true
"""
READ_ONLY_REPORTS = """
printf %s "the report of last night" > "$1/diagnosis.html"
cp "$1/diagnosis.html" "$1/diagnosis.xml"
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
"""
THEN_SHOW = """
set +e; folder="$1"; shift
"$@"; code=$?
echo "REPORT: $(cat "$folder/diagnosis.html")"
echo "FILES:" $(ls -A "$folder")
exit $code
"""


@needs_mounts
@pytest.mark.parametrize("problem", [FULL_REPORTS, READ_ONLY_REPORTS], ids=["full", "read-only"])
def test_report_that_cannot_be_written_leaves_the_old_one(condition, home, runs, tmp_path, problem):
    """Full or unwritable: the terminal says so, last night's report stays as it was, nothing is left beside it."""
    folder = tmp_path / "reports"
    folder.mkdir()
    files = [f"--{option}={folder}/diagnosis.{ending}" for option, ending in (("html", "html"), ("junitxml", "xml"))]
    files += [f"--save={folder}/facts.json", f"--json={folder}/result.json"]
    within = ["unshare", "-m", "sh", "-ec", problem + THEN_SHOW, "sh", folder]
    run = runs.typed(*runs.command(home.target, *files), within=within)

    assert_diagnosis_is_whole(run, condition)
    assert "PROBLEM" in run.screen
    assert "no HTML report written; everything is above" in run.screen
    assert f"REPORT: {OLD}" in run.screen
    assert ".tmp" not in run.screen.partition("FILES:")[2]
    assert "facts.json" not in run.screen.partition("FILES:")[2]


@pytest.mark.parametrize("option", ["--html", "--junitxml", "--save", "--json"])
def test_file_at_an_impossible_place_is_one_sentence(home, runs, tmp_path, option):
    """Each file that cannot be written is named with its reason; healthy and not written is exit 6."""
    (tmp_path / "file").touch()
    run = runs(home.target, f"{option}={tmp_path}/file/below/it.out")

    assert_diagnosis_is_whole(run, 6)
    assert run.screen.count("could not be written") == 1
    assert "Not a directory" in run.screen


READ_ONLY_ROOT = """
awk '{print $2}' /proc/self/mounts | while read -r place; do
  mount -o remount,bind,ro "$place" 2>/dev/null || true
done
! touch /tmp/written "$HOME/written" "$1/written" 2>/dev/null
"""


@needs_mounts
def test_read_only_root_tells_all_of_it_on_the_terminal(condition, home, runs):
    """Where nothing at all can be written, the run says what it found, and that there is no report."""
    run = runs.typed(
        *runs.command(home.target)[:3],
        f"--target={home.target}",
        within=privately(READ_ONLY_ROOT, ROOT),
        HOME=str(Path.home()),
    )

    assert_diagnosis_is_whole(run, condition)
    assert "Read-only file system" in run.screen
    assert "no HTML report written; everything is above" in run.screen
