"""The database's volume, and what lies on it."""

from contextlib import suppress

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import FROM_INSIDE, HEALTHY, LOG, NO_LOGIN, SPACE, UP, of, restarting
from stack.faults.expected.database_failures import BACKEND_FAILS, LOGIN, NO_SESSION, without
from stack.faults.tools.manual_fix import COMPOSE_FILE
from stack.state import StackError


@fault(
    "volume-anonymous",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_data_volume_is_in_place"],
    manual_fix=COMPOSE_FILE,
)
def volume_anonymous(stack: DockerStack) -> None:
    """The database keeps its data on an anonymous volume: the next `down` loses it."""
    _data_in(stack, ["/var/lib/postgresql"])


@fault(
    "volume-read-only",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[
        "test_data_volume_is_writable",
        "test_database_is_reachable",
        *of("postgres", LOG, UP),
        *BACKEND_FAILS,
    ],
    may_fail=of("backend", HEALTHY, LOG),
    unknown=[*NO_SESSION, *NO_LOGIN, *restarting("postgres"), *FROM_INSIDE, SPACE],
    manual_fix=COMPOSE_FILE,
)
def volume_read_only(stack: DockerStack) -> None:
    """The data volume was mounted read-only, so the database cannot start."""
    stack.edit_compose("services.postgres.volumes", ["data:/var/lib/postgresql:ro"])
    stack.recreate("postgres", wait=False)
    stack.wait(lambda: stack.inspect("postgres")["RestartCount"] >= 3, "the database to fail three times", 60)


@fault(
    "volume-page-corrupt",
    component="postgres",
    mode="docker",
    cause_class="data corruption",
    must_fail=["test_no_data_page_fails_its_checksum", "test_database_log_shows_no_corruption"],
    heals="data loss",
)
def page_corrupt(stack: DockerStack) -> None:
    """A data page of the tasks table was overwritten on the disk."""
    path = str(stack.sql("SELECT pg_relation_filepath('tasks')")[0][0])
    stack.stop("postgres", seconds=10)
    place = stack.pgdata.removeprefix("/var/lib/postgresql")
    stack.in_volume(f"dd if=/dev/urandom of=/data{place}/{path} bs=8192 seek=3 count=1 conv=notrunc")
    stack.start("postgres")
    with suppress(StackError):  # as the application comes upon it; an index alone could answer count(*)
        stack.psql("SELECT count(title) FROM tasks")
        raise AssertionError("the damage went unnoticed")


def _data_in(stack: DockerStack, volumes: list[str]) -> None:
    stack.edit_compose("services.postgres.volumes", volumes)
    stack.compose("rm", "-sf", "postgres")  # a container that is merely recreated takes its old volume along
    stack.recreate("postgres")


@fault(
    "volume-data-folder-renamed",
    component="postgres",
    mode="docker",
    cause_class="missing object",
    must_fail=[LOGIN, *BACKEND_FAILS],
    may_fail=[*of("backend", HEALTHY, LOG), *of("postgres", LOG)],
    unknown=[*without(NO_SESSION, LOGIN), *NO_LOGIN],
    manual_fix=COMPOSE_FILE,
)
def data_folder_renamed(stack: DockerStack) -> None:
    """PGDATA names another folder of the volume: the server has made an empty database there, without any role."""
    scripts = stack.home.path / "scripts-of-nobody"
    scripts.mkdir(exist_ok=True)
    scripts.chmod(0o755)
    stack.edit_compose("services.postgres.environment", {"PGDATA": "/var/lib/postgresql/main"})
    stack.edit_compose(
        "services.postgres.volumes", ["data:/var/lib/postgresql", f"{scripts}:/docker-entrypoint-initdb.d:ro"]
    )
    stack.recreate("postgres", wait=False)
    stack.wait(lambda: 'role "motel" does not exist' in stack.logs("postgres").lower(), "the role to be missing", 60)
    stack.wait(lambda: stack.is_healthy(stack.container("postgres")), "the database to be healthy", 60)
