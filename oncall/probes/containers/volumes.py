"""The volume under the database's data: the deepest mount that covers the place where this server keeps its data."""

import logging
import os
from pathlib import PurePosixPath

from oncall.facts.volumes import DataVolume, DataVolumeSpace, Kind
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.runtime import Container, ContainerRuntime, Mount, Project
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

ANONYMOUS = Pattern(r"[0-9a-f]{64}")
MISSING = (126, 127)
KINDS: tuple[Kind, ...] = ("volume", "bind", "tmpfs")


@client(of="postgres")
def database_container(stack: Stack, project: Project) -> Container:
    """The database's container: the running one, else whichever there is."""
    if stack.postgres.absent:
        raise Declared("says that there is no database")
    if (kind := made_of(stack.postgres)) != "container":
        raise Declared(f"says that the database is a {kind}, which has no volume: see host.filesystems")
    found = project.of(stack.postgres.service)
    if not found:
        raise CouldNotCheck("postgres has no container", root="service_containers.running[postgres]")
    return next((one for one in found if one.running), found[0])


@probe(of="postgres")
def data_volume(stack: Stack, docker_client: ContainerRuntime, database_container: Container) -> DataVolume:
    """Where the database's data is mounted, and on what."""
    container = database_container
    place = data_directory(container, stack.docker.data_volume)
    mount = covering(container.mounts, place)
    log.info("%s keeps its data in %s, on %s", container.name, place, mount.destination if mount else "no mount")
    mounts = tuple(sorted(one.destination for one in container.mounts))[:20]
    if mount is None:
        return DataVolume(container=container.name, data_directory=place, mounts=mounts)
    named = mount.kind == "volume" and bool(mount.name)
    volume = docker_client.volume(mount.name) if named else None
    return DataVolume(
        container=container.name,
        data_directory=place,
        mounts=mounts,
        kind=next((kind for kind in KINDS if kind == mount.kind), "other"),
        name=mount.name[:80],
        source="" if named else mount.source,
        destination=mount.destination,
        anonymous=bool(ANONYMOUS.fullmatch(mount.name)) or (volume is not None and volume.anonymous),
        writable=mount.writable,
        exists=(volume is not None) if named else None,
        accessible=_accessible(stack, docker_client, container, place),
    )


def data_directory(container: Container, told: str) -> str:
    """Where this server keeps its data: its PGDATA, what its major version's image does, or what the target says."""
    given = container.environment.get("PGDATA", "").strip()
    if given.startswith("/"):
        return str(PurePosixPath(given))
    major = container.environment.get("PG_MAJOR", "").strip()
    if major.isdecimal() and told.rstrip("/") == "/var/lib/postgresql":
        return f"{told.rstrip('/')}/{major}/docker" if int(major) >= 18 else f"{told.rstrip('/')}/data"
    below = [one.destination for one in container.mounts if _covers(told, one.destination)]
    return min(below, key=len) if len(below) == 1 else told.rstrip("/") or "/"


def covering(mounts: tuple[Mount, ...], place: str) -> Mount | None:
    """The mount that decides what lies at a place: the deepest one at it or above it."""
    found = [one for one in mounts if _covers(one.destination, place)]
    return max(found, key=lambda one: len(PurePosixPath(one.destination).parts), default=None)


def _covers(above: str, below: str) -> bool:
    return PurePosixPath(below).is_relative_to(PurePosixPath(above))


def _accessible(stack: Stack, runtime: ContainerRuntime, container: Container, place: str) -> bool | None:
    """Whether the filesystem lets anybody write there, asked inside without writing; None when nobody can tell."""
    if not stack.docker.exec or not container.running:
        return None
    try:
        said = runtime.run(container, "test", "-w", place, seconds=1.2)
        there = said.code == 0 or runtime.run(container, "test", "-d", place, seconds=1.2).code == 0
    except (CouldNotCheck, NotPart):
        return None
    return said.code == 0 if said.code in (0, 1) and there else None


@probe(of="postgres")
def data_volume_space(
    stack: Stack, docker_client: ContainerRuntime, database_container: Container, data_volume: DataVolume
) -> DataVolumeSpace:
    """How full the filesystem under the database's data is: asked inside, or seen from here."""
    container, place = database_container, data_volume.data_directory
    if not data_volume.kind:
        raise CouldNotCheck("the database's data is not on a volume", root="data_volume")
    if not container.running:
        raise CouldNotCheck("postgres is not running", root="service_containers.running[postgres]")
    if stack.docker.exec:
        said = docker_client.run(container, "df", "-Pk", place)
        if said.code not in MISSING:
            return space_of(said.output, place)
    source = next((one.source for one in container.mounts if one.destination == data_volume.destination), "")
    if stack.host.at == "local" and not stack.host.absent and docker_client.local and source:
        try:
            seen = os.statvfs(source)
        except OSError:
            seen = None
        if seen and seen.f_blocks:
            used, unit = seen.f_blocks - seen.f_bfree, seen.f_frsize / 1024
            percent = round(100.0 * used / (used + seen.f_bavail), 1) if used + seen.f_bavail else 100.0
            return DataVolumeSpace(
                data_directory=place,
                seen_from="the host",
                size_kib=int(seen.f_blocks * unit),
                free_kib=int(seen.f_bavail * unit),
                used_percent=percent,
            )
    if not stack.docker.exec:
        raise Declared("says that nothing may be run in a container (docker.exec)")
    raise CouldNotCheck(f"the tool df is missing in {container.name}, and its volume cannot be seen from here")


def space_of(output: str, place: str) -> DataVolumeSpace:
    """The last line of `df -Pk`; raises CouldNotCheck when it says no numbers."""
    words = (output.strip().splitlines() or [""])[-1].split()
    if len(words) < 6 or not all(word.isdecimal() for word in words[1:4]):
        raise CouldNotCheck(f"df said nothing about {place}: {' '.join(words)[:120] or 'no output'}")
    size, used, free = map(int, words[1:4])
    return DataVolumeSpace(
        data_directory=place,
        seen_from="the container",
        size_kib=size,
        free_kib=free,
        used_percent=round(100.0 * used / (used + free), 1) if used + free else 100.0,
        device=words[0],
    )
