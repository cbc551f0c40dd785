"""A Docker engine that is compromised, or is none: it decides nothing but its own words, and costs next to nothing."""

import json

import pytest

from tests.integration.playbook_runs import write_target
from tests.listening import listening
from tests.probes.docker_patients import NO_ENGINE, docker, image, patients
from tests.security.harness import attacked as measured
from tests.security.hostile_engine import CHUNKED, HostileEngine, answer, chunk, endless, says, zipped

pytestmark = [pytest.mark.docker, pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")]
INNER = "inner-page-of-10-0-0-7"  # what an internal address would say
DEEP = b"[" * 100_000
VERSION = {"Version": "99.1", "ApiVersion": "1.41"}


@pytest.fixture(scope="module")
def ward():
    """A small project of real containers."""
    with patients("hostile") as found:
        found.start("backend", "sleep", "600")
        found.start("postgres", "sleep", "600", options=("--env", "POSTGRES_PASSWORD=correct-horse-9"))
        yield found


def target(address, project="motel"):
    """Nothing but the engine is looked at."""
    absent = {name: {"absent": True} for name in ("frontend", "auth", "websocket", "host")}
    return absent | {
        "docker": {"host": address, "project": project, "exec": False},
        "backend": {"url": "http://127.0.0.1:9"},
        "postgres": {"host": "127.0.0.1", "port": 9},
    }


def attacked(runs, talks, project="motel", tcp=False):
    """A run against such an engine: cheap, reported, and no bug of ours."""
    with HostileEngine(talks).at(None if tcp else runs.folder) as address:
        run = measured(runs, write_target(runs.folder / "target.toml", target(address, project)), budget=4)
    print(f"{run.seconds:.2f} s, {run.peak:.0f} MB")
    assert run.outcome.code == 1, run.outcome.screen
    assert not run.outcome.checks("error"), run.outcome.screen
    return run


def reason(run, check="test_docker_engine_answers"):
    """What a run says of a check."""
    return next(str(verdict) for name, verdict in run.outcome.verdicts.items() if check in name)


def where(run, text):
    """The outputs that hold it."""
    return [name for name, output in run.outputs.items() if text in output]


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_a_failure_and_is_never_followed(runs, status):
    """Neither the page behind it nor its own body is in any output; the internal address is never asked."""
    with listening() as internal:
        moved = answer(INNER.encode() * 9, status, Location=f"{internal.url}/latest/meta-data")
        run = attacked(runs, {"/version": says(moved)}, tcp=True)

    assert internal.calls == []
    assert where(run, INNER) == where(run, "meta-data") == []
    assert f"the engine answers {status[:3]}, a redirect" in reason(run)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", f"<html><title>{INNER}</title>".encode()),
        ("200 OK", b'{"ApiVersion": 7, "Version": "' + INNER.encode() + b'"}'),
        ("500 Internal Server Error", INNER.encode() * 1000),
        ("404 Not Found", json.dumps({"message": 7, "error": INNER}).encode()),
    ],
    ids=["page", "json", "text", "error"],
)
def test_what_is_no_engine_is_not_quoted(runs, status, body):
    """An internal page may hold anything."""
    run = attacked(runs, {"/version": says(answer(body, status))})

    assert where(run, INNER) == []
    assert "something that is no Docker engine answers" in run.outcome.screen


ENDLESS = {
    "body": endless(CHUNKED, chunk(b" " * 65536)),
    "drip": endless(CHUNKED, chunk(b" "), 0.2),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Still: here\r\n", 0.2),
    "header": endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536),
    "status": endless(b"HTTP/1.1 ", b"2", 0.2),
    "continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": endless(CHUNKED + chunk(json.dumps(VERSION).encode()) + b"0\r\n", b"X-Still: here\r\n"),
    "tiny-values": endless(CHUNKED + chunk(b"["), chunk(b"{}," * 20_000)),
}


@pytest.mark.parametrize(
    ("path", "manner"),
    [
        *(("/version", manner) for manner in ENDLESS),
        *((path, manner) for path in ("/info", "/containers/json", "/stats") for manner in ("drip", "tiny-values")),
    ],
)
def test_an_endless_answer_ends_at_the_deadline(runs, ward, path, manner):
    """Whatever part of it has no end."""
    attacked(runs, {path: ENDLESS[manner]}, ward.project)


def test_a_compressed_answer_is_refused(runs, ward):
    """1.5 GiB of blanks in 1.5 MB; nobody has asked for a compressed one."""
    bomb = answer(zipped(1536), Content_Encoding="gzip")
    run = attacked(runs, {"/containers/json": says(bomb)}, ward.project)

    assert "is compressed, which was not asked for" in run.outcome.screen


@pytest.mark.parametrize("path", ["/version", "/containers/json", "/json", "/events"])
def test_a_deeply_nested_answer_is_none_of_an_engine(runs, ward, path):
    """100,000 deep, where a table, a list or a text should be."""
    body = b'{"Id":' + DEEP + b"," if path == "/json" else DEEP
    attacked(runs, {path: says(answer(body))}, ward.project)


MANY = {
    "values": b"[" + b",".join(b'{"Id":"%012x"}' % number for number in range(150_000)) + b"]",
    "labels": b'[{"Id":"%s","Labels":{%s}}]'
    % (b"a" * 64, b",".join(b'"%x":"\xf0\x9f\x92\xa3"' % number for number in range(180_000))),
    "containers": json.dumps([{"Id": f"{number:064x}"} for number in range(5000)]).encode(),
}


@pytest.mark.parametrize("manner", MANY)
def test_an_answer_of_many_values_does_not_fill_the_memory(runs, ward, manner):
    """A value of three bytes takes a hundred once it is decoded."""
    attacked(runs, {"/containers/json": says(answer(MANY[manner]))}, ward.project)


def test_1500_secrets_in_one_environment_are_cheap(runs):
    """A platform that puts everything into the environment."""
    variables = runs.folder / "variables"
    variables.write_text("".join(f"SERVICE_{number}_TOKEN=t0ken-{number:05}-{'x' * 40}\n" for number in range(1500)))
    with patients("variables") as found:
        for service in ("backend", "postgres", "frontend"):
            found.start(service, "sleep", "600", options=("--env-file", str(variables)))
        run = attacked(runs, {}, found.project)

    assert where(run, "t0ken-00007") == []


ODD = {
    "list for table": ("/json", [[]]),
    "ids that are numbers": ("/containers/json", [{"Id": 7}]),
    "ids that are paths": ("/containers/json", [{"Id": "../../secrets"}]),
    "labels that are a list": ("/containers/json", [{"Id": "a" * 64, "Labels": ["x"]}]),
    "text for a list": ("/containers/json", "none"),
    "table for a list": ("/containers/json", {"message": "x"}),
    "no version": ("/version", {}),
    "version of lists": ("/version", {"ApiVersion": ["1.41"]}),
    "version that is a path": ("/version", {"ApiVersion": "1.41/../../x?"}),
    "numbers as texts": ("/info", {"NCPU": "4", "SystemTime": 12}),
    "dates": ("/info", {"NCPU": 4, "SystemTime": "9999-99-99T99:99:99Z"}),
}


@pytest.mark.parametrize("manner", ODD)
def test_odd_types_are_unknown(runs, ward, manner):
    """Never a bug in the suite, never "did not answer"."""
    path, body = ODD[manner]
    run = attacked(runs, {path: says(answer(body))}, ward.project)

    if path != "/info":
        assert "is not one of a Docker engine" in run.outcome.screen


def test_an_engines_own_message_is_one_short_line(runs, ward):
    """It may be quoted, since it is an engine; but not all of it."""
    run = attacked(
        runs,
        {"/containers/json": says(answer({"message": "a\n" * 500 + "z"}, "500 Internal Server Error"))},
        ward.project,
    )

    assert "the Docker engine answered 500: a a a" in run.outcome.screen
    assert "a z" not in run.outcome.screen


def test_the_hostile_engine_lets_the_rest_through(runs, ward):
    """So that the attacks above are what is measured."""
    run = attacked(runs, {}, ward.project)

    assert "did not answer" not in reason(run)
    assert docker("ps", "-q", "--filter", f"label=com.docker.compose.project={ward.project}")
    assert image()
