"""What a Docker engine answers, as our records: pure, and forgiving about what an engine leaves out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from oncall.facts.containers import HealthStatus, Status
from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Pattern
from oncall.runtimes.engine_answers import (
    Config,
    CpuStats,
    CpuUsage,
    Healthcheck,
    HostConfig,
    Inspected,
    Ipam,
    ListedEvent,
    ListedNetwork,
    ListedVolume,
    LogConfig,
    MemoryStats,
    MountPoint,
    NetworkSettings,
    Probed,
    ProbedHealth,
    Published,
    RestartPolicy,
    State,
    Stats,
    Throttling,
)
from oncall.runtimes.runtime import Attachment, Container, Event, Health, Mount, Network, Sample, Volume

COMPOSE = "com.docker.compose."
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead", "stopping")
HEALTH = ("starting", "healthy", "unhealthy")
NOISE = ("exec_create", "exec_start", "exec_die", "top", "resize", "attach")
TIME = Pattern(r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,12}))?(?P<zone>Z|[+-]\d\d:\d\d)")
FIRST, LAST = 1970, 2261  # what nanoseconds of 64 bits can say, as engines count them
ID = Pattern(r"[0-9a-f]{12,64}")
ANONYMOUS = Pattern(r"[0-9a-f]{64}")
SHORT_NUMBER = Pattern(r"-?\d{1,9}")
NANO = 1e9
DEFAULT_SECONDS = 30.0
UNLIMITED = 2**62  # cgroup v1 says 2**63 less a page, v2 the largest number of 64 bits


def moment(text: str) -> datetime | None:
    """An engine's time, None for none and for year 1, which means never; raises ValueError for what is no time."""
    if not text or text.startswith("0001-"):
        return None
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError("not a time")
    zone = "+00:00" if found["zone"] == "Z" else found["zone"]
    read = datetime.fromisoformat(f"{found['seconds']}.{(found['fraction'] or '')[:6]:0<6}{zone}").astimezone(UTC)
    if not FIRST <= read.year <= LAST:
        raise ValueError("not a time of an engine")
    return read


def identifier(text: str) -> str:
    """An id as the engine makes them; raises ValueError for another text, which must not become part of a path."""
    if not ID.fullmatch(text):
        raise ValueError("not an id")
    return text


def container(inspected: Inspected) -> Container:
    """One container; raises ValueError or ArithmeticError for values that no engine gives."""
    state, config = inspected.state or State(), inspected.config or Config()
    host, network = inspected.host_config or HostConfig(), inspected.network_settings or NetworkSettings()
    labels = {name: value for name, value in (config.labels or {}).items() if name.startswith(COMPOSE)}
    logs = host.log_config or LogConfig()
    started = moment(state.started_at)
    return Container(
        id=identifier(inspected.id),
        name=inspected.name.lstrip("/"),
        service=labels.get(SERVICE, "")[:255],
        number=labels.get("com.docker.compose.container-number", "")[:20],
        image=config.image,
        status=cast(Status, state.status if state.status in STATUSES else ""),
        error=" ".join(state.error[:2000].split()),
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        restarts=inspected.restart_count,
        restart_policy=(host.restart_policy or RestartPolicy()).name,
        created_at=moment(inspected.created),
        started_at=started,
        finished_at=moment(state.finished_at),
        process=state.pid,
        health=_health(state.health, config.healthcheck or Healthcheck(), started),
        environment=dict(entry.partition("=")[::2] for entry in config.env or ()),
        mounts=tuple(map(_mount, inspected.mounts or ())) + _tmpfs(host, inspected),
        networks={
            name: Attachment(
                network_id=one.network_id,
                address=one.ip_address or one.global_ipv6_address,
                aliases=tuple(dict.fromkeys([*(one.aliases or ()), *(one.dns_names or ())])),
            )
            for name, one in (network.networks or {}).items()
            if one
        },
        network_mode=host.network_mode,
        extra_hosts=tuple(host.extra_hosts or ()),
        ports=_ports(network.ports or host.port_bindings or {}),
        memory_limit=max(0, host.memory),
        cpus=_cpus(host),
        pids_limit=max(0, host.pids_limit or 0),
        shared_memory=max(0, host.shm_size),
        log_driver=logs.type,
        log_options=dict(logs.config or {}),
        terminal=config.tty,
        config_hash=labels.get("com.docker.compose.config-hash", "")[:255],
        labels=labels,
    )


def _ports(bindings: Mapping[str, list[Published] | None]) -> dict[str, tuple[str, ...]]:
    """Of a container that does not run, those that it was made with; a port that the engine chooses is none then."""
    return {
        port: tuple(f"{one.host_ip or '0.0.0.0'}:{one.host_port}" for one in published or () if one.host_port)  # noqa: S104
        for port, published in bindings.items()
    }


def _health(health: ProbedHealth | None, declared: Healthcheck, started: datetime | None) -> Health | None:
    if health is None or health.status not in HEALTH:
        return None
    results = [one for one in health.log or () if one]
    last = results[-1] if results else Probed()
    interval, timeout = _seconds(declared.interval), _seconds(declared.timeout)
    since, within = _failing(results, health.failing_streak, started, interval)
    return Health(
        status=cast(HealthStatus, health.status),
        streak=health.failing_streak,
        exit_code=last.exit_code,
        output=" ".join(last.output[:4000].split())[:200],
        starting_seconds=declared.start_period / NANO + (declared.retries or 3) * (interval + timeout),
        failing_since=since,
        since_within_seconds=within,
    )


def _failing(
    results: list[Probed], streak: int, started: datetime | None, interval: float
) -> tuple[datetime | None, float]:
    """When the first of the failures in a row ended, and how much earlier things may have gone wrong.

    The engine keeps five results. What is older is counted back by the pace of those, but not past the last start.
    """
    ends: list[datetime] = []
    took = 0.0
    for one in reversed(results[-streak:] if streak else ()):
        begun, ended = moment(one.start), moment(one.end)
        if begun is None or ended is None or not one.exit_code or (started and begun < started):
            break
        ends.insert(0, ended)
        took = max(0.0, (ended - begun).total_seconds())
    if not ends:
        return None, 0.0
    forgotten = streak - len(ends)
    if forgotten <= 0:
        return ends[0], round(took, 3)
    pace = (ends[-1] - ends[0]).total_seconds() / (len(ends) - 1) if len(ends) > 1 else interval
    since = ends[0] - timedelta(seconds=forgotten * pace)
    return max(since, started) if started else since, round(pace + took, 3)


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / NANO if nanoseconds else DEFAULT_SECONDS


def _mount(one: MountPoint) -> Mount:
    return Mount(
        kind=one.type,
        name=one.name,
        source=one.source[:4096],
        destination=one.destination[:4096],
        writable=one.rw,
        driver=one.driver,
    )


def _tmpfs(host: HostConfig, inspected: Inspected) -> tuple[Mount, ...]:
    """`--tmpfs` stands in the host's settings only."""
    known = {one.destination for one in inspected.mounts or ()}
    return tuple(
        Mount(kind="tmpfs", name="", source="", destination=path[:4096], writable="ro" not in options.split(","))
        for path, options in (host.tmpfs or {}).items()
        if path not in known
    )


def _cpus(host: HostConfig) -> float | None:
    """How many CPUs it may use: a quota, or the CPUs that it is pinned to."""
    allowed: list[float] = []
    if host.nano_cpus > 0:
        allowed.append(host.nano_cpus / NANO)
    if host.cpu_quota > 0:
        allowed.append(host.cpu_quota / (host.cpu_period if host.cpu_period > 0 else 100_000))
    if host.cpuset_cpus:
        ranges = [part.partition("-")[::2] for part in host.cpuset_cpus.split(",") if part]
        allowed.append(float(sum(max(0, int(last or first) - int(first)) + 1 for first, last in ranges)))
    return min(allowed) if allowed else None


def network(listed: ListedNetwork) -> Network:
    """One network."""
    pools = (listed.ipam or Ipam()).config or ()
    return Network(
        id=listed.id,
        name=listed.name,
        driver=listed.driver,
        subnets=tuple(pool.subnet for pool in pools if pool.subnet),
        internal=listed.internal,
        project=(listed.labels or {}).get(PROJECT, "")[:255],
    )


def volume(listed: ListedVolume) -> Volume:
    """One volume."""
    return Volume(
        name=listed.name,
        driver=listed.driver,
        mountpoint=listed.mountpoint[:4096],
        anonymous=bool(ANONYMOUS.fullmatch(listed.name)),
        options=dict(listed.options or {}),
        project=(listed.labels or {}).get(PROJECT, "")[:255],
        created_at=_made(listed.created_at),
    )


def _made(text: str) -> datetime | None:
    """A plugin's volume has a time of its own kind, or none."""
    try:
        return moment(text)
    except ValueError:
        return None


def sample(stats: Stats) -> Sample:
    """One frame of statistics; raises CouldNotCheck when it counts nothing, as for a container that has just ended."""
    memory, cpu, pids = stats.memory_stats or MemoryStats(), stats.cpu_stats or CpuStats(), stats.pids_stats
    usage, throttling = cpu.cpu_usage or CpuUsage(), cpu.throttling_data or Throttling()
    at = moment(stats.read)
    if at is None or memory.usage is None or not usage.total_usage:
        raise CouldNotCheck(
            "the Docker engine has no statistics: the container has just ended, or cgroup accounting is off"
        )
    details = memory.stats or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return Sample(
        at=at.timestamp(),
        memory=max(0, memory.usage - max(0, cache)),
        memory_limit=_limit(memory.limit),
        cpu_seconds=usage.total_usage / NANO,
        cpus=cpu.online_cpus or len(usage.percpu_usage or ()) or 1,
        periods=throttling.periods,
        throttled=throttling.throttled_periods,
        pids=pids.current if pids else 0,
        pids_limit=_limit(pids.limit if pids else None),
    )


def _limit(number: int | None) -> int:
    return number if number and 0 < number < UNLIMITED else 0


def event(listed: ListedEvent) -> Event | None:
    """Something that the engine remembers; None for what every probe run of ours and every health check leaves."""
    if listed.action.startswith(NOISE):
        return None
    attributes = listed.actor.attributes or {}
    return Event(
        action=listed.action,
        container_id=listed.actor.id,
        service=attributes.get(SERVICE, "")[:255],
        at=datetime.fromtimestamp(listed.time_nano / NANO, UTC),
        image=attributes.get("image", "")[:1024],
        exit_code=_number(attributes.get("exitCode")),
        signal=_number(attributes.get("signal")),
        one_off=attributes.get(ONE_OFF, "").lower() == "true",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and SHORT_NUMBER.fullmatch(text) else None
