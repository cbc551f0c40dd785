"""Where the database's data lies: in a container, in memory, on a full disk."""

import re

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import patiently
from stack.faults.expected.container_failures import LOG, of
from stack.faults.tools.manual_fix import COMPOSE_FILE

IN_PLACE = "test_data_volume_is_in_place"
WRITABLE = "test_data_volume_is_writable"
SPACE = "test_data_volume_has_space"
FILLER = {"FILE": "/var/lib/postgresql/export.csv"}
LARGER = 40  # MiB that a small disk has beyond what lies on it


@fault(
    "volume-missing",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[IN_PLACE],
    unknown=[WRITABLE, SPACE],
    manual_fix=COMPOSE_FILE,
)
def volume_missing(stack: DockerStack) -> None:
    """The database's data directory was moved away from its volume, into the container itself."""
    stack.edit_compose("services.postgres.environment", {"PGDATA": "/srv/pgdata"})
    made_anew(stack)


@fault(
    "volume-in-memory",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[IN_PLACE],
    manual_fix=COMPOSE_FILE,
)
def volume_in_memory(stack: DockerStack) -> None:
    """The database's data lies in memory: it is gone with its container."""
    stack.edit_compose("services.postgres.volumes", [{"type": "tmpfs", "target": "/var/lib/postgresql"}])
    stack.edit_compose("services.postgres.mem_limit", "1g")
    made_anew(stack)


@fault(
    "volume-nearly-full",
    component="host",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[SPACE],
    reads=FILLER,
)
def volume_nearly_full(stack: DockerStack) -> None:
    """The disk under the data volume is almost full."""
    small_disk(stack)
    stack.exec("postgres", "sh", "-c", f"head -c {LARGER - 8}m /dev/zero > {FILLER['FILE']}")


@fault(
    "volume-full",
    component="host",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[SPACE, *of("postgres", LOG)],
    reads=FILLER,
)
def volume_full(stack: DockerStack) -> None:
    """The disk under the data volume is full: nothing can be saved."""
    small_disk(stack)
    stack.psql("CREATE TABLE visits (note text)")
    stack.exec("postgres", "sh", "-c", f"cat /dev/zero > {FILLER['FILE']}", check=False)
    stack.exec("postgres", "psql", "-U", "postgres", "-d", "motel", "-c",
               "INSERT INTO visits SELECT repeat('x', 1000) FROM generate_series(1, 500)", check=False)  # fmt: skip


def made_anew(stack: DockerStack) -> None:
    """A new container, which finds no data and so makes its own, as the first time."""
    stack.recreate("postgres", wait=False)
    stack.wait_healthy("postgres", 90)


def small_disk(stack: DockerStack) -> None:
    """The data moves to a disk that has little room; the backend does not notice."""
    stack.stop("postgres")
    size = int(stack.in_volume("du -sm /data | cut -f1")) + LARGER
    stack.docker(
        "volume", "create", "--label", f"oncall.stack={stack.project}", "--driver", "local", "--opt", "type=tmpfs",
        "--opt", "device=tmpfs", "--opt", f"o=size={size}m", f"{stack.project}_small",
    )  # fmt: skip
    pack = "cp -a /data/. /small/ && sleep 9999"  # a tmpfs lives as long as somebody uses it
    keeper = stack.run("-v", f"{stack.volume}:/data:ro", "-v", f"{stack.project}_small:/small", "--user", "0",
                       "--network", "none", command=["sh", "-c", pack])  # fmt: skip
    runs = ("top", keeper, "-eo", "pid,args")
    patiently(stack, lambda: re.search(r"^\s*\d+\s+sleep 9999$", stack.docker(*runs), re.M), "the data is copied")
    stack.edit_compose("volumes.small", {"external": True, "name": f"{stack.project}_small"})
    stack.edit_compose("services.postgres.volumes", ["small:/var/lib/postgresql"])
    stack.recreate("postgres")
