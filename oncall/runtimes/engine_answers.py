"""What a Docker engine answers, as far as anything here reads it: typed, so that odd values end at one place.

An engine may be another program, or a compromised one. Whatever is not of these types becomes one sentence,
"... is not one of a Docker engine"; what is not named here is never decoded. `null` stands for a list or a table that
is empty, as Docker writes it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from oncall.finding import CouldNotCheck

A = TypeVar("A")

# An answer is decoded whole, and a value of three bytes takes a hundred in memory, so both are bounded. An honest
# engine's list of 256 containers has 1 MiB and 20,000 values; all of them inspected, 4 MiB and 150,000.
LARGEST = 4 << 20  # bytes of one answer
MOST_BYTES = 16 << 20  # of all answers in a run, logs not counted
MOST_VALUES = 300_000  # of all answers in a run, by their commas and brackets

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Word = Annotated[str, Meta(max_length=1024)]  # a name, an id, an address: Docker's own limits are lower
Labels = dict[str, str]

_LEARNING = threading.Lock()  # msgspec learns a type at its first use; two threads that learn one at once crash
_DECODERS: dict[Any, "msgspec.json.Decoder[Any]"] = {}


class Version(Struct, rename="pascal"):
    """GET /version."""

    api_version: Word
    version: Word = ""


class Info(Struct, rename="pascal"):
    """GET /info."""

    name: Word = ""
    kernel_version: Word = ""
    docker_root_dir: Word = ""
    cgroup_version: Word = ""
    system_time: Word = ""
    ncpu: Count = field(default=0, name="NCPU")


class Listed(Struct, rename="pascal"):
    """One element of GET /containers/json."""

    id: Word
    labels: Labels | None = None


class Probed(Struct, rename="pascal"):
    """One result of a health check."""

    start: Word = ""
    end: Word = ""
    exit_code: Whole | None = None
    output: str = ""


class ProbedHealth(Struct, rename="pascal"):
    """State.Health."""

    status: Word = ""
    failing_streak: Count = 0
    log: list[Probed | None] | None = None


class State(Struct, rename="pascal"):
    """State."""

    status: Word = ""
    error: str = ""
    exit_code: Whole = 0
    oom_killed: bool = field(default=False, name="OOMKilled")
    started_at: Word = ""
    finished_at: Word = ""
    pid: Count = 0
    health: ProbedHealth | None = None


class Healthcheck(Struct, rename="pascal"):
    """Config.Healthcheck; times in nanoseconds."""

    interval: Count = 0
    timeout: Count = 0
    start_period: Count = 0
    retries: Count = 0


class Config(Struct, rename="pascal"):
    """Config."""

    image: Word = ""
    env: list[str] | None = None
    labels: Labels | None = None
    tty: bool = False
    healthcheck: Healthcheck | None = None


class RestartPolicy(Struct, rename="pascal"):
    """HostConfig.RestartPolicy."""

    name: Word = ""


class LogConfig(Struct, rename="pascal"):
    """HostConfig.LogConfig."""

    type: Word = ""
    config: Labels | None = None


class Published(Struct, rename="pascal"):
    """A place on the host that leads to a port."""

    host_ip: Word = ""
    host_port: Word = ""


class HostConfig(Struct, rename="pascal"):
    """HostConfig."""

    network_mode: Word = ""
    extra_hosts: list[Word] | None = None
    memory: Whole = 0
    shm_size: Whole = 0
    pids_limit: Whole | None = None
    nano_cpus: Whole = 0
    cpu_quota: Whole = 0
    cpu_period: Whole = 0
    cpuset_cpus: Word = ""
    tmpfs: Labels | None = None
    restart_policy: RestartPolicy | None = None
    log_config: LogConfig | None = None
    port_bindings: dict[Word, list[Published] | None] | None = None


class Endpoint(Struct, rename="pascal"):
    """One of NetworkSettings.Networks."""

    network_id: Word = field(default="", name="NetworkID")
    ip_address: Word = field(default="", name="IPAddress")
    global_ipv6_address: Word = field(default="", name="GlobalIPv6Address")
    aliases: list[Word] | None = None
    dns_names: list[Word] | None = field(default=None, name="DNSNames")


class NetworkSettings(Struct, rename="pascal"):
    """NetworkSettings."""

    networks: dict[Word, Endpoint | None] | None = None
    ports: dict[Word, list[Published] | None] | None = None


class MountPoint(Struct, rename="pascal"):
    """One of Mounts."""

    type: Word = ""
    name: Word = ""
    source: str = ""
    destination: str = ""
    rw: bool = field(default=False, name="RW")
    driver: Word = ""


class Inspected(Struct, rename="pascal"):
    """GET /containers/{id}/json."""

    id: Word
    name: Word = ""
    created: Word = ""
    restart_count: Count = 0
    state: State | None = None
    config: Config | None = None
    host_config: HostConfig | None = None
    network_settings: NetworkSettings | None = None
    mounts: list[MountPoint] | None = None


class Pool(Struct, rename="pascal"):
    """One of IPAM.Config."""

    subnet: Word = ""


class Ipam(Struct, rename="pascal"):
    """IPAM."""

    config: list[Pool] | None = None


class ListedNetwork(Struct, rename="pascal"):
    """One element of GET /networks, or GET /networks/{id}."""

    id: Word = ""
    name: Word = ""
    driver: Word = ""
    internal: bool = False
    labels: Labels | None = None
    ipam: Ipam | None = field(default=None, name="IPAM")


class ListedVolume(Struct, rename="pascal"):
    """One of Volumes, or GET /volumes/{name}."""

    name: Word = ""
    driver: Word = ""
    mountpoint: str = ""
    created_at: Word = ""
    labels: Labels | None = None
    options: Labels | None = None


class Volumes(Struct, rename="pascal"):
    """GET /volumes."""

    volumes: list[ListedVolume] | None = None


class MemoryStats(Struct):
    """memory_stats; `limit` may be the largest number of 64 bits, for none."""

    usage: Count | None = None
    limit: int | None = None
    stats: dict[str, int] | None = None


class CpuUsage(Struct):
    """cpu_stats.cpu_usage, in nanoseconds."""

    total_usage: Count = 0
    percpu_usage: list[Count] | None = None


class Throttling(Struct):
    """cpu_stats.throttling_data."""

    periods: Count = 0
    throttled_periods: Count = 0


class CpuStats(Struct):
    """cpu_stats."""

    cpu_usage: CpuUsage | None = None
    online_cpus: Count = 0
    throttling_data: Throttling | None = None


class PidsStats(Struct):
    """pids_stats; `limit` as for memory."""

    current: Count = 0
    limit: int | None = None


class Stats(Struct):
    """GET /containers/{id}/stats."""

    read: Word = ""
    memory_stats: MemoryStats | None = None
    cpu_stats: CpuStats | None = None
    pids_stats: PidsStats | None = None


class Actor(Struct, rename="pascal"):
    """Who an event is about."""

    id: Word = field(default="", name="ID")
    attributes: Labels | None = None


class ListedEvent(Struct, rename="pascal"):
    """One line of GET /events."""

    action: Word
    actor: Actor
    time_nano: Whole = field(name="timeNano")


class Created(Struct, rename="pascal"):
    """POST /containers/{id}/exec."""

    id: Word


class Execution(Struct, rename="pascal"):
    """GET /exec/{id}/json."""

    exit_code: Whole | None = None


class Complaint(Struct):
    """The body of an answer other than 200."""

    message: str


def values_in(body: bytes | bytearray) -> int:
    """How many values a JSON text can hold at most."""
    return sum(map(body.count, (b",", b"[", b"{")))


def decode(body: bytes, kind: type[A], what: str) -> A:
    """An answer's body as the type; raises CouldNotCheck when it is another thing. what: the answer, in words."""
    with _LEARNING:
        decoder = _DECODERS.get(kind) or _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        found: A = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise CouldNotCheck(f"{what} is not one of a Docker engine: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CouldNotCheck(f"{what} is not one of a Docker engine: it is not JSON") from None
    except RecursionError:
        raise CouldNotCheck(f"{what} is not one of a Docker engine: it is nested too deeply") from None
    return found


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Values of the right type that mean nothing, such as the 32nd of a month, raise CouldNotCheck too."""
    try:
        yield
    except (ValueError, ArithmeticError) as error:
        raise CouldNotCheck(f"{what} is not one of a Docker engine ({type(error).__name__})") from None


def plain(value: A) -> A:
    """The record of an answer that is one already."""
    return value


Record = Callable[[A], Any]
