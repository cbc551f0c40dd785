"""What the containers' environments hold: the signing secret, its copies, and the database's password."""

import pytest
from msgspec.structs import replace

from oncall.target.schema import Backend, Docker, Postgres, Stack
from tests.probes.asking import ask, door, why_unknown
from tests.probes.small_project import SmallProject, docker, needs_engine

pytestmark = needs_engine
SECRET = "k3T9vQ2mZ8xW5nB7pL4cR6yH1jD0sF3g"
OTHER = "a0B1c2D3e4F5g6H7i8J9k0L1m2N3o4P5"


@pytest.fixture
def small():
    """A project of its own, gone afterwards."""
    project = SmallProject()
    yield project
    project.gone()


def stack(project, env_file=None, secrets_file=""):
    return Stack(
        docker=Docker(project=project.name),
        backend=Backend(env_file=str(env_file or "")),
        secrets_file=str(secrets_file),
    )


def backends(project, *values):
    for number, value in enumerate(values, 1):
        project.start(
            "backend", "sleep 600", *((f"--env=JWT_SECRET={value}",) if value is not None else ()), number=number
        )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is missing from the environment of"),
        ("", "is empty in"),
        ("   ", "is blank in"),
        ("${JWT_SECRET}", "holds an unresolved"),
        (f'"{SECRET}"', "is quoted by mistake in"),
    ],
)
def test_a_secret_that_is_not_set_says_how(small, value, words):
    """As the process has it: nothing reads quotes out of an environment any more."""
    backends(small, value)

    assert ask("jwt_secret", stack(small)).unset.startswith(words)


def test_the_container_counts_more_than_the_file(small, tmp_path):
    """The file may have been edited since; a backend without a container is read from its file."""
    file = tmp_path / "backend.env"
    file.write_text("JWT_SECRET=changeme\n")
    assert ask("jwt_secret", stack(small, file)).guessable == "is a well-known default"
    backends(small, SECRET)
    fact = ask("jwt_secret", stack(small, file))

    assert (fact.unset, fact.guessable, fact.bytes) == (None, None, 32)
    assert SECRET not in repr(fact)


def test_a_secret_of_a_stopped_backend_is_still_judged(small):
    """A backend that does not start for want of a secret must not hide that."""
    backends(small, None)
    docker("stop", "-t", "0", f"{small.name}-backend-1")

    assert ask("jwt_secret", stack(small)).unset


def test_a_secret_from_a_file_inside_is_read_there(small):
    """Docker's own secrets are files; one that is not there, or may not be looked for, is named by its variable."""
    small.start("backend", "sleep 600", "--env=JWT_SECRET_FILE=/jwt")
    docker("exec", f"{small.name}-backend-1", "sh", "-c", f"echo '{SECRET}' > /jwt")
    described = stack(small)

    fact = ask("jwt_secret", described)
    assert (fact.unset, fact.bytes, fact.source) == (None, len(SECRET), f"/jwt in {small.name}-backend-1")
    assert SECRET not in repr(fact)
    closed = replace(described, docker=replace(described.docker, exec=False))
    assert "JWT_SECRET_FILE), and docker.exec = false" in why_unknown("jwt_secret", closed)
    assert "JWT_SECRET_FILE" in why_unknown("jwt_secret_copies", described)


def test_a_secret_from_a_file_that_is_not_there_is_unknown(small):
    """The reason names the variable and the file."""
    small.start("backend", "sleep 600", "--env=JWT_SECRET_FILE=/run/secrets/jwt")

    assert "/run/secrets/jwt (JWT_SECRET_FILE)" in why_unknown("jwt_secret", stack(small))


@pytest.mark.parametrize(
    ("values", "written", "difference"),
    [
        ([SECRET, SECRET], None, None),
        ([SECRET], f"JWT_SECRET={SECRET}", None),
        ([SECRET], f"JWT_SECRET='{SECRET}' # ours", None),
        ([f'"{SECRET}"'], f'JWT_SECRET="{SECRET}"', None),
        ([SECRET], "OTHER=1", None),
        ([SECRET], "JWT_SECRET=${FROM_ELSEWHERE}", None),
        ([SECRET, OTHER], f"JWT_SECRET={SECRET}", "differs between the backend's containers (2 values)"),
        ([SECRET, None], None, "is missing in some of the backend's containers"),
        ([SECRET], f"JWT_SECRET={OTHER}", "differs between the backend and "),
        ([SECRET], "JWT_SECRET=", "is missing or empty in "),
    ],
)
def test_copies_are_compared(small, tmp_path, values, written, difference):
    """All replicas, and the file that the next ones are made from."""
    file = tmp_path / "backend.env"
    if written is not None:
        file.write_text(written + "\n")
    backends(small, *values)
    fact = ask("jwt_secret_copies", stack(small, file if written is not None else None))

    assert (fact.difference or "").startswith(difference or "")
    assert bool(fact.difference) == bool(difference)
    assert not [value for value in (SECRET, OTHER) if value in repr(fact)]


def test_the_stacks_own_env_file_is_compared_too(small, tmp_path):
    """Where the target names no file of the backend's, the secrets file may hold the variable."""
    backends(small, SECRET)
    (tmp_path / ".env").write_text(f"JWT_SECRET={OTHER}\n")

    assert ask("jwt_secret_copies", stack(small, secrets_file=tmp_path / ".env")).difference
    assert ask("jwt_secret_copies", stack(small, secrets_file=tmp_path / "none")).difference is None


def test_no_copy_at_all_is_another_checks_matter(small):
    """Nothing to compare."""
    assert "service_containers.running[backend]" in why_unknown("jwt_secret_copies", stack(small))
    backends(small, None, "")
    assert "jwt_secret" in why_unknown("jwt_secret_copies", stack(small))


def password(project, **postgres):
    chosen = Stack(docker=Docker(project=project.name), postgres=Postgres(**postgres))
    with door(chosen) as answer:
        return answer("container_password")


def test_the_databases_password_is_taken_from_its_container_when_asked(small):
    """Only with postgres.password = "from-container"."""
    small.start("postgres", "sleep 600", f"--env=POSTGRES_PASSWORD={OTHER}")

    assert password(small, password="from-container").value == OTHER
    assert not password(small).asked
    assert OTHER not in repr(password(small, password="from-container"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (None, "postgres has no container"),
        ((), "has no POSTGRES_PASSWORD: set postgres.password"),
        (("--env=POSTGRES_PASSWORD_FILE=/run/secrets/x",), "POSTGRES_PASSWORD_FILE"),
    ],
)
def test_a_password_that_is_not_there_says_why(small, variables, words):
    """The attempt to connect is made all the same: whether anything answers can be seen without a password."""
    if variables is not None:
        small.start("postgres", "sleep 600", *variables)

    assert words in str(password(small, password="from-container").missing)
