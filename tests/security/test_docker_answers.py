"""Answers of a real engine, each value of them replaced by odd ones: nothing that an engine says is a bug of ours."""

import copy
import json
import os
import threading
from types import SimpleNamespace

import pytest

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes import every  # noqa: F401  fills the register
from oncall.probes.containers import stats as container_stats
from oncall.probes.containers.services import Attempt, _connect
from oncall.probing import runner
from oncall.probing.register import PROBES
from oncall.runtimes.engine import Engine, EngineRefused
from oncall.runtimes.engine_address import engine_address
from oncall.runtimes.engine_answers import (
    Info,
    Inspected,
    Listed,
    ListedEvent,
    ListedNetwork,
    ListedVolume,
    Stats,
    Version,
    Volumes,
    decode,
)
from oncall.target.schema import Backend, Docker, Frontend, Host, Postgres, Stack
from oncall.testing.looking import Looks
from tests.probes.docker_patients import NO_ENGINE, docker, patients, state, wait

pytestmark = [pytest.mark.docker, pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")]

ODD = (
    *(None, True, 0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**300, 0.5, 1e308, -1.0),
    *("", "x", "-", "7", "true", "\0", "\u202e", "x" * 2000, "9999-12-31T23:59:59Z", "2024-02-31T00:00:00Z"),
    *("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.9Z", "2024-01-01T00:00:00+99:99", "5-1", "0-99999999999999999999"),
    *("../../etc", "::1", "healthy", "running", "a=b", "postgres://u:p@:x/y"),
    *([], [None], [[]], [{}], ["x"], [0], {}, {"x": None}, {"x": {}}, {"x": "y"}, {"": 0}),
)
KINDS = {
    "/version": Version,
    "/info": Info,
    "/containers/json": list[Listed],
    "/json": Inspected,
    "/networks": list[ListedNetwork],
    "/networks/{id}": ListedNetwork,
    "/volumes": Volumes,
    "/volumes/{id}": ListedVolume,
    "/stats": Stats,
    "/events": ListedEvent,
}


def kind_of(path):
    """Which of the above a path asks for."""
    if path.count("/") == 2 and path.startswith(("/networks/", "/volumes/")):
        return path.rpartition("/")[0] + "/{id}"
    return next(end for end in KINDS if path.endswith(end))


class Answer:
    """An answer that has come."""

    def __init__(self, body):
        self.raw, self._body = self, body

    def read1(self, most):
        piece, self._body = self._body[:most], self._body[most:]
        return piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing to close."""


class Recorded(Engine):
    """An engine whose answers were written down, and may be changed; no socket takes part, for there are thousands."""

    def __init__(self, real=None, answers=None, changed=None):
        super().__init__(None, "", (ValueError,))
        self.real, self.answers, self.changed = real, answers if answers is not None else {}, changed or {}
        self.version = Version(api_version="1.41")
        self._writing = threading.Lock()

    def open(self, method, path, seconds, *, parameters=None, body=None):
        name = kind_of(path)
        if self.real:
            with self._writing, self.real.open(method, path, seconds, parameters=parameters, body=body) as response:
                self.answers[path] = self.real.body(response, path)
        if path not in self.answers and name not in self.changed:
            raise EngineRefused(f"the Docker engine answered 404: nothing at {path}", 404)
        return Answer(self.changed.get(name) or self.answers[path])


def stack(project):
    return Stack(
        docker=Docker(project=project, exec=False),
        backend=Backend(url="http://127.0.0.1:9"),
        postgres=Postgres(host="127.0.0.1", port=9),
        frontend=Frontend(absent=True),
        host=Host(absent=True),
    )


def behind_docker():
    """Every probe whose fact comes from the engine, but for logs, which are no JSON."""

    def needs(name, seen=()):
        if name not in PROBES:
            return set()
        own = set(PROBES[name].needs) - ({"log_reader"} & set(PROBES[name].optional))  # it looks without one, too
        return own | {deep for need in own for deep in needs(need)}

    for name, look in PROBES.items():
        found = needs(name)
        if look.fact and "docker_attempt" in found and not found & {"log_reader", "http", "postgres"}:
            yield name


class AtOnce(threading.Thread):
    """A look in the thread that starts it: for thousands of looks threads would cost more than what is tested."""

    def start(self):
        self.run()


def outcomes(engine, chosen, names):
    """What each probe brings with this engine; every property of each fact is asked for, as checks do."""
    attempt, found = Attempt(engine_address(Stack(), {}), 0.0, engine), {}
    with pytest.MonkeyPatch.context() as patch, Looks(chosen, given={"docker_attempt": attempt}) as look:
        patch.setattr(runner, "threading", SimpleNamespace(**vars(threading) | {"Thread": AtOnce}))
        for name in names:
            for service in ("backend", "postgres"):
                try:
                    ask_everything(look(name, service=service))
                    found[name, service] = "fact"
                except (CouldNotCheck, NotPart) as error:
                    found[name, service] = str(error)
    return found


def ask_everything(fact):
    for name in dir(type(fact)):
        if isinstance(getattr(type(fact), name), property):
            try:
                getattr(fact, name)
            except CouldNotCheck:
                continue


def places(value, path=()):
    """Every branch and leaf."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def replaced(value, path, odd):
    """The value with one place changed; only the branches that lead there are copied."""
    if not path:
        return odd
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], odd)
    return changed


def understood_as(body, kind):
    """The record, or why there is none."""
    try:
        return decode(body, kind, "it")
    except CouldNotCheck as error:
        return str(error)


@pytest.fixture(scope="module")
def recorded():
    """What the engine answered about a project with everything that can be read of one."""
    with patients("answers") as ward:
        check = ("--health-cmd", "exit 1", "--health-interval", "1s", "--health-retries", "1")
        limits = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0")
        ward.start("backend", "sleep", "600", options=(*check, *limits, "-p", "127.0.0.1::3001", "--tmpfs", "/scratch"))
        mount = ("-v", "/var/lib/postgresql/data", "--env", "PGDATA=/var/lib/postgresql/data")
        name = ward.start("postgres", "sleep", "600", options=mount)
        backend = ward.names["backend"]
        wait(lambda: state(backend, "{{.State.Health.Status}}") == "unhealthy", "a failing health check")
        real = _connect(engine_address(ward.stack(), os.environ)).engine
        recorder = Recorded(real)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(container_stats, "PAUSE", 0.05)
            patch.setattr(Engine, "local", False)
            names = tuple(behind_docker())
            found = outcomes(recorder, stack(ward.project), names)
        assert docker("inspect", name)
        yield stack(ward.project), names, recorder.answers, found


def test_the_healthy_answers_are_facts(recorded):
    """Else the rest would prove nothing."""
    _, names, answers, found = recorded

    assert {"docker_engine", "service_containers", "container_stats", "oom_kills", "data_volume"} <= set(names)
    assert {kind_of(path) for path in answers} >= {"/containers/json", "/json", "/info", "/stats", "/events"}
    for name in ("docker_engine", "service_containers", "peer_network", "container_stats"):
        assert found[name, "backend"] == "fact"


@pytest.mark.parametrize("kind", ["/info", "/containers/json", "/json", "/stats", "/events", "/volumes/{id}"])
def test_no_odd_value_is_a_bug_of_ours(recorded, monkeypatch, kind):
    """Each leaf and branch, each odd value: a fact, or unknown for a reason that does not accuse a silence."""
    chosen, names, answers, _ = recorded
    monkeypatch.setattr(container_stats, "PAUSE", 0.0)
    monkeypatch.setattr(container_stats, "PATIENCE", 0.0)
    monkeypatch.setattr(Engine, "local", False)
    body = next(body for path, body in answers.items() if kind_of(path) == kind)
    lines = body.splitlines() if kind == "/events" else [body]
    original = json.loads(lines[0])
    told = decode(lines[0], KINDS[kind], "it")
    tried, refused = 0, []
    for path in places(original):
        for odd in ODD:
            changed = json.dumps(replaced(original, path, odd)).encode()
            read = understood_as(changed, KINDS[kind])
            if read == told or read in refused:
                continue
            refused += [read] if isinstance(read, str) else []
            tried += 1
            found = outcomes(Recorded(None, answers, {kind: changed}), chosen, names)
            for reason in found.values():
                assert "the Docker engine did not answer" not in reason, (path, odd)

    print(f"{kind}: {tried} answers judged")
    assert tried > 10
