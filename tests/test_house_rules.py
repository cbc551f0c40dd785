"""The rules of the house, each with its reason. They replace a style guide."""

import ast
import re
from functools import cache
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
# Who may know whom, from the bottom up: a room knows rooms above its own line only, so there is no circle. The reason
# for each is what it is for: see its first line, and CONTRIBUTING.md.
MAY_KNOW = {
    "finding": "",
    "verdict": "finding",
    "gate": "finding",
    "facts": "finding",
    "target": "finding gate",
    "playbook": "finding target",
    "probing": "finding gate facts target",
    "runtimes": "finding gate facts target probing",
    "probes": "finding gate facts target probing runtimes",
    "timeline": "facts target",
    "diagnosis": "finding verdict facts target playbook",
    "results": "verdict gate facts timeline diagnosis",
    "reporting": "finding verdict gate facts target playbook timeline diagnosis results",
    "notify": "gate playbook results reporting",
    "session": "finding verdict gate facts target playbook probing timeline diagnosis results reporting notify",
    "plugin": "finding target probing notify session",
    "cli": "finding gate facts target probing probes diagnosis reporting",
    "api": "finding facts target probing probes results",
    "testing": "verdict gate target probing probes diagnosis",
}
ROOMS = [*MAY_KNOW]
OF_PYTEST = {"probing", "notify", "session", "plugin", "cli"}  # the others can be used without it
PURE = (
    "finding",
    "verdict",
    "facts",
    "playbook",
    "timeline",
    "diagnosis",
    "target/placeholders",
    "results/record",
    "results/comparison",
    "results/exit_code",
)


@cache
def parsed(file):
    """A file as Python reads it; many rules ask for the same ones."""
    return ast.parse(file.read_text())


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


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
    assert packages_of(file) <= {"pytest"}


@pytest.mark.parametrize("file", CHECK_FILES, ids=lambda file: file.stem)
def test_check_files_have_one_severity_and_one_section(file):
    """Nobody should have to wonder how urgent a check is, or what to do when it fails."""
    names = list(markers(parsed(file)))

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


def room_of(file):
    """The folder of `oncall/` that a file stands in; one at the top is a room of its own."""
    return file.relative_to(ROOT / "oncall").with_suffix("").parts[0]


def files_of(room):
    """The files of a room; of `target/placeholders` the one."""
    path = ROOT / "oncall" / room
    return [path.with_suffix(".py")] if path.with_suffix(".py").exists() else sorted(path.rglob("*.py"))


def rooms_known(file):
    """Which other rooms a file imports from, also in a function; `from oncall import x` counts as x."""
    for name in imports(parsed(file)):
        if name.startswith("oncall."):
            yield name.split(".")[1]


def test_every_file_stands_in_a_room():
    """The folder list is the architecture: what stands beside it has no rule."""
    found = {room_of(file) for file in (ROOT / "oncall").rglob("*.py")} - {"__init__"}

    assert found == set(ROOMS)


def test_no_arrow_points_upward():
    """A room that knows one below it in the table closes a circle."""
    for place, room in enumerate(ROOMS):
        assert set(MAY_KNOW[room].split()) <= set(ROOMS[:place]), room


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_know_only_whom_they_may(room):
    """Probes never report, reports never look: that is what makes a snapshot as good as a live stack."""
    for file in files_of(room):
        strangers = set(rooms_known(file)) - {room, *MAY_KNOW[room].split()}
        assert not strangers, f"{file.name} knows {strangers}"
        assert room in OF_PYTEST or "pytest" not in packages_of(file), f"{file.name} imports pytest"


@pytest.mark.parametrize("place", ["oncall", "checks", "stack", "bench"])
def test_nobody_but_tests_knows_the_room_for_tests(place):
    """What runs in an outage neither loads nor needs what tests are made of."""
    for file in (ROOT / place).rglob("*.py"):
        inside = place == "oncall" and room_of(file) == "testing"
        assert inside or "testing" not in rooms_known(file), file


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_may_know_more_than_it_does(room):
    """A permission that nobody uses is an arrow that somebody will draw by mistake."""
    known = {other for file in files_of(room) for other in rooms_known(file)} - {room}

    assert known == set(MAY_KNOW[room].split())


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is_for(room):
    """One line, at its door and in CONTRIBUTING.md."""
    path = ROOT / "oncall" / room
    door = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    shown = f"`oncall/{room}/`" if path.is_dir() else f"`oncall/{room}.py`"

    assert ast.get_docstring(ast.parse(door.read_text()))
    assert shown in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("name", PURE)
def test_pure_files_look_at_nothing(name):
    """Pure functions of data can be judged by reading them, and replayed a month later."""
    found = {package for file in files_of(name) for package in packages_of(file)}

    assert not found & {"os", "socket", "subprocess", "time", "httpx", "docker", "psycopg", "pathlib"}


def packages_of(file):
    return {name.partition(".")[0] for name in imports(parsed(file))}


def test_stack_and_library_do_not_know_each_other():
    """The reference stack is diagnosed as any stranger's would be."""
    for room, other in (("stack", "oncall"), ("oncall", "stack")):
        for file in (ROOT / room).rglob("*.py"):
            assert other not in packages_of(file), file


@pytest.mark.parametrize(
    "library", ["apprise", "docker", "httpx", "jwt", "prometheus_client", "psycopg", "testinfra", "websockets"]
)
def test_heavy_libraries_have_one_door_each(library):
    """Two threads that import one package for the first time can deadlock; and -m p1 pays only for what it touches."""
    files = [*(ROOT / "oncall").rglob("*.py")]
    lazy = {file.name for file in files if library in loaded(file)[1]}

    assert not [file.name for file in files if library in loaded(file)[0]]
    assert len(lazy) <= 1, lazy


@cache
def loaded(file):
    """The packages that a file imports when it is imported itself, and those that a function of it does."""
    at_once = [node for node in parsed(file).body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.FunctionDef)]
    return [{package for node in nodes for package in packages(node)} for nodes in (at_once, functions)]


def packages(node):
    return {name.partition(".")[0] for name in imports(node)}


SENTENCES = frozenset(("claim", "symptom", "reason", "because", "ambiguity", "corroboration"))
OF_TEXT = frozenset(
    ("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "partition", "rpartition", "removeprefix")
    + ("removesuffix", "split")
)
OF_PATTERNS = frozenset(("search", "match", "fullmatch", "finditer", "findall", "sub", "split"))
KNOWN_QUESTIONS = {
    # OpenSSL's own code of an error, which happens to be called a reason.
    ("network.py", "reason in ('wrong version number', 'record layer failure')"),
}


def questions(tree):
    """Expressions that look into the words of a sentence: a method of text, a pattern, `in`, `==` with a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = [node.func.value] if node.func.attr in OF_TEXT and (node.args or node.func.attr != "split") else []
            asked += node.args if node.func.attr in OF_PATTERNS else []
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn | ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            words = [one for side in sides for one in ast.walk(side) if isinstance(one, ast.Constant)]
            asked = sides if any(isinstance(one.value, str) for one in words) else []
        else:
            continue
        if any(is_sentence(part) for each in asked for part in ast.walk(each)):
            yield ast.unparse(node)


def is_sentence(node):
    return (isinstance(node, ast.Attribute) and node.attr in SENTENCES) or (
        isinstance(node, ast.Name) and node.id in SENTENCES
    )


def test_no_code_asks_what_a_sentence_says():
    """Text is for people, data is for code: "Nobody can log in" once made the status page say that all is well."""
    found = {(file.name, question) for file in (ROOT / "oncall").rglob("*.py") for question in questions(parsed(file))}

    assert found == KNOWN_QUESTIONS


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("verdict.claim.startswith('Nobody ')", True),
        ("'x' in cause.symptom", True),
        ("cause.symptom.lower().partition(':')[0]", True),
        ("re.search('x', verdict.reason or '')", True),
        ("reason == 'none'", True),
        ("cause.symptom or cause.claim", False),
        ("groups.get(verdict.reason)", False),
        ("(verdict.symptom, 1) in told", False),
    ],
)
def test_the_rule_sees_who_asks_a_sentence(source, asks):
    """And leaves alone who only shows it."""
    assert bool(list(questions(ast.parse(source)))) == asks


@pytest.mark.parametrize(("file", "check"), CHECKS)
def test_what_nobody_notices_is_marked(file, check):
    """The sentence is for people; the mark is what the status page reads."""
    marks = {node.attr for mark in check.decorator_list for node in ast.walk(mark) if isinstance(node, ast.Attribute)}

    if (ast.get_docstring(check) or "").startswith("Nobody notices"):
        assert "unnoticed" in marks


def test_nothing_prints():
    """Probes run in threads: what they print lands under some other check."""
    for file in (ROOT / "oncall").rglob("*.py"):
        calls = [n.func.id for n in ast.walk(parsed(file)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]

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
