"""The rules of the house, each with its reason. They replace a style guide."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECK_FILES = sorted((ROOT / "checks").rglob("test_*.py"))
CHECKS = [
    pytest.param(file, node, id=f"{file.stem}.{node.name}")
    for file in CHECK_FILES
    for node in ast.parse(file.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]
MAY_IMPORT = {
    "facts": {"facts", "finding", "config"},
    "probes": {"config", "probing", "facts", "finding", "probes", "secrets", "deadline", "lag"},
    "moments": {"facts", "config", "moments"},
    "reporting": {
        "run",
        "verdict",
        "comparison",
        "diagnosis",
        "timeline",
        "playbook",
        "finding",
        "facts",
        "reporting",
        "config",
    },
}
PURE = ("run", "verdict", "comparison", "diagnosis", "timeline", "playbook", "exit_code", "finding")


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def markers(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark":
            yield node.attr


def test_there_are_checks():
    """An empty folder would make every rule below vacuous."""
    assert len(CHECKS) > 30


@pytest.mark.parametrize("file", CHECK_FILES, ids=lambda file: file.stem)
def test_check_files_import_only_pytest(file):
    """A check that needs another import is asking for a probe."""
    assert set(imports(ast.parse(file.read_text()))) <= {"pytest"}


@pytest.mark.parametrize("file", CHECK_FILES, ids=lambda file: file.stem)
def test_check_files_have_one_severity_and_one_section(file):
    """Nobody should have to wonder how urgent a check is, or what to do when it fails."""
    names = list(markers(ast.parse(file.read_text())))

    assert sum(name in ("p1", "p2", "p3", "p4") for name in names) == 1
    assert names.count("playbook") == 1


@pytest.mark.parametrize(("file", "check"), CHECKS)
def test_check_says_what_people_notice(file, check):
    """The docstring is one sentence in the words of those who call in."""
    text = ast.get_docstring(check) or ""

    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(("file", "check"), CHECKS)
def test_every_assert_carries_a_finding(file, check):
    """An assert without a finding has nothing to say at three in the morning; a check without one cannot fail."""
    asserts = [node for node in ast.walk(check) if isinstance(node, ast.Assert)]

    assert asserts
    for node in asserts:
        assert isinstance(node.msg, ast.Call)
        assert node.msg.func.id == "finding"


@pytest.mark.parametrize(("file", "check"), CHECKS)
def test_checks_name_facts_only(file, check):
    """A check is a claim about facts: no loops over looks, no fixtures of its own, no try."""
    assert not any(isinstance(node, ast.Try | ast.While | ast.With) for node in ast.walk(check))


def test_names_of_checks_are_unique():
    """The name is how people speak of a check, accept its finding and point at it."""
    names = [param.values[1].name for param in CHECKS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_know_only_whom_they_may(room):
    """Probes never report, reports never look: that is what makes a snapshot as good as a live stack."""
    for file in (ROOT / "oncall" / room).rglob("*.py"):
        for name in imports(ast.parse(file.read_text())):
            parts = name.split(".")
            if parts[0] == "oncall":
                assert len(parts) == 1 or parts[1] in MAY_IMPORT[room], f"{file.name} imports {name}"
            assert parts[0] != "pytest", f"{file.name} imports pytest"


@pytest.mark.parametrize("name", PURE)
def test_pure_files_look_at_nothing(name):
    """Pure functions of data can be judged by reading them, and replayed a month later."""
    found = set(imports(ast.parse((ROOT / "oncall" / f"{name}.py").read_text())))

    assert not found & {"os", "socket", "subprocess", "time", "httpx", "docker", "psycopg", "pathlib"}


def test_stack_and_library_do_not_know_each_other():
    """The reference stack is diagnosed as any stranger's would be."""
    for room, other in (("stack", "oncall"), ("oncall", "stack")):
        for file in (ROOT / room).rglob("*.py"):
            assert other not in {name.split(".")[0] for name in imports(ast.parse(file.read_text()))}, file


@pytest.mark.parametrize(
    "library", ["apprise", "docker", "httpx", "jwt", "prometheus_client", "psycopg", "testinfra", "websockets"]
)
def test_heavy_libraries_have_one_door_each(library):
    """Two threads that import one package for the first time can deadlock; and -m p1 pays only for what it touches."""
    lazy, eager = set(), set()
    for file in (ROOT / "oncall").rglob("*.py"):
        tree = ast.parse(file.read_text())
        eager |= {
            file.name
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom) and library in packages(node)
        }
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        lazy |= {file.name for function in functions if library in packages(function)}

    assert not eager
    assert len(lazy) <= 1, lazy


def packages(node):
    return {name.partition(".")[0] for name in imports(node)}


def test_nothing_prints():
    """Probes run in threads: what they print lands under some other check."""
    for file in (ROOT / "oncall").rglob("*.py"):
        calls = [
            n.func.id
            for n in ast.walk(ast.parse(file.read_text()))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        ]

        assert "print" not in calls, file


def test_wiring_page_is_a_page():
    """conftest.py is read by everybody who wonders where a name comes from."""
    assert len((ROOT / "conftest.py").read_text().splitlines()) < 60


def test_no_room_without_a_name():
    """utils.py is where ideas go to be lost."""
    assert not [
        file
        for file in ROOT.rglob("*.py")
        if re.search(r"^(utils?|helpers?|common|misc)\.py$", file.name) and ".venv" not in file.parts
    ]
