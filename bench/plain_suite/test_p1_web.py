"""P1: what people reach."""

import re

import pytest

pytestmark = pytest.mark.p1


def test_backend_answers_its_health_check(backend):
    answer = backend.get("/health")
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() < 2


def test_health_checks_are_ok(backend):
    checks = backend.get("/health").json()["checks"]
    assert {name: check["status"] for name, check in checks.items() if check["status"] != "ok"} == {}


def test_frontend_serves_its_page(frontend):
    answer = frontend.get("/")
    assert answer.status_code == 200
    assert "<title>" in answer.text


def test_scripts_and_styles_are_served(frontend):
    page = frontend.get("/").text
    named = set(re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page))
    assert named
    for path in named:
        assert frontend.get(path).status_code == 200
