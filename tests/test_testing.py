"""What tests of foreign suites stand on: one look, one diagnosis, one run, as docs/extending.md shows them."""

import re
from pathlib import Path

import pytest

from oncall import testing
from oncall.finding import CouldNotCheck, NotPart
from oncall.target.kinds import Component
from oncall.target.schema import Backend, Stack
from oncall.testing import ended, judge, look, run
from tests.probes.patients import free_port, raw_server, response, says

PAGE = (Path(__file__).parent.parent / "docs/extending.md").read_text()


def backend(port, **parts):
    return Stack(backend=Backend(url=f"http://127.0.0.1:{port}", **parts))


def test_the_page_tells_of_every_name():
    """What is public is documented, and only that."""
    (names,) = re.findall(r"from oncall\.testing import (.+)", PAGE)

    assert names.split(", ") == testing.__all__


def test_a_look_gives_what_a_check_would_get():
    """A fact where somebody answers, the reason where nobody can, nothing where the target says that there is none."""
    with raw_server(says(response(b'{"status": "ok"}'))) as port:
        assert look("backend_health", backend(port)).exchange.status == 200
        with pytest.raises(CouldNotCheck):
            look("access_token", backend(port))
    with pytest.raises(NotPart):
        look("backend_health", backend(free_port(), absent=True))


def test_a_need_can_be_given():
    """It is not looked for then."""
    body = b'{"status": "ok", "checks": {"database": {"status": "ok"}}}'
    with raw_server(says(response(body))) as port:
        seen = look("backend_health", backend(port))

    assert look("health_checks", backend(free_port()), given={"backend_health": seen}).failing == ()


def test_a_diagnosis_follows_the_stack_that_is_described():
    """Who depends on whom is the target's to say."""
    worker = ended("test_lag", "failed", "worker", layer="fast", manner="late")
    cache = ended("test_cache", "failed", "cache", layer="answers")
    described = Stack(
        components={"worker": Component(service="worker", depends_on=("cache",)), "cache": Component(service="redis")}
    )

    assert len(judge(cache, worker).causes) == 2
    assert [cause.component for cause in judge(cache, worker, stack=described).causes] == ["cache"]


def test_an_end_has_words_of_its_own():
    """A symptom or a reason, so that a test writes down only what it is about."""
    assert ended("test_x", "failed").symptom == "test_x fails"
    assert ended("test_x", "unknown").reason == "test_x could not look"
    assert ended("test_x", "failed", symptom="it is so", severity="p3").severity == "p3"
    assert ended("test_x", "passed").symptom is None


def test_a_run_gives_all_that_it_left(tmp_path):
    """Its exit code, its screen, its verdicts, causes and report, of a suite in another folder."""
    absent = "".join(
        f"[{name}]\nabsent = true\n" for name in ("docker", "host", "postgres", "frontend", "auth", "websocket")
    )
    (tmp_path / "oncall.toml").write_text(f'{absent}[backend]\nurl = "http://127.0.0.1:{free_port()}"\n')
    done = run(tmp_path / "oncall.toml", "-m", "p1", suite=Path(__file__).parent.parent)

    assert done.code == 1, done.screen
    assert "test_backend_answers_its_health_check" in done.checks("failed")
    assert [cause["component"] for cause in done.causes] == ["backend"]
    assert "Diagnosis" in done.report
    assert done.seconds > 0
    assert not done.starved
