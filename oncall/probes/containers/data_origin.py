"""Where the data of a database that refuses us comes from: what its log says of the role, and on which volume it is.

Asked only of a refused login, over a connection to the engine of its own: no healthy database waits for Docker.
"""

import logging
from collections.abc import Iterator

from oncall.facts.postgres import DataOrigin
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.containers.services import docker_attempt, docker_client  # noqa: F401  the two looks that are made here
from oncall.probes.containers.volumes import covering, data_directory
from oncall.probing.register import PROBES
from oncall.runtimes.runtime import Container, ContainerRuntime, Project, Volume
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

LINES = 200  # of the log's end: the refusal was a moment ago
MOST = 256 * 1024
NO_ROLE = Pattern(r"(?i)\brole \"([^\"\n]{1,63})\" does not exist")


def data_origin(stack: Stack, user: str) -> DataOrigin | None:
    """What the engine tells of it; None where it tells nothing, or the database is no container."""
    if stack.docker.absent or stack.postgres.runtime != "compose" or stack.postgres.url_variable:
        return None
    connection = PROBES["docker_attempt"].function(stack)
    try:
        runtime: ContainerRuntime = PROBES["docker_client"].function(stack, next(connection))
        project = runtime.containers(2.0)
        running = [one for one in project.of(stack.postgres.service) if one.running]
        return _told(stack, runtime, project, running[0], user) if running else None
    except (CouldNotCheck, NotPart) as error:
        log.info("nothing is told of the database's volume: %s", error)
        return None
    finally:
        next(connection, None)  # closes it


def _told(stack: Stack, runtime: ContainerRuntime, project: Project, container: Container, user: str) -> DataOrigin:
    """A server that asks for a password tells its log alone that there is no such role."""
    written = b"".join(_end(runtime.log(container, lines=LINES, seconds=1.0))).decode("utf-8", "replace")
    since = written[max(0, written.rfind(f'user "{user}"')) :]  # an earlier refusal may have had another reason
    mount = covering(container.mounts, data_directory(container, stack.docker.data_volume))
    volumes = {one.name: one for one in runtime.volumes(1.0)} if mount and mount.name else {}
    own = volumes.get(mount.name) if mount else None
    used = {each.name for one in project.containers for each in one.mounts}
    unused = [one for one in volumes.values() if one.name not in used and _of(project.name, one)]
    return DataOrigin(
        role_missing=any(found[1] == user for found in NO_ROLE.finditer(since)),
        volume=own.name[:80] if own else "",
        created_at=own.created_at if own else None,
        unused=tuple(sorted(one.name[:80] for one in unused if _older(one, own)))[:10],
    )


def _end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a log, as far as they are few."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST:
            return
        yield piece


def _of(project: str, one: Volume) -> bool:
    """Whether a volume belongs to the project: by its label, else by the name that Compose gives."""
    return one.project == project or one.name.startswith(f"{project}_")


def _older(one: Volume, own: Volume | None) -> bool:
    return bool(own and one.created_at and own.created_at and one.created_at < own.created_at)
