"""Clients for the whole session; every call gives up after five seconds."""

import os

import docker
import psycopg
import pytest
import requests

SECONDS = 5
SERVICES = ("postgres", "backend", "frontend")


class Web(requests.Session):
    """A session with a base address and a timeout."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.trust_env = False

    def request(self, method, path, **more):
        return super().request(method, self.base + path, timeout=SECONDS, **more)


@pytest.fixture(scope="session")
def backend():
    return Web(os.environ["PLAIN_BACKEND"])


@pytest.fixture(scope="session")
def frontend():
    return Web(os.environ["PLAIN_FRONTEND"])


@pytest.fixture(scope="session")
def engine():
    return docker.from_env(timeout=SECONDS)


@pytest.fixture(scope="session")
def containers(engine):
    """The project's containers by service."""
    label = f"com.docker.compose.project={os.environ['PLAIN_PROJECT']}"
    found = engine.containers.list(all=True, filters={"label": label})
    return {each.labels["com.docker.compose.service"]: each for each in found}


@pytest.fixture(scope="session", params=SERVICES)
def container(containers, request):
    return containers[request.param]


@pytest.fixture(scope="session")
def stats(container):
    """One reading of a container."""
    return container.stats(stream=False)


@pytest.fixture(scope="session")
def database():
    with psycopg.connect(
        os.environ["PLAIN_DSN"],
        connect_timeout=SECONDS,
        autocommit=True,
        options=f"-c statement_timeout={SECONDS}s",
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
def token(backend):
    account = {"username": os.environ["PLAIN_ACCOUNT"], "password": os.environ["PLAIN_PASSWORD"]}
    answer = backend.post("/api/auth/login", json=account)
    assert answer.status_code == 200
    return answer.json()["token"]


@pytest.fixture(scope="session")
def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def metrics(backend):
    """The backend's own numbers by name."""
    answer = backend.get("/metrics", headers={"Authorization": f"Bearer {os.environ['PLAIN_METRICS_TOKEN']}"})
    assert answer.status_code == 200
    lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}
