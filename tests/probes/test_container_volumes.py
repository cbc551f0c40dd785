"""The volume under the database's data, in real containers."""

import pytest

from oncall.finding import CouldNotCheck
from oncall.probes.containers.volumes import space_of
from tests.probes.asking import ask, door, why_unknown
from tests.probes.small_project import SmallProject, docker, needs_engine

PLACE = "/var/lib/postgresql"
OLD = "PGDATA=/var/lib/postgresql/data"
NEW = "PGDATA=/var/lib/postgresql/18/docker"


@pytest.fixture
def small():
    """A project of its own, gone afterwards."""
    project = SmallProject()
    yield project
    project.gone()


@pytest.fixture
def look(small):
    """Start a database with these options, and look at its volume."""

    def started(*options, variable=NEW):
        small.start("postgres", "sleep 600", *(("-e", variable) if variable else ()), *options)
        return ask("data_volume", small.stack())

    return started


@pytest.mark.docker
@needs_engine[1]
@pytest.mark.parametrize(
    ("mount", "variable"),
    [(PLACE, NEW), (f"{PLACE}/data", OLD), (PLACE, OLD), (f"{PLACE}/18/docker", NEW), (f"{PLACE}/data", "PG_MAJOR=17"),
     (PLACE, "PG_MAJOR=18"), (f"{PLACE}/x", ""), (PLACE, "")],
)  # fmt: skip
def test_a_named_volume_at_the_right_place_is_in_place(small, look, mount, variable):
    """At the data directory or above it, wherever this version keeps its data."""
    fact = look(f"--volume={small.name}-data:{mount}", variable=variable)

    assert (fact.misplaced, fact.name, fact.destination) == (None, f"{small.name}-data", mount)
    assert (fact.exists, fact.writable, fact.read_only) == (True, True, False)


@pytest.mark.docker
@needs_engine[1]
@pytest.mark.parametrize(
    ("options", "variable", "words"),
    [
        ((), NEW, "is not on a volume"),
        (("--volume={name}-data:/var/lib/postgresql/data",), NEW, "is not on a volume"),
        (("--volume={name}-data:/var/lib/postgresql/data",), "PG_MAJOR=18", "is not on a volume"),
        (("--volume=/var/lib/postgresql",), NEW, "is on an anonymous volume"),
        (("--volume={name}-data:/var/lib/postgresql", "--volume=/var/lib/postgresql/data"), OLD,
         "is on an anonymous volume"),
        (("--tmpfs=/var/lib/postgresql",), NEW, "is in memory only (tmpfs)"),
    ],
)  # fmt: skip
def test_data_that_is_not_safe_is_said_so(small, look, options, variable, words):
    """Nowhere, at the place of another version, beside its volume, without a name, in memory."""
    fact = look(*(option.format(name=small.name) for option in options), variable=variable)

    assert fact.misplaced == words


@pytest.mark.docker
@needs_engine[1]
def test_a_read_only_volume_is_seen(small, look):
    """By the mount's own flag."""
    fact = look(f"--volume={small.name}-data:{PLACE}:ro")

    assert (fact.misplaced, fact.read_only) == (None, True)


@pytest.mark.docker
@needs_engine[1]
def test_a_folder_of_the_host_is_a_place_too(small, look, tmp_path):
    """A bind mount is nobody's anonymous volume."""
    fact = look(f"--volume={tmp_path}:{PLACE}")

    assert (fact.misplaced, fact.kind, fact.source) == (None, "bind", str(tmp_path))


@pytest.mark.docker
@needs_engine[1]
def test_a_full_volume_is_measured_inside(small):
    """A volume of two megabytes, one of them taken."""
    docker("volume", "create", "--driver=local", "--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=size=2m",
           f"{small.name}-data")  # fmt: skip
    script = f"dd if=/dev/zero of={PLACE}/x bs=1024 count=2000; sleep 600"
    small.start("postgres", script, f"--volume={small.name}-data:{PLACE}")
    with door(small.stack()) as answer:
        fact = answer("data_volume_space")

    assert (fact.seen_from, fact.size_kib) == ("the container", 2048)
    assert fact.used_percent > 95


@pytest.mark.docker
@needs_engine[1]
def test_without_exec_the_volume_is_seen_from_the_host(small):
    """Where the engine is on this machine; nothing is run inside."""
    small.start("postgres", "sleep 600", f"--volume={small.name}-data:{PLACE}")
    fact = ask("data_volume_space", small.stack(exec=False))

    assert (fact.seen_from, fact.size_kib > 0) == ("the host", True)
    assert ask("data_volume", small.stack(exec=False)).accessible is None


@pytest.mark.docker
@needs_engine[1]
def test_no_volume_has_no_space_to_judge(small):
    """And no container no volume."""
    assert "service_containers.running[postgres]" in why_unknown("data_volume", small.stack())
    small.start("postgres")
    assert "data_volume" in why_unknown("data_volume_space", small.stack())
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("data_volume")):
        _ = ask("data_volume", small.stack()).read_only


@pytest.mark.parametrize("output", ["", "df: /x: No such file or directory", "a b c d e f"])
def test_df_without_numbers_is_unknown(output):
    """Whatever it said instead stands in the reason."""
    with pytest.raises(CouldNotCheck, match="df said nothing about /x"):
        space_of(output, "/x")


def test_df_is_read_from_its_last_line():
    """A long device name may stand on a line of its own in old ones; -P prevents it."""
    output = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 1000 900 50 95% /var/lib\n"

    assert space_of(output, "/x").used_percent == 94.7
