"""The wheel carries the library: another team's suite, with its own probe, checks and playbook, runs on it alone."""

import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.patient import running

ROOT = Path(__file__).parent.parent
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "reports")
PASSWORD = "hunter2-of-the-redis"

CONFTEST = '''
"""A team's own wiring page: a kind of component that the library has never heard of, and the probe that looks at it."""

import socket

from oncall.api import EVERY_PROBE, Fact, Part, kind, probe

pytest_plugins = ["oncall.plugin", *EVERY_PROBE]


def pytest_oncall_run(run):
    """An output of its own."""
    with open("redis.txt", "w") as file:
        file.write("\\n".join(f"{verdict.check} {verdict.outcome}" for verdict in run.verdicts))


class Cache(Part, frozen=True, kw_only=True, tag_field="kind", tag="cache"):
    service: str = ""
    port: int
    password_variable: str = "REDIS_PASSWORD"


kind(Cache)


class RedisAnswer(Fact, frozen=True, kw_only=True):
    said: str

    def inconclusive_reason(self) -> str | None:
        return None if self.said else "redis was not asked"


@probe(deadline=2.0)
def redis_answer(component, stack, secrets) -> RedisAnswer:
    """What the cache answers to AUTH and PING."""
    cache = stack.components[component]
    words = f"AUTH {secrets[cache.password_variable]}\\r\\nPING\\r\\n"
    try:
        with socket.create_connection(("127.0.0.1", cache.port), timeout=1.0) as redis:
            redis.sendall(words.encode())
            return RedisAnswer(said=redis.makefile().readlines()[-1].strip())
    except OSError as error:
        return RedisAnswer(said=f"nothing: {error.strerror}")
'''
CHECKS = '''
"""P2: the caches, and one look that the library brings."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("redis-down")]


@pytest.mark.kind("cache")
def test_redis_answers(component, redis_answer, finding):
    """Everybody is logged out now and then."""
    assert redis_answer.said == "+PONG", finding(
        "redis does not serve", evidence={"said": redis_answer.said}, component=component
    )


def test_database_is_reachable(database_connection, finding):
    """Every page that needs data fails."""
    assert database_connection.answered, finding(database_connection.sentence, component="postgres")
'''
PLAYBOOK = """
## The cache is down <a id="redis-down"></a>

Severity: P2

### Symptoms

- Everybody is logged out now and then.

### Diagnosis

- The check asks it.

### Recovery

1. Look at what it says.

   ```
   tail -n 50 {log_files}
   ```
   - Risk: read-only
   - Verify: test_redis_answers
"""
CONFIGURATION = """
[pytest]
oncall_report = out/diagnosis.html
addopts = -p no:anyio -p no:logging -p no:cacheprovider --capture=sys --tb=no
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of this checkout: building leaves things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "checkout", ignore=LEFT_BEHIND)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check"]
    here = ["--no-build-isolation", "--no-index"] if builds_here() else []
    made = subprocess.run(
        [*pip, *here, f"--wheel-dir={folder}", folder / "checkout"], capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (found,) = folder.glob("*.whl")
    return found


def builds_here():
    """Whether this environment has the setuptools that pyproject.toml asks for; without it, pip fetches one."""
    wanted = re.search(r'requires = \["setuptools>=(\d+)"', (ROOT / "pyproject.toml").read_text())
    try:
        return int(version("setuptools").partition(".")[0]) >= int(wanted[1])
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel in it; the libraries that the wheel needs are lent by this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "lent.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The embedded stack."""
    with running(tmp_path_factory.mktemp("stack")) as home:
        yield home


class Redis(socketserver.StreamRequestHandler):
    """As much of a cache as its port shows; one that fails repeats the password, as careless programs do."""

    def handle(self):
        password = self.rfile.readline().decode().split()[1]
        self.rfile.readline()
        self.wfile.write(f"+OK\r\n{self.server.says.format(password)}\r\n".encode())


@pytest.fixture
def redis():
    """A cache on a real port; `says` is its answer to PING."""
    server = socketserver.TCPServer(("127.0.0.1", 0), Redis)
    server.says = "+PONG"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def foreign_folder(tmp_path):
    """Where the other team's suite is."""
    return tmp_path


@pytest.fixture
def foreign(python, home, redis, tmp_path):
    """Run the other team's suite: its exit code, its screen, its HTML."""
    for name, text in (
        ("conftest.py", CONFTEST),
        ("test_cache.py", CHECKS),
        ("PLAYBOOK.md", PLAYBOOK),
        ("pytest.ini", CONFIGURATION),
    ):
        (tmp_path / name).write_text(text)

    declared = f"[components.sessions]\nkind = 'cache'\nport = {redis.server_address[1]}\n"
    declared += f"process = {{ port = {redis.server_address[1]}, log_files = ['/var/log/redis.log'] }}\n"

    def run(*options, target=declared, password=PASSWORD):
        secrets = home.secrets.read_text() + (f"REDIS_PASSWORD={password}\n" if password else "")
        (tmp_path / "cache.env").write_text(secrets)
        said = home.target.read_text().replace(str(home.secrets), str(tmp_path / "cache.env"))
        (tmp_path / "oncall.toml").write_text(said + target)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ONCALL"))}
        command = [python, "-m", "pytest", *options]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60)
        report = tmp_path / "out" / "diagnosis.html"
        return done.returncode, done.stdout + done.stderr, report.read_text() if report.exists() else ""

    return run


def test_wheel_carries_the_library_and_nothing_else(wheel):
    """The package with its types and templates; checks, reference stack and tests stay in the checkout."""
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {f"oncall/{file.relative_to(ROOT / 'oncall')}" for file in (ROOT / "oncall").rglob("*.py")}

    assert shipped <= names
    assert {"oncall/py.typed", "oncall/reporting/html/diagnosis.html", "oncall/reporting/html/diagnosis.css"} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"oncall", "pytest_oncall"}


def test_foreign_suite_runs_on_the_wheel(foreign, python, foreign_folder):
    """No file of this checkout is needed: the library is the wheel's, and the plugin loads itself."""
    code, screen, report = foreign()
    asked = [python, "-P", "-c", "import oncall; print(oncall.__file__)"]
    found = Path(subprocess.run(asked, capture_output=True, text=True).stdout)

    assert code == 0, screen
    assert "2 passed" in screen
    assert "test_redis_answers" in report
    assert "test_redis_answers[sessions] passed" in (foreign_folder / "redis.txt").read_text()
    assert found.is_relative_to(python.parent.parent)


def test_foreign_finding_is_told_with_the_foreign_playbook(foreign, redis):
    """A component and a recovery of the team's own; the password that the cache repeats reaches nobody."""
    redis.says = "-ERR not serving {}"
    code, screen, report = foreign()

    assert code == 1
    for told in (screen, report):
        assert "redis does not serve" in told
        assert "tail -n 50 /var/log/redis.log" in told
        assert "-ERR not serving &lt;secret" in told or "-ERR not serving <secret" in told
        assert PASSWORD not in told


def test_foreign_kind_is_looked_at_in_each_of_its_components(foreign, redis):
    """Two caches: a check each; wrong keys are told as those of a kind that ships."""
    port = redis.server_address[1]
    two = "".join(f"[components.{name}]\nkind = 'cache'\nport = {at}\n" for name, at in (("a", port), ("b", 1)))
    code, screen, _ = foreign("-v", target=two)
    assert code == 1
    assert "test_redis_answers[a]" in screen
    assert "test_redis_answers[b]" in screen

    code, screen, _ = foreign(target="[components.a]\nkind = 'cache'\nprot = 1\n")
    assert code == 4
    assert "components.a.prot is not a key; did you mean components.a.port?" in screen
    assert "components.a needs a port" in screen

    code, screen, _ = foreign(target="[components.a]\nkind = 'cahce'\n")
    assert code == 4
    assert 'did you mean "cache"?' in screen


def test_foreign_blindness_is_unknown(foreign):
    """A secret of the team's own that is not set is named; the rest is judged."""
    code, screen, report = foreign(password=None)

    assert code == 1
    assert "REDIS_PASSWORD is not set" in screen
    assert "REDIS_PASSWORD is not set" in report
    assert "1 passed, 1 unknown" in screen


def test_foreign_component_that_is_not_declared_is_skipped(foreign):
    """What the target file does not name is no part of this stack; alone, it is not green either."""
    code, screen, _ = foreign("-v", target="")
    alone, _, _ = foreign("-k", "redis", target="")

    assert code == 0, screen
    assert "the target file names no component of kind cache" in screen
    assert alone == 5


@pytest.mark.parametrize("fields", ["said: str", "when: float = 0.0\n    said: str"], ids=["one", "a default first"])
@pytest.mark.parametrize("settings", ["", "(frozen=True)", "(frozen=True, kw_only=True)"])
def test_foreign_fact_that_is_a_dataclass_is_told_how_to_be_a_fact(foreign, tmp_path, settings, fields):
    """As facts were written until they became structs: one sentence names the class and its mend."""
    old = f"from dataclasses import dataclass\n\n@dataclass{settings}\nclass RedisAnswer(Fact):\n    {fields}\n"
    new = "class RedisAnswer(Fact, frozen=True, kw_only=True):\n    said: str\n"
    (tmp_path / "conftest.py").write_text(CONFTEST.replace(new, old))
    code, screen, _ = foreign()

    assert code == 4
    assert (
        "TypeError: RedisAnswer is a fact, which is no dataclass: take @dataclass away and write "
        "class RedisAnswer(Fact, frozen=True, kw_only=True)"
    ) in screen
    assert "readonly" not in screen
